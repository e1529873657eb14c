#pragma once

#include <vector>

#include "core/compress/factorize/support/conv_chain.h"
#include "core/compress/factorize/support/rank_choice.h"

namespace whittle {

/** The ranks of a kernel's two channel modes. */
struct TuckerRanks {
  int out = 1;
  int in = 1;
};

/** Squared singular values of one group's unfolding along each mode, descending. */
struct ModeSpectra {
  std::vector<double> out;
  std::vector<double> in;
};

/** What each rank of each mode discards, the worst of all groups: they share their ranks. */
struct ModeLoss {
  std::vector<double> out;
  std::vector<double> in;

  explicit ModeLoss(const std::vector<ModeSpectra>& groups);
  int full_out() const { return static_cast<int>(out.size()) - 1; }
  int full_in() const { return static_cast<int>(in.size()) - 1; }
  /** The HOSVD's bound for the squared relative error. */
  double bound(TuckerRanks ranks) const {
    return out[static_cast<size_t>(ranks.out)] + in[static_cast<size_t>(ranks.in)];
  }
};

/** Which modes get a convolution of their own: one at its full rank needs none, its factor goes
 * into the core. With both at full rank (asked for) both do. */
struct TuckerLinks {
  bool out = true;
  bool in = true;

  TuckerLinks(const ConvKernel& kernel, TuckerRanks ranks, TuckerRanks full);
};

/** The ranks that a layer's options ask for. `plain` are the spectra of the weights, which VBMF
 * reads; `loss` may come from data. */
TuckerRanks choose_tucker_ranks(const Options& options, const ConvKernel& kernel,
                                const ModeLoss& loss, const std::vector<ModeSpectra>& plain);

}  // namespace whittle
