#include "core/onnx/rewrite.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/base/half.h"

namespace whittle::onnx {
void name_nodes(Graph& graph) {
  std::unordered_set<std::string> taken;
  for (const Node& node : graph.nodes) taken.insert(node.name);
  std::unordered_set<std::string> used;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (!node.name.empty() && used.insert(node.name).second) continue;
    const std::string wanted = node.name.empty() ? node.op : node.name;
    for (size_t suffix = i;; ++suffix) {
      node.name = wanted + "_" + std::to_string(suffix);
      if (!taken.contains(node.name) && used.insert(node.name).second) break;
    }
  }
}

namespace {

std::string name_of(const Node& node, std::string_view suffix) {
  return node.name + "_" + std::string(suffix);
}

}  // namespace

ValueId add_integers(Graph& graph, const Node& node, std::string_view suffix,
                     const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return graph.add_constant(name_of(node, suffix),
                            Tensor::of(shape, std::span<const int64_t>(values)));
}

ValueId add_scalar_like(Graph& graph, const Node& node, std::string_view suffix, float value,
                        ValueId like) {
  const DType dtype = like == kNoValue ? DType::f32 : graph.value(like).dtype;
  const auto add = [&](Tensor tensor) {
    return graph.add_constant(name_of(node, suffix), std::move(tensor));
  };
  switch (dtype) {
    case DType::f64:
      return add(Tensor::scalar(static_cast<double>(value)));
    case DType::f16:
    case DType::bf16: {
      Tensor tensor = Tensor::allocate(dtype, {});
      tensor.mutable_data<uint16_t>()[0] =
          dtype == DType::f16 ? float_to_half(value) : float_to_bfloat16(value);
      return add(std::move(tensor));
    }
    default:
      return add(Tensor::scalar(value));
  }
}

void set_input(Node& node, size_t index, ValueId id) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1, kNoValue);
  node.inputs[index] = id;
}

void trim_inputs(Node& node) {
  while (!node.inputs.empty() && node.inputs.back() == kNoValue) node.inputs.pop_back();
}

void attribute_to_input(Graph& graph, Node& node, std::string_view attribute, size_t index) {
  if (!node.has(attribute)) return;
  const std::vector<int64_t> values = node.ints_attribute(attribute);
  set_input(node, index, add_integers(graph, node, attribute, values));
  node.attributes.erase(node.attributes.find(attribute));
}

void input_to_attribute(Graph& graph, Node& node, size_t index, std::string_view attribute) {
  const Tensor* values = graph.constant(node.input(index));
  if (values != nullptr) {
    if (values->elements() > 0) {
      node.attributes.insert_or_assign(std::string(attribute), to_int64s(*values, node.label()));
    }
    node.inputs[index] = kNoValue;
  }
  trim_inputs(node);
}

bool is_computed(const Graph& graph, const Node& node, size_t index) {
  return node.input(index) != kNoValue && graph.constant(node.input(index)) == nullptr;
}

ValueId add_node(Graph& graph, const Node& before, std::string_view op, std::vector<ValueId> inputs,
                 Attributes attributes, DType dtype) {
  Node node;
  node.op = op;
  node.name = name_of(before, op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  const ValueId out = graph.add_value(node.name + "_output", dtype);
  node.outputs = {out};
  graph.nodes.push_back(std::move(node));
  return out;
}

namespace {

constexpr std::array<std::string_view, 15> kBroadcasting = {
    "Add", "Sub",   "Mul",     "Div",  "Pow", "MatMul", "Where", "Max",
    "Min", "Equal", "Greater", "Less", "And", "Or",     "Mod"};
/** Operators whose output has the rank of their first input. */
constexpr std::array<std::string_view, 38> kSameRank = {"Conv",
                                                        "ConvTranspose",
                                                        "BatchNormalization",
                                                        "MaxPool",
                                                        "AveragePool",
                                                        "Relu",
                                                        "LeakyRelu",
                                                        "Sigmoid",
                                                        "Tanh",
                                                        "Clip",
                                                        "Concat",
                                                        "Identity",
                                                        "Cast",
                                                        "Pad",
                                                        "Slice",
                                                        "Split",
                                                        "Sqrt",
                                                        "Exp",
                                                        "Erf",
                                                        "PRelu",
                                                        "LRN",
                                                        "GlobalMaxPool",
                                                        "GlobalAveragePool",
                                                        "Dropout",
                                                        "Softmax",
                                                        "Elu",
                                                        "Neg",
                                                        "Abs",
                                                        "Log",
                                                        "Not",
                                                        "Floor",
                                                        "Ceil",
                                                        "HardSigmoid",
                                                        "HardSwish",
                                                        "Softplus",
                                                        "Resize",
                                                        "CumSum",
                                                        "InstanceNormalization"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view op) {
  return std::find(list.begin(), list.end(), op) != list.end();
}

const Node* producer_of(const Graph& graph, ValueId id) {
  const auto found = std::find_if(graph.nodes.rbegin(), graph.nodes.rend(), [&](const Node& node) {
    return node.domain.empty() &&
           std::find(node.outputs.begin(), node.outputs.end(), id) != node.outputs.end();
  });
  return found == graph.nodes.rend() ? nullptr : &*found;
}

int rank_of(const Graph& graph, ValueId id, int& budget);

/** How many elements a value of one dimension has, for the usual ways of computing a shape: Shape,
 * and numbers made 1-D by Unsqueeze and concatenated. -1 when that is not known. */
int length_of(const Graph& graph, ValueId id, int& budget) {
  if (id == kNoValue || --budget < 0) return -1;
  const auto& dims = graph.value(id).dims;
  if (dims && dims->size() == 1 && (*dims)[0].known()) return static_cast<int>((*dims)[0].value);
  const Node* node = producer_of(graph, id);
  if (node == nullptr) return -1;
  if (node->op == "Unsqueeze") {
    const Tensor* axes = graph.constant(node->input(1));
    return axes != nullptr && axes->elements() == 1 ? 1 : -1;
  }
  if (node->op == "Shape" && !node->has("start") && !node->has("end")) {
    return rank_of(graph, node->input(0), budget);
  }
  if (node->op != "Concat") return -1;
  int total = 0;
  for (ValueId input : node->inputs) {
    const int length = length_of(graph, input, budget);
    if (length < 0) return -1;
    total += length;
  }
  return total;
}

/** `budget` is shared by all branches: what is far away is not worth looking for. */
int rank_of(const Graph& graph, ValueId id, int& budget) {
  if (id == kNoValue || --budget < 0) return -1;
  const Value& value = graph.value(id);
  if (value.dims) return static_cast<int>(value.dims->size());
  const Node* producer = producer_of(graph, id);
  if (producer == nullptr) return -1;
  const Node& node = *producer;
  if (node.op == "Flatten" || node.op == "Gemm") return 2;
  if (node.op == "Transpose" && node.has("perm")) {
    return static_cast<int>(node.ints_attribute("perm").size());
  }
  if (node.op == "Conv" || node.op == "ConvTranspose") {
    const int weight = rank_of(graph, node.input(1), budget);
    if (weight >= 0) return weight;
  }
  if (node.op.starts_with("Reduce") && node.int_attribute("keepdims", 1) != 0) {
    return rank_of(graph, node.input(0), budget);
  }
  if (node.op == "Squeeze" || node.op == "Unsqueeze") {
    const int rank = rank_of(graph, node.input(0), budget);
    const int axes = length_of(graph, node.input(1), budget);
    if (rank < 0 || axes < 0) return -1;
    return node.op == "Squeeze" ? rank - axes : rank + axes;
  }
  if (node.op == "Expand") {
    const int rank = rank_of(graph, node.input(0), budget);
    const int length = length_of(graph, node.input(1), budget);
    return rank < 0 || length < 0 ? -1 : std::max(rank, length);
  }
  if (node.op == "Reshape") return length_of(graph, node.input(1), budget);
  if (contains(kSameRank, node.op) || node.op == "Transpose") {
    return rank_of(graph, node.input(0), budget);
  }
  if (contains(kBroadcasting, node.op) && node.inputs.size() >= 2) {
    int highest = 0;
    for (ValueId input : node.inputs) {
      const int rank = rank_of(graph, input, budget);
      // A product with a vector loses a dimension.
      if (rank < (node.op == "MatMul" ? 2 : 0)) return -1;
      highest = std::max(highest, rank);
    }
    return highest;
  }
  return -1;
}

}  // namespace

int rank_of(const Graph& graph, ValueId id) {
  int budget = 128;  // values to look at
  return rank_of(graph, id, budget);
}

}  // namespace whittle::onnx
