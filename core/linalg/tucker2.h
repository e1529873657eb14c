#pragma once

#include <span>
#include <vector>

namespace whittle {

/** K[o, c, t] = sum over a, b of out[o, a] core[a, b, t] in[b, c]: a convolution as 1x1, core,
 * 1x1. */
struct Tucker2 {
  int rank_out = 0;
  int rank_in = 0;
  std::vector<float> out;   // [outputs, rank_out], orthonormal columns
  std::vector<float> core;  // [rank_out, rank_in, taps]
  std::vector<float> in;    // [rank_in, inputs], orthonormal rows
  /** ||K - approximation|| / ||K||, where the iteration began (HOSVD) and where it ended. */
  double start_error = 0;
  double error = 0;
  int sweeps = 0;
};

/**
 * The Tucker decomposition of a kernel in its two channel modes (Kim et al. 2016), started from the
 * truncated higher-order SVD (De Lathauwer et al. 2000a) and improved by higher-order orthogonal
 * iteration (2000b), the leading subspace of each update being found by subspace iteration from the
 * last. Every sweep lowers the error or keeps it. In double precision; deterministic.
 */
class Tucker2Solver {
 public:
  /** `kernel` is [outputs, inputs, taps]. Throws INVALID_DATA where it is not finite. */
  Tucker2Solver(std::span<const float> kernel, int outputs, int inputs, int taps);

  /** Squared singular values of the unfolding of each mode, descending; min(n, rest) of them. */
  const std::vector<double>& out_spectrum() const { return out_spectrum_; }
  const std::vector<double>& in_spectrum() const { return in_spectrum_; }

  /** Begins with these ranks, each in [1, full]. */
  void start(int rank_out, int rank_in);
  /** One sweep: some 8 outputs * inputs * taps * rank operations. False once it has converged. */
  bool advance();
  Tucker2 result() const;

 private:
  double kept() const;

  int outputs_;
  int inputs_;
  int taps_;
  double norm2_ = 0;
  std::vector<double> by_out_;    // [outputs, inputs, taps]
  std::vector<double> by_in_;     // [inputs, outputs, taps]
  std::vector<double> out_full_;  // [outputs, outputs]: rows are the singular vectors of the mode
  std::vector<double> in_full_;   // [inputs, inputs]
  std::vector<double> out_spectrum_;
  std::vector<double> in_spectrum_;
  std::vector<double> out_;  // [rank_out, outputs]
  std::vector<double> in_;   // [rank_in, inputs]
  int rank_out_ = 0;
  int rank_in_ = 0;
  double start_kept_ = 0;
  double last_kept_ = 0;
  int sweeps_ = 0;
};

/**
 * The Tucker form of a kernel [outputs, inputs, taps] for given bases: K[o, c, t] is taken as
 * (V^T V)[o, p] K[p, d, t] (D E)[d, c] with V = out_rows [rank_out, outputs] and E = in_rows
 * [rank_in, inputs], both orthonormal, and D = decoder [inputs, rank_in]. Errors are left at 0.
 */
Tucker2 tucker2_of(std::span<const float> kernel, int outputs, int inputs, int taps,
                   std::span<const float> out_rows, int rank_out, std::span<const float> in_rows,
                   std::span<const float> decoder, int rank_in);

}  // namespace whittle
