#include "core/compress/factorize/support/tucker_ranks.h"

#include <algorithm>
#include <cmath>

#include "core/linalg/vbmf.h"

namespace whittle {
namespace {

/** Parameters of a group's chain. */
double parameters(const ConvKernel& kernel, const ModeLoss& loss, TuckerRanks ranks) {
  const TuckerLinks links(kernel, ranks, {loss.full_out(), loss.full_in()});
  return static_cast<double>(links.out ? ranks.out : kernel.outputs) *
             (links.in ? ranks.in : kernel.inputs) * kernel.taps() +
         (links.out ? static_cast<double>(kernel.outputs) * ranks.out : 0.0) +
         (links.in ? static_cast<double>(kernel.inputs) * ranks.in : 0.0);
}

/** Ranks worth trying, by mode. */
struct Candidates {
  std::vector<int> out;
  std::vector<int> in;
};

/** The fewest parameters whose bound is within `loss`. */
TuckerRanks cheapest_within(const ConvKernel& kernel, const ModeLoss& loss,
                            const Candidates& candidates, double allowed) {
  TuckerRanks best{loss.full_out(), loss.full_in()};
  double least = parameters(kernel, loss, best);
  for (int out : candidates.out) {
    for (int in : candidates.in) {
      const double cost = parameters(kernel, loss, {out, in});
      if (loss.bound({out, in}) > allowed || cost >= least) continue;
      best = {out, in};
      least = cost;
    }
  }
  return best;
}

/** The least bound within a number of parameters; the fewest parameters where nothing fits. */
TuckerRanks closest_within(const ConvKernel& kernel, const ModeLoss& loss,
                           const Candidates& candidates, double most) {
  TuckerRanks best{candidates.out.front(), candidates.in.front()};
  if (parameters(kernel, loss, best) > most) best = {1, 1};
  double least = loss.bound(best);
  for (int out : candidates.out) {
    for (int in : candidates.in) {
      if (parameters(kernel, loss, {out, in}) > most || loss.bound({out, in}) >= least) continue;
      best = {out, in};
      least = loss.bound(best);
    }
  }
  return best;
}

int vbmf_rank(const std::vector<double>& squares, int rows, int cols) {
  std::vector<double> values;
  for (double square : squares) values.push_back(std::sqrt(square));
  return std::max(1, vbmf(values, rows, cols).rank);
}

void raise_to(std::vector<double>& worst, const std::vector<double>& shares) {
  worst.resize(shares.size(), 0.0);
  for (size_t i = 0; i < shares.size(); ++i) worst[i] = std::max(worst[i], shares[i]);
}

}  // namespace

ModeLoss::ModeLoss(const std::vector<ModeSpectra>& groups) {
  for (const ModeSpectra& spectra : groups) {
    raise_to(out, discarded_shares(spectra.out));
    raise_to(in, discarded_shares(spectra.in));
  }
}

TuckerLinks::TuckerLinks(const ConvKernel& kernel, TuckerRanks ranks, TuckerRanks full) {
  const bool both_full = ranks.out == full.out && ranks.in == full.in;
  out = both_full || ranks.out < kernel.outputs;
  in = both_full || ranks.in < kernel.inputs;
}

TuckerRanks choose_tucker_ranks(const Options& options, const ConvKernel& kernel,
                                const ModeLoss& loss, const std::vector<ModeSpectra>& plain) {
  const double whole = kernel.size();
  const auto multiple = static_cast<int>(options.integer("multiple"));
  const Candidates candidates = {candidate_ranks(loss.full_out(), multiple),
                                 candidate_ranks(loss.full_in(), multiple)};
  TuckerRanks ranks;
  switch (rank_rule(options)) {
    case RankRule::rank:
      ranks = {static_cast<int>(std::min<int64_t>(options.integer("rank"), loss.full_out())),
               static_cast<int>(std::min<int64_t>(options.integer("rank"), loss.full_in()))};
      break;
    case RankRule::ratio:
      ranks = closest_within(kernel, loss, candidates, options.number("ratio") * whole);
      break;
    case RankRule::vbmf:
      for (const ModeSpectra& spectra : plain) {
        ranks.out = std::max(ranks.out,
                             vbmf_rank(spectra.out, kernel.outputs, kernel.inputs * kernel.taps()));
        ranks.in = std::max(ranks.in,
                            vbmf_rank(spectra.in, kernel.inputs, kernel.outputs * kernel.taps()));
      }
      ranks = {rank_above(ranks.out, candidates.out), rank_above(ranks.in, candidates.in)};
      break;
    case RankRule::error:
    case RankRule::energy:
      ranks = cheapest_within(kernel, loss, candidates, allowed_loss(options));
      break;
  }
  // A rank of one mode can be fixed by itself.
  const auto fixed = [&](const char* name, int rank, int full) {
    return options.has(name) ? static_cast<int>(std::min<int64_t>(options.integer(name), full))
                             : rank;
  };
  return {fixed("rankOut", ranks.out, loss.full_out()), fixed("rankIn", ranks.in, loss.full_in())};
}

}  // namespace whittle
