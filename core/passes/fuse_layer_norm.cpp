#include <algorithm>

#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"
#include "core/passes/written_norm.h"

namespace whittle {
namespace {

constexpr int64_t kLayerNormOpset = 17;
constexpr int64_t kRmsNormOpset = 23;

/** The first of `axes` from the end, where they are the last ones; 0 where they are not. */
int64_t first_of_last(std::vector<int64_t> axes, std::optional<int> rank) {
  for (int64_t& axis : axes) {
    if (axis < 0) continue;
    if (!rank) return 0;
    axis -= *rank;
  }
  std::sort(axes.begin(), axes.end());
  const auto count = static_cast<int64_t>(axes.size());
  for (int64_t i = 0; i < count; ++i) {
    if (axes[static_cast<size_t>(i)] != i - count) return 0;
  }
  return -count;
}

/** Whether `id` is a constant with one value for each normalized element of `axes` dimensions. */
bool covers(const Graph& graph, ValueId id, int64_t axes, const Shape& shape) {
  const Tensor* tensor = graph.constant(id);
  return tensor != nullptr && tensor->dtype() == DType::f32 && tensor->shape() == shape &&
         shape.rank() == axes;
}

bool fuse_layer(Graph& graph, const Matcher& match, const Node& divide) {
  const auto norm = find_written_norm(graph, match, divide);
  if (!norm) return false;
  const int64_t first = first_of_last(norm->axes, match.rank(norm->x));
  if (first == 0) return false;
  const Shape shape = graph.constant(norm->gamma)->shape();
  if (!covers(graph, norm->gamma, -first, shape)) return false;
  if (norm->beta != kNoValue && !covers(graph, norm->beta, -first, shape)) return false;
  // A scale of one element would be spread over a longer axis.
  if (shape.elements() == 1) return false;
  Node& last = graph.nodes[static_cast<size_t>(norm->last - graph.nodes.data())];
  last.op = "LayerNormalization";
  last.inputs = {norm->x, norm->gamma};
  if (norm->beta != kNoValue) last.inputs.push_back(norm->beta);
  last.attributes = {{"axis", first}, {"epsilon", norm->epsilon}};
  return true;
}

/** x and the sum under the root, of x / root or x * (1 / root). */
bool find_scaled(const Matcher& match, ValueId id, ValueId& x, ValueId& sum) {
  if (const Node* divide = match.made_only_for(id, "Div")) {
    x = divide->input(0);
    sum = find_rooted(match, divide->input(1));
    return sum != kNoValue;
  }
  const Node* mul = match.made_only_for(id, "Mul");
  for (size_t side = 0; mul != nullptr && side < 2; ++side) {
    ValueId root = kNoValue;
    if (const Node* inverse = match.made_by(mul->input(side), "Reciprocal")) {
      root = inverse->input(0);
    } else if (const Node* divide = match.made_by(mul->input(side), "Div")) {
      if (match.scalar(divide->input(0)) == 1.0f) root = divide->input(1);
    }
    sum = find_rooted(match, root);
    x = mul->input(1 - side);
    if (sum != kNoValue) return true;
  }
  return false;
}

/** x / sqrt(mean(x^2) + epsilon) * gamma */
bool fuse_rms(Graph& graph, const Matcher& match, Node& scaled) {
  if (!scaled.is("Mul")) return false;
  for (size_t side = 0; side < 2; ++side) {
    const ValueId gamma = scaled.input(side);
    ValueId x = kNoValue, sum = kNoValue;
    if (graph.constant(gamma) == nullptr) continue;
    if (!find_scaled(match, scaled.input(1 - side), x, sum)) continue;
    const Node* add = match.made_by(sum, "Add");
    for (size_t part = 0; add != nullptr && part < 2; ++part) {
      const auto epsilon = match.scalar(add->input(1 - part));
      std::vector<int64_t> axes;
      const ValueId squared = find_mean(graph, match, add->input(part), axes);
      if (!epsilon || squared == kNoValue || find_squared(match, squared) != x) continue;
      const int64_t first = first_of_last(axes, match.rank(x));
      const Shape shape = graph.constant(gamma)->shape();
      if (first == 0 || !covers(graph, gamma, -first, shape) || shape.elements() == 1) continue;
      scaled.op = "RMSNormalization";
      scaled.inputs = {x, gamma};
      scaled.attributes = {{"axis", first}, {"epsilon", *epsilon}};
      return true;
    }
  }
  return false;
}

}  // namespace

/** Normalizations over the last axes, written out operator by operator, become LayerNormalization
 * (opset 17) and RMSNormalization (opset 23), where the context's opset has them. What nobody reads
 * any more is left for eliminate_dead_code. */
bool fuse_layer_norm(Graph& graph, const PassContext& context) {
  if (context.opset < kLayerNormOpset) return false;
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return fuse_layer_norm(subgraph, context); });
  }
  const Matcher match(graph);
  for (Node& node : graph.nodes) {
    changed |= fuse_layer(graph, match, node);
    if (context.opset >= kRmsNormOpset) changed |= fuse_rms(graph, match, node);
  }
  return changed;
}

}  // namespace whittle
