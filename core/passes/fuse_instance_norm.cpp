#include <algorithm>
#include <optional>

#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"
#include "core/passes/written_norm.h"

namespace whittle {
namespace {

/** Whether `axes` are those from 2 to the last of `rank`. */
bool are_spatial(std::vector<int64_t> axes, int rank) {
  if (static_cast<int>(axes.size()) != rank - 2) return false;
  for (int64_t& axis : axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes.begin(), axes.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(i) + 2) return false;
  }
  return true;
}

/** One value for each channel of a tensor of rank `rank`: [1, C, 1 ...] or [C, 1 ...]. */
std::optional<Tensor> channels(const Graph& graph, ValueId id, int rank) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32) return std::nullopt;
  const Shape& shape = tensor->shape();
  const int channel = shape.rank() - (rank - 1);
  if (channel < 0 || channel > 1 || shape[channel] != tensor->elements()) return std::nullopt;
  return tensor->reshaped(Shape{tensor->elements()});
}

bool fuse(Graph& graph, const Matcher& match, const Node& divide) {
  const auto norm = find_written_norm(graph, match, divide);
  if (!norm || norm->beta == kNoValue) return false;
  const auto rank = match.rank(norm->x);
  if (!rank || *rank < 3 || !are_spatial(norm->axes, *rank)) return false;
  auto scale = channels(graph, norm->gamma, *rank);
  auto shift = channels(graph, norm->beta, *rank);
  if (!scale || !shift || scale->elements() != shift->elements()) return false;
  Node& last = graph.nodes[static_cast<size_t>(norm->last - graph.nodes.data())];
  last.op = "InstanceNormalization";
  last.inputs = {norm->x, graph.add_constant(graph.value(norm->gamma).name, std::move(*scale)),
                 graph.add_constant(graph.value(norm->beta).name, std::move(*shift))};
  last.attributes = {{"epsilon", norm->epsilon}};
  return true;
}

}  // namespace

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta over the pixels of each channel, written
 * out in nine operators, becomes one InstanceNormalization. What nobody reads any more is left for
 * eliminate_dead_code. */
bool fuse_instance_norm(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return fuse_instance_norm(subgraph, context); });
  }
  const Matcher match(graph);
  for (const Node& node : graph.nodes) changed |= fuse(graph, match, node);
  return changed;
}

}  // namespace whittle
