#include "core/compress/cluster/support/output_importance.h"

#include <algorithm>

#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Adds the squared factors of the normalisation behind a layer; false where there is none. */
bool add_factors(const Graph& graph, const GraphIndex& index, const Node& layer,
                 std::vector<double>& sums) {
  // No channel is free, whatever its factor.
  constexpr double kLeast = 1e-12;
  const Node* norm = index.only_consumer(layer.output(0));
  if (norm == nullptr || !norm->is("BatchNormalization")) return false;
  const Tensor* gamma = graph.constant(norm->input(1));
  const Tensor* variance = graph.constant(norm->input(4));
  for (const Tensor* part : {gamma, variance}) {
    const bool fits = part != nullptr && part->dtype() == DType::f32 &&
                      part->elements() == static_cast<int64_t>(sums.size());
    if (!fits) return false;
  }
  const double epsilon = norm->float_attribute("epsilon", 1e-5f);
  for (size_t c = 0; c < sums.size(); ++c) {
    const double factor = gamma->data<float>()[c];
    const double spread = static_cast<double>(variance->data<float>()[c]) + epsilon;
    if (!(spread > 0)) return false;
    sums[c] += std::max(kLeast, factor * factor / spread);
  }
  return true;
}

}  // namespace

std::vector<float> output_importance(const Graph& graph, const std::vector<WeightReader>& readers,
                                     int64_t outputs) {
  const GraphIndex index(graph);
  std::vector<double> sums(static_cast<size_t>(outputs), 0.0);
  for (const WeightReader& reader : readers) {
    if (!add_factors(graph, index, *reader.node, sums)) return {};
  }
  double total = 0;
  for (double sum : sums) total += sum;
  if (!(total > 0)) return {};
  std::vector<float> importance;
  for (double sum : sums) {
    importance.push_back(static_cast<float>(sum / total * static_cast<double>(outputs)));
  }
  return importance;
}

}  // namespace whittle
