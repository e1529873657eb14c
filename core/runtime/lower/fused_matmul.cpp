#include "core/ops/interpret.h"
#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

/** Builds the operations of ai.onnx that one FusedMatMul stands for. */
class Expansion {
 public:
  Expansion(const LoweredOp& op, LoweredGraph& graph) : op_(op), graph_(graph) {}

  std::vector<LoweredOp> run() {
    const ValueId a = operand(0, "transA");
    const ValueId b = operand(1, "transB");
    const ValueId output = op_.node.outputs[0];
    const float alpha = op_.node.float_attribute("alpha", 1.0f);
    const ValueId product = alpha == 1.0f ? output : value_like(output, "/product");
    add("MatMul", {a, b}, product);
    made_.back().cost = op_.cost;
    if (alpha != 1.0f) {
      const ValueId factor = graph_.add_constant(op_.node.name + "/alpha", Tensor::scalar(alpha));
      add("Mul", {product, factor}, output);
    }
    return std::move(made_);
  }

 private:
  ValueId value_like(ValueId id, const char* suffix) {
    LoweredValue value = graph_.value(id);
    value.name += suffix;
    value.constant = Tensor{};
    value.shared_key.clear();
    return graph_.add_value(std::move(value));
  }

  void add(const char* name, std::vector<ValueId> inputs, ValueId output,
           Attributes attributes = {}) {
    LoweredOp made;
    made.node.op = name;
    made.node.name = op_.node.name;
    made.node.inputs = std::move(inputs);
    made.node.outputs = {output};
    made.node.attributes = std::move(attributes);
    made.definition = all_ops().find("", name);
    made.parts = name;
    made_.push_back(std::move(made));
  }

  /** Input `i` with its last two axes swapped where the attribute says so. */
  ValueId operand(size_t i, const char* attribute) {
    const ValueId id = op_.node.inputs[i];
    const Shape shape = graph_.value(id).shape;
    const int rank = shape.rank();
    if (op_.node.int_attribute(attribute, 0) == 0 || rank < 2) return id;
    std::vector<int64_t> order;
    for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
    std::swap(order[static_cast<size_t>(rank) - 1], order[static_cast<size_t>(rank) - 2]);
    if (const Tensor* constant = graph_.constant(id)) {
      Node node;
      node.op = "Transpose";
      node.inputs = {id};
      node.outputs = {id};
      node.attributes["perm"] = order;
      SerialPool pool;
      const Tensor inputs[] = {*constant};
      const std::string name = graph_.value(id).name;
      const std::string key = derived_key(graph_, "transposed", {id});
      const ValueId turned =
          graph_.add_constant(name, evaluate_node(node, all_ops(), inputs, pool)[0]);
      graph_.value(turned).shared_key = key;
      return turned;
    }
    const ValueId turned = value_like(id, "/transposed");
    Shape& turned_shape = graph_.value(turned).shape;
    std::swap(turned_shape[rank - 1], turned_shape[rank - 2]);
    add("Transpose", {id}, turned, {{"perm", order}});
    return turned;
  }

  const LoweredOp op_;
  LoweredGraph& graph_;
  std::vector<LoweredOp> made_;
};

bool can_expand(const LoweredOp& op, const LoweredGraph& graph) {
  const Node& node = op.node;
  if (node.domain != "com.microsoft" || node.op != "FusedMatMul" || node.inputs.size() != 2 ||
      node.int_attribute("transBatchA", 0) != 0 || node.int_attribute("transBatchB", 0) != 0) {
    return false;
  }
  for (ValueId id : {node.inputs[0], node.inputs[1], node.outputs[0]}) {
    if (!is_f32(graph, id) || !graph.value(id).is_static) return false;
  }
  return true;
}

}  // namespace

void lower_fused_matmul(LoweredGraph& graph) {
  std::vector<LoweredOp> ops;
  for (LoweredOp& op : graph.ops) {
    if (!can_expand(op, graph)) {
      ops.push_back(std::move(op));
      continue;
    }
    for (LoweredOp& each : Expansion(op, graph).run()) ops.push_back(std::move(each));
  }
  graph.ops = std::move(ops);
}

}  // namespace whittle
