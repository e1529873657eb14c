#include <cmath>

#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** Writes the nodes that stand for one. */
class Expansion {
 public:
  Expansion(Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  ValueId add(std::string op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    Node made;
    made.name = concat(node_.name, "_", made_.size());
    made.op = std::move(op);
    made.inputs = std::move(inputs);
    made.attributes = std::move(attributes);
    const ValueId output = graph_.add_value(made.name, graph_.value(x()).dtype);
    made.outputs = {output};
    made_.push_back(std::move(made));
    return output;
  }
  ValueId scalar(float value) {
    return graph_.add_constant(concat(node_.name, "_", value), Tensor::scalar(value));
  }
  ValueId integers(const std::vector<int64_t>& values) {
    const Shape shape{static_cast<int64_t>(values.size())};
    return graph_.add_constant(node_.name + "_axes",
                               Tensor::of(shape, std::span<const int64_t>(values)));
  }
  ValueId x() const { return node_.input(0); }
  DType dtype() const { return graph_.value(x()).dtype; }
  const Node& node() const { return node_; }
  const Graph& graph() const { return graph_; }

  /** The nodes, the last of which writes what the one they stand for wrote. */
  std::vector<Node> finish() {
    made_.back().outputs = {node_.output(0)};
    made_.back().name = node_.name;
    return std::move(made_);
  }

 private:
  Graph& graph_;
  const Node& node_;
  std::vector<Node> made_;
};

using Expand = bool (*)(Expansion&);

bool hard_swish(Expansion& e) {
  const ValueId gate = e.add("HardSigmoid", {e.x()}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
  e.add("Mul", {e.x(), gate});
  return true;
}

bool mish(Expansion& e) {
  e.add("Mul", {e.x(), e.add("Tanh", {e.add("Softplus", {e.x()})})});
  return true;
}

bool swish(Expansion& e) {
  const float alpha = e.node().float_attribute("alpha", 1);
  const ValueId scaled = alpha == 1 ? e.x() : e.add("Mul", {e.x(), e.scalar(alpha)});
  e.add("Mul", {e.x(), e.add("Sigmoid", {scaled})});
  return true;
}

bool gelu(Expansion& e) {
  ValueId curve = kNoValue;
  if (e.node().string_attribute("approximate", "none") == "tanh") {
    const ValueId cube = e.add("Mul", {e.add("Mul", {e.x(), e.x()}), e.x()});
    const ValueId sum = e.add("Add", {e.x(), e.add("Mul", {cube, e.scalar(0.044715f)})});
    curve = e.add("Tanh", {e.add("Mul", {sum, e.scalar(std::sqrt(2 / 3.14159265358979f))})});
  } else {
    curve = e.add("Erf", {e.add("Mul", {e.x(), e.scalar(std::sqrt(0.5f))})});
  }
  const ValueId half = e.add("Mul", {e.x(), e.scalar(0.5f)});
  e.add("Mul", {half, e.add("Add", {curve, e.scalar(1)})});
  return true;
}

/** The axes from that of the node to the last, counted from the end; empty without a known rank. */
std::vector<int64_t> last_axes(const Expansion& e) {
  int64_t first = e.node().int_attribute("axis", -1);
  const auto& dims = e.graph().value(e.x()).dims;
  if (first >= 0 && !dims) return {};
  if (first >= 0) first -= static_cast<int64_t>(dims->size());
  std::vector<int64_t> axes;
  for (int64_t axis = first; axis < 0; ++axis) axes.push_back(axis);
  return axes;
}

ValueId mean(Expansion& e, ValueId x, ValueId axes) {
  return e.add("ReduceMean", {x, axes}, {{"keepdims", int64_t{1}}});
}

ValueId normalized(Expansion& e, ValueId x, ValueId axes) {
  const ValueId power = mean(e, e.add("Mul", {x, x}), axes);
  const float epsilon = e.node().float_attribute("epsilon", 1e-5f);
  return e.add("Div", {x, e.add("Sqrt", {e.add("Add", {power, e.scalar(epsilon)})})});
}

bool layer_norm(Expansion& e) {
  const std::vector<int64_t> over = last_axes(e);
  if (over.empty() || e.node().output(1) != kNoValue || e.node().output(2) != kNoValue)
    return false;
  const ValueId axes = e.integers(over);
  const ValueId centred = e.add("Sub", {e.x(), mean(e, e.x(), axes)});
  const ValueId scaled = e.add("Mul", {normalized(e, centred, axes), e.node().input(1)});
  if (e.node().input(2) != kNoValue) e.add("Add", {scaled, e.node().input(2)});
  return true;
}

bool rms_norm(Expansion& e) {
  const std::vector<int64_t> over = last_axes(e);
  if (over.empty()) return false;
  e.add("Mul", {normalized(e, e.x(), e.integers(over)), e.node().input(1)});
  return true;
}

bool cast_like(Expansion& e) {
  const DType to = e.graph().value(e.node().input(1)).dtype;
  if (to == DType::undefined) return false;
  e.add("Cast", {e.x()}, {{"to", static_cast<int64_t>(to)}});
  return true;
}

struct Newer {
  const char* op;
  int64_t opset;
  Expand expand;
  bool is_arithmetic;  // on float32 constants
};

constexpr Newer kNewer[] = {
    {"HardSwish", 14, hard_swish, false},
    {"CastLike", 15, cast_like, false},
    {"LayerNormalization", 17, layer_norm, true},
    {"Mish", 18, mish, false},
    {"Gelu", 20, gelu, true},
    {"RMSNormalization", 23, rms_norm, true},
    {"Swish", 24, swish, true},
};

bool expand(Graph& graph, const Node& node, int64_t opset, std::vector<Node>& nodes) {
  for (const Newer& newer : kNewer) {
    if (!node.is(newer.op) || newer.opset <= opset) continue;
    Expansion expansion(graph, node);
    if (newer.is_arithmetic && expansion.dtype() != DType::f32) return false;
    if (!newer.expand(expansion)) return false;
    for (Node& made : expansion.finish()) nodes.push_back(std::move(made));
    return true;
  }
  return false;
}

}  // namespace

/** Writes out operators that are newer than the context's opset: HardSwish, CastLike,
 * LayerNormalization, Mish, Gelu, RMSNormalization and Swish. Types must be inferred before. */
bool expand_newer(Graph& graph, const PassContext& context) {
  bool changed = false;
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return expand_newer(subgraph, context); });
    if (expand(graph, node, context.opset, nodes)) {
      changed = true;
    } else {
      nodes.push_back(std::move(node));
    }
  }
  graph.nodes = std::move(nodes);
  return changed;
}

}  // namespace whittle
