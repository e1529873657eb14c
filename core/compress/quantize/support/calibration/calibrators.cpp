#include "core/compress/quantize/support/calibration/calibrators.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace whittle {
Affine ActivationForm::affine(Interval interval) const {
  if (!symmetric) return affine_of_range(interval.min, interval.max, limits());
  const float reach = std::max(-interval.min, interval.max);
  const float scale = reach / 127.0f;
  const int32_t zero = is_signed ? 0 : 128;
  return {scale < FLT_MIN ? 1.0f : scale, zero};
}

void TensorStatistics::add_range(float low, float high) {
  range.min = std::min(range.min, low);
  range.max = std::max(range.max, high);
  const float weight = samples == 0 ? 1.0f : kAveragingConstant;
  average.min += weight * (low - average.min);
  average.max += weight * (high - average.max);
  ++samples;
}

Interval percentile_interval(const Histogram& histogram, double percentile, bool symmetric) {
  const std::span<const uint64_t> counts = histogram.counts();
  const auto total = static_cast<double>(histogram.total());
  const Interval whole{histogram.min(), histogram.max()};
  if (total == 0 || histogram.width() == 0) return whole;
  const auto clipped = [&](double low, double high) {
    return Interval{std::max(static_cast<float>(low), whole.min),
                    std::min(static_cast<float>(high), whole.max)};
  };
  if (symmetric) {
    // Absolute values, folded at zero.
    const int zero = histogram.zero_bin();
    const int reach = std::max(zero, Histogram::kBins - zero);
    double sum = 0;
    int bin = 0;
    for (; bin < reach - 1; ++bin) {
      const int right = zero + bin;
      const int left = zero - 1 - bin;
      if (right < Histogram::kBins) sum += static_cast<double>(counts[static_cast<size_t>(right)]);
      if (left >= 0) sum += static_cast<double>(counts[static_cast<size_t>(left)]);
      if (sum / total >= percentile / 100) break;
    }
    const double threshold = bin * histogram.width();
    return clipped(-threshold, threshold);
  }
  const double cut = (100 - percentile) / 200;
  const auto first_reaching = [&](double share) {
    double sum = 0;
    for (int bin = 0; bin < Histogram::kBins; ++bin) {
      sum += static_cast<double>(counts[static_cast<size_t>(bin)]);
      if (sum / total >= share) return bin;
    }
    return Histogram::kBins - 1;
  };
  return clipped(histogram.edge(first_reaching(cut)), histogram.edge(first_reaching(1 - cut)));
}

const std::vector<std::string>& calibrator_names() {
  static const std::vector<std::string> names = {
      "minmax", "average", "percentile", "entropy", "mse", "auto", std::string(kByOutputs)};
  return names;
}

bool needs_histogram(std::string_view calibrator) {
  return calibrator != "minmax" && calibrator != "average";
}

std::vector<Proposal> propose_intervals(const TensorStatistics& statistics,
                                        const ActivationForm& form, double percentile) {
  const Histogram& histogram = statistics.histogram;
  std::vector<Proposal> proposals = {
      {"minmax", statistics.range},
      {"average", statistics.average},
      {"percentile", percentile_interval(histogram, percentile, form.symmetric)},
      {"entropy", entropy_interval(histogram)},
      {"mse", mse_interval(histogram, form)},
  };
  for (Proposal& proposal : proposals) {
    const Affine affine = form.affine(proposal.interval);
    proposal.sqnr_db = quantization_sqnr_db(histogram, affine, form.limits());
  }
  return proposals;
}

size_t choose_proposal(const std::vector<Proposal>& proposals, std::string_view calibrator) {
  size_t best = 0;
  for (size_t i = 0; i < proposals.size(); ++i) {
    if (proposals[i].calibrator == calibrator) return i;
    if (proposals[i].sqnr_db > proposals[best].sqnr_db) best = i;
  }
  return best;
}

}  // namespace whittle
