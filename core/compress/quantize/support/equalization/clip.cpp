#include "core/compress/quantize/support/equalization/clip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/compress/quantize/support/weights/affine.h"

namespace whittle {
namespace {

/** Weights rounded in one step of a job: some 20 ms. */
constexpr size_t kStepWork = 1'500'000;
constexpr int kCoarse = 24;
constexpr float kLeastShare = 0.3f;
constexpr int kFine = 6;  // on either side
constexpr int kRefinements = 6;

/** The weights of every group, one group after the other. */
struct GroupedWeights {
  std::vector<float> values;
  std::vector<size_t> starts;  // groups + 1

  GroupedWeights(const Tensor& weight, const WeightGrid& grid)
      : values(static_cast<size_t>(weight.elements())), starts(grid.scale.size() + 1, 0) {
    const std::span<const float> w = weight.data<float>();
    for (size_t i = 0; i < w.size(); ++i) ++starts[grid.group_of(i) + 1];
    for (size_t g = 1; g < starts.size(); ++g) starts[g] += starts[g - 1];
    std::vector<size_t> next(starts.begin(), starts.end() - 1);
    for (size_t i = 0; i < w.size(); ++i) values[next[grid.group_of(i)]++] = w[i];
  }
  std::span<const float> group(size_t g) const {
    return std::span<const float>(values).subspan(starts[g], starts[g + 1] - starts[g]);
  }
};

/** A scale on trial over the weights of one group. */
class ScaleSearch {
 public:
  ScaleSearch(std::span<const float> weights, const WeightFormat& format, Affine start, float least)
      : weights_(weights), format_(format), start_(start), least_(least), best_(start) {
    low_ = std::min(0.0f, *std::min_element(weights.begin(), weights.end()));
    high_ = std::max(0.0f, *std::max_element(weights.begin(), weights.end()));
    error_ = error_of(start).error;
  }

  /** Tries one more scale; false when all have been. */
  bool advance() {
    const float step = (1 - kLeastShare) / kCoarse;
    const int turn = turn_++;
    if (turn < kCoarse) {
      const float tried = 1 - static_cast<float>(turn + 1) * step;
      if (attempt(narrowed(tried))) share_ = tried;
      return true;
    }
    const int fine = turn - kCoarse - kFine;  // -kFine .. kFine
    if (fine <= kFine) {
      const float tried = share_ + static_cast<float>(fine) * step / (kFine + 1);
      if (tried <= 1) attempt(narrowed(tried));
      return true;
    }
    const Outcome now = error_of(best_);
    if (now.codes_squared <= 0 || fine > kFine + kRefinements) return false;
    const float scale = static_cast<float>(now.product / now.codes_squared);
    return attempt({scale, best_.zero_point});
  }

  const Affine& best() const { return best_; }

 private:
  struct Outcome {
    double error = 0;          // sum of (s (q - z) - w)^2
    double product = 0;        // sum of w (q - z)
    double codes_squared = 0;  // sum of (q - z)^2
  };

  Affine narrowed(float share) const {
    if (format_.symmetric) return {start_.scale * share, start_.zero_point};
    return affine_of_range(low_ * share, high_ * share, {format_.min(), format_.max()});
  }

  Outcome error_of(Affine affine) const {
    const auto zero = static_cast<float>(affine.zero_point);
    const float low = static_cast<float>(format_.min()) - zero;
    const float high = static_cast<float>(format_.max()) - zero;
    Outcome outcome;
    for (float w : weights_) {
      const float code = std::clamp(std::nearbyint(w / affine.scale), low, high);
      const float error = affine.scale * code - w;
      outcome.error += static_cast<double>(error) * error;
      outcome.product += static_cast<double>(code) * w;
      outcome.codes_squared += static_cast<double>(code) * code;
    }
    return outcome;
  }

  bool attempt(Affine affine) {
    if (!(affine.scale >= least_) || !std::isnormal(affine.scale)) return false;
    const double error = error_of(affine).error;
    if (!(error < error_)) return false;
    error_ = error;
    best_ = affine;
    return true;
  }

  std::span<const float> weights_;
  const WeightFormat& format_;
  Affine start_;
  float least_;
  float low_ = 0;
  float high_ = 0;
  Affine best_;
  double error_ = 0;
  float share_ = 1;
  int turn_ = 0;
};

}  // namespace

Job clip_to_least_error(const CancelFlag& cancel, const Tensor& weight, WeightGrid& grid,
                        std::span<const float> min_scales) {
  const GroupedWeights grouped(weight, grid);
  size_t work = 0;
  for (size_t g = 0; g < grid.scale.size(); ++g) {
    const std::span<const float> weights = grouped.group(g);
    if (weights.empty()) continue;
    const float least = g < min_scales.size() ? min_scales[g] : 0.0f;
    ScaleSearch search(weights, grid.format, {grid.scale[g], grid.zero_point[g]}, least);
    while (search.advance()) {
      work += weights.size();
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("clip weights", "", static_cast<int64_t>(g),
                               static_cast<int64_t>(grid.scale.size()));
    }
    grid.scale[g] = search.best().scale;
    grid.zero_point[g] = search.best().zero_point;
  }
}

}  // namespace whittle
