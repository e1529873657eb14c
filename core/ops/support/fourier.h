#pragma once

#include <span>
#include <vector>

namespace whittle {

struct Complex {
  double re = 0;
  double im = 0;
};

/**
 * The discrete Fourier transform of any length: X[k] = sum over n of x[n] e^(-2 pi i k n / N), or
 * with the sign turned and divided by N for the inverse. Cooley and Tukey's algorithm for powers of
 * two, Bluestein's (the transform as a convolution with a chirp, 1970) for the rest: O(N log N).
 */
class FourierTransform {
 public:
  explicit FourierTransform(size_t length);
  /** Transforms `values`, which has the length, in place. */
  void run(std::span<Complex> values, bool inverse);

 private:
  void transform_power_of_two(std::span<Complex> values) const;
  void forward(std::span<Complex> values);

  size_t length_;
  size_t padded_;                // a power of two
  std::vector<Complex> roots_;   // e^(-2 pi i k / padded) for k < padded / 2
  std::vector<Complex> chirp_;   // e^(-pi i n^2 / length); empty for powers of two
  std::vector<Complex> filter_;  // transform of the conjugate chirp, wrapped around
  std::vector<Complex> work_;
};

}  // namespace whittle
