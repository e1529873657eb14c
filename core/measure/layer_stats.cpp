#include "core/measure/layer_stats.h"

#include <algorithm>
#include <cmath>

namespace whittle {
namespace {

using nlohmann::json;

/** A line through fewer pairs explains noise. */
constexpr double kLeastPairs = 32;
constexpr double kExplainedDb = 10;
/** Mean |ln slope|: quantization changes the scale of a channel by a few percent at most. */
constexpr double kLeastSlope = 0.1;
/** What an exact fit counts as. */
constexpr double kExactDb = 300;

json number_or_null(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

void LayerStats::add(std::span<const float> original, std::span<const float> compressed,
                     const Shape& shape, int axis) {
  stats_.add(original, compressed);
  if (shape.rank() < 2) return;
  const int64_t count = shape[axis];
  if (channels_.empty()) channels_.resize(static_cast<size_t>(count));
  if (channels_.size() != static_cast<size_t>(count)) return;
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  const int64_t outer = shape.elements(0, axis);
  size_t at = 0;
  for (int64_t o = 0; o < outer; ++o) {
    for (Channel& channel : channels_) {
      for (int64_t i = 0; i < inner; ++i, ++at) {
        const double a = original[at];
        const double b = compressed[at];
        if (!std::isfinite(a) || !std::isfinite(b)) continue;
        channel.n += 1;
        channel.a += a;
        channel.b += b;
        channel.aa += a * a;
        channel.bb += b * b;
        channel.ab += a * b;
      }
    }
  }
}

LayerStats::Fit LayerStats::fit() const {
  Fit fit;
  const std::optional<double> plain = stats_.sqnr_db();
  if (!plain || stats_.non_finite() > 0) return fit;
  double signal = 0;
  double noise = 0;
  double dot = 0;
  double other = 0;
  double slopes = 0;
  double weight = 0;
  for (const Channel& c : channels_) {
    if (c.n < kLeastPairs) return fit;
    const double var_a = std::max(0.0, c.aa - c.a * c.a / c.n);
    const double var_b = std::max(0.0, c.bb - c.b * c.b / c.n);
    const double cov = c.ab - c.a * c.b / c.n;
    const double slope = var_b > 0 && cov > 0 ? cov / var_b : 1;
    const double shift = (c.a - slope * c.b) / c.n;
    signal += c.aa;
    noise += std::max(0.0, var_a - 2 * slope * cov + slope * slope * var_b);
    dot += slope * c.ab + shift * c.a;
    other += slope * slope * c.bb + 2 * slope * shift * c.b + shift * shift * c.n;
    slopes += var_a * std::fabs(std::log(slope));
    weight += var_a;
  }
  if (weight <= 0 || slopes / weight < kLeastSlope) return fit;
  fit.sqnr_db = noise > 0 ? std::min(kExactDb, 10 * std::log10(signal / noise)) : kExactDb;
  fit.cosine = dot / std::sqrt(signal * other);
  fit.rescaled = fit.sqnr_db >= *plain + kExplainedDb;
  return fit;
}

json LayerStats::to_json() const {
  const Fit line = fit();
  json out = {{"sqnrDb", number_or_null(stats_.sqnr_db())},
              {"cosine", number_or_null(stats_.cosine())},
              {"maxError", stats_.max_error()},
              {"exact", stats_.exact()}};
  if (line.rescaled) {
    out["sqnrDb"] = line.sqnr_db;
    out["cosine"] = line.cosine;
    out["maxError"] = nullptr;
    out["rescaled"] = true;
  }
  if (stats_.non_finite() > 0) out["nonFinite"] = stats_.non_finite();
  return out;
}

double LayerStats::badness_db() const {
  if (stats_.exact()) return INFINITY;
  const Fit line = fit();
  if (line.rescaled) return line.sqnr_db;
  return stats_.sqnr_db().value_or(-INFINITY);
}

}  // namespace whittle
