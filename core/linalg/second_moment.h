#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whittle {

/** C = the sum of x x^T over vectors x of a stream, in memory that does not grow with it. */
class SecondMoment {
 public:
  explicit SecondMoment(int n);
  static int64_t bytes(int n);

  void add(std::span<const float> vector);
  int n() const { return n_; }
  int64_t count() const { return count_; }
  /** Adds what waits to be added; [n, n], symmetric. */
  std::span<const double> finish();

 private:
  static constexpr int kBatch = 64;
  void flush();

  int n_;
  int64_t count_ = 0;
  int filled_ = 0;
  std::vector<double> batch_;  // [kBatch, n]
  std::vector<double> sums_;   // [n, n], the lower triangle
};

}  // namespace whittle
