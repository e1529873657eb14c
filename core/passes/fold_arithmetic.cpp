#include <algorithm>

#include "core/ops/interpret.h"
#include "core/ops/support/convert.h"
#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** Joined constants are at most this much larger than the larger of the two. */
constexpr int64_t kMaxElements = 1 << 16;

bool is_all(const Tensor& tensor, double wanted) {
  if (tensor.dtype() == DType::string || tensor.dtype() == DType::boolean) return false;
  if (tensor.elements() > kMaxElements) return false;
  if (is_integer(tensor.dtype())) {
    const auto values = to_int64s(tensor, "a constant");
    return std::all_of(values.begin(), values.end(),
                       [&](int64_t value) { return static_cast<double>(value) == wanted; });
  }
  if (tensor.dtype() != DType::f32) return false;
  const auto values = tensor.data<float>();
  return std::all_of(values.begin(), values.end(),
                     [&](float value) { return static_cast<double>(value) == wanted; });
}

/** Whether a result with a constant of shape `shape` has the shape of `x` for certain. */
bool keeps_shape(const Graph& graph, ValueId x, const Shape& shape) {
  const auto& dims = graph.value(x).dims;
  if (shape.rank() == 0) return true;
  if (!dims || shape.rank() > static_cast<int>(dims->size())) return false;
  const int offset = static_cast<int>(dims->size()) - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Dim& dim = (*dims)[static_cast<size_t>(axis + offset)];
    if (shape[axis] != 1 && !(dim == Dim(shape[axis]))) return false;
  }
  return true;
}

class Folder {
 public:
  Folder(Graph& graph, const PassContext& context)
      : graph_(graph), context_(context), match_(graph) {}

  bool run() {
    bool changed = false;
    for (Node& node : graph_.nodes) changed |= simplify(node);
    return changed;
  }

 private:
  bool simplify(Node& node) {
    if (!node.domain.empty() || node.inputs.size() != 2) return false;
    const bool commutes = node.op == "Mul" || node.op == "Add";
    if (!commutes && node.op != "Div" && node.op != "Sub") return false;
    for (size_t side : {1u, 0u}) {
      if (side == 0 && !commutes) continue;
      const Tensor* constant = graph_.constant(node.input(side));
      if (constant == nullptr) continue;
      const ValueId x = node.input(1 - side);
      if (graph_.constant(x) != nullptr) return false;
      const double neutral = node.op == "Mul" || node.op == "Div" ? 1.0 : 0.0;
      if (is_all(*constant, neutral) && keeps_shape(graph_, x, constant->shape())) {
        node.op = "Identity";
        node.inputs = {x};
        return true;
      }
      return commutes && join(node, x, node.input(side));
    }
    return false;
  }

  /** (y op a) op b becomes y op (a op b). */
  bool join(Node& node, ValueId x, ValueId b) {
    const Node* before = match_.made_only_for(x, node.op);
    if (before == nullptr || before->inputs.size() != 2) return false;
    for (size_t side = 0; side < 2; ++side) {
      const ValueId a = before->input(side);
      if (graph_.constant(a) == nullptr || graph_.constant(before->input(1 - side)) != nullptr) {
        continue;
      }
      const Tensor inputs[] = {*graph_.constant(a), *graph_.constant(b)};
      const int64_t largest = std::max(inputs[0].elements(), inputs[1].elements());
      if (inputs[0].dtype() != inputs[1].dtype() || largest > kMaxElements) return false;
      const Shape shape = broadcast(inputs[0].shape(), inputs[1].shape(), node.label());
      if (shape.elements() > largest) return false;
      std::vector<Tensor> made = evaluate_node(node, context_.ops, inputs, context_.pool);
      const ValueId y = before->input(1 - side);
      node.inputs = {y, graph_.add_constant(graph_.value(b).name, std::move(made[0]))};
      return true;
    }
    return false;
  }

  Graph& graph_;
  const PassContext& context_;
  Matcher match_;
};

}  // namespace

/** x * 1, x / 1, x + 0 and x - 0 become Identity; two sums or products with constants in a row
 * become one. */
bool fold_arithmetic(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return fold_arithmetic(subgraph, context); });
  }
  // A joined pair may be followed by a third: what was looked up before has changed then.
  bool again = true;
  while (again) {
    again = Folder(graph, context).run();
    changed |= again;
  }
  return changed;
}

}  // namespace whittle
