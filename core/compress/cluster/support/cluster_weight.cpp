#include "core/compress/cluster/support/cluster_weight.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace whittle {

std::vector<float> cluster_values(std::span<const float> values, std::span<const float> importance,
                                  const ClusterOptions& options, const CancelFlag& cancel) {
  ClusterGoal goal;
  goal.clusters = options.entries();
  const auto zeros = static_cast<size_t>(std::count(values.begin(), values.end(), 0.0f));
  goal.keep_zero = zeros * goal.clusters >= values.size();
  cancel.poll();
  const WeightedPoints points(values, importance);
  std::vector<float> centers = options.optimal ? optimal_kmeans(points, goal, cancel)
                                               : kmeans(points, goal, options.seed, cancel);
  centers.resize(goal.clusters, centers.back());
  return centers;
}

std::vector<float> cluster_groups(const Tensor& weight, const PaletteGroups& groups,
                                  std::span<const float> importance, const ClusterOptions& options,
                                  const CancelFlag& cancel) {
  const std::span<const float> w = weight.data<float>();
  std::vector<std::vector<float>> values(groups.count());
  std::vector<std::vector<float>> weights(groups.count());
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t g = groups.of(i);
    values[g].push_back(w[i]);
    if (!importance.empty()) weights[g].push_back(importance[i]);
  }
  std::vector<float> codebooks;
  for (size_t g = 0; g < values.size(); ++g) {
    ClusterOptions own = options;
    own.seed += g;
    const std::vector<float> book = cluster_values(values[g], weights[g], own, cancel);
    codebooks.insert(codebooks.end(), book.begin(), book.end());
  }
  return codebooks;
}

std::vector<float> group_scales(const Tensor& weight, const PaletteGroups& groups) {
  std::vector<double> squares(groups.count(), 0.0);
  std::vector<double> counts(groups.count(), 0.0);
  const std::span<const float> w = weight.data<float>();
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t g = groups.of(i);
    squares[g] += static_cast<double>(w[i]) * w[i];
    counts[g] += 1;
  }
  std::vector<float> scales;
  for (size_t g = 0; g < squares.size(); ++g) {
    const auto rms = static_cast<float>(std::sqrt(squares[g] / counts[g]));
    scales.push_back(std::isnormal(rms) ? rms : 1.0f);
  }
  return scales;
}

void require_finite(const Tensor& weight, const std::string& name) {
  for (float w : weight.data<float>()) {
    if (std::isfinite(w)) continue;
    fail(Code::INVALID_MODEL, name, "Expected finite weights for \"", name,
         "\" but received a value that is ", std::isnan(w) ? "not a number" : "infinite",
         ". Export the model again, or leave the layer out with a \"skip\" rule");
  }
}

}  // namespace whittle
