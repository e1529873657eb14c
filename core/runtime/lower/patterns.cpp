#include "core/runtime/lower/patterns.h"

#include <unordered_map>

namespace whittle {
namespace {

using Reader = std::optional<UnarySpec> (*)(const LoweredOp&, const LoweredGraph&);

template <UnaryKind kind>
std::optional<UnarySpec> plain(const LoweredOp&, const LoweredGraph&) {
  return UnarySpec{kind, {}};
}

std::optional<UnarySpec> leaky_relu(const LoweredOp& op, const LoweredGraph&) {
  return UnarySpec{UnaryKind::leaky_relu, {op.node.float_attribute("alpha", 0.01f), 0}};
}

std::optional<UnarySpec> elu(const LoweredOp& op, const LoweredGraph&) {
  return UnarySpec{UnaryKind::elu, {op.node.float_attribute("alpha", 1.0f), 0}};
}

std::optional<UnarySpec> celu(const LoweredOp& op, const LoweredGraph&) {
  return UnarySpec{UnaryKind::celu, {op.node.float_attribute("alpha", 1.0f), 0}};
}

std::optional<UnarySpec> selu(const LoweredOp& op, const LoweredGraph&) {
  return UnarySpec{UnaryKind::selu,
                   {op.node.float_attribute("alpha", 1.67326319217681884765625f),
                    op.node.float_attribute("gamma", 1.05070102214813232421875f)}};
}

std::optional<UnarySpec> hard_sigmoid(const LoweredOp& op, const LoweredGraph&) {
  return UnarySpec{UnaryKind::hard_sigmoid,
                   {op.node.float_attribute("alpha", 0.2f), op.node.float_attribute("beta", 0.5f)}};
}

std::optional<UnarySpec> gelu(const LoweredOp& op, const LoweredGraph&) {
  const bool tanh = op.node.string_attribute("approximate", "none") == "tanh";
  return UnarySpec{tanh ? UnaryKind::gelu_tanh : UnaryKind::gelu_erf, {}};
}

std::optional<UnarySpec> clip(const LoweredOp& op, const LoweredGraph& graph) {
  UnarySpec spec{UnaryKind::clip, {-__builtin_inff(), __builtin_inff()}};
  float* bounds[] = {&spec.params.alpha, &spec.params.beta};
  for (size_t i = 0; i < 2; ++i) {
    const ValueId id = op.node.input(i + 1);
    if (id == kNoValue) continue;
    const auto value = scalar_constant(graph, id);
    if (!value) return std::nullopt;
    *bounds[i] = *value;
  }
  return spec;
}

const std::unordered_map<std::string_view, Reader>& unary_readers() {
  static const std::unordered_map<std::string_view, Reader> readers = {
      {"Abs", plain<UnaryKind::abs>},
      {"Neg", plain<UnaryKind::neg>},
      {"Exp", plain<UnaryKind::exp>},
      {"Log", plain<UnaryKind::log>},
      {"Sqrt", plain<UnaryKind::sqrt>},
      {"Reciprocal", plain<UnaryKind::reciprocal>},
      {"Relu", plain<UnaryKind::relu>},
      {"Sigmoid", plain<UnaryKind::sigmoid>},
      {"Tanh", plain<UnaryKind::tanh>},
      {"Erf", plain<UnaryKind::erf>},
      {"HardSwish", plain<UnaryKind::hard_swish>},
      {"Softplus", plain<UnaryKind::softplus>},
      {"Softsign", plain<UnaryKind::softsign>},
      {"Mish", plain<UnaryKind::mish>},
      {"Floor", plain<UnaryKind::floor>},
      {"Ceil", plain<UnaryKind::ceil>},
      {"Round", plain<UnaryKind::round_half_even>},
      {"Sign", plain<UnaryKind::sign>},
      {"Sin", plain<UnaryKind::sin>},
      {"Cos", plain<UnaryKind::cos>},
      {"LeakyRelu", leaky_relu},
      {"Elu", elu},
      {"Celu", celu},
      {"Selu", selu},
      {"HardSigmoid", hard_sigmoid},
      {"Gelu", gelu},
      {"Clip", clip},
  };
  return readers;
}

}  // namespace

std::optional<UnarySpec> unary_of(const LoweredOp& op, const LoweredGraph& graph) {
  if (op.node.inputs.empty() || !is_f32(graph, op.node.inputs[0])) return std::nullopt;
  if (op.node.is(kLowered, "Unary")) {
    return UnarySpec{static_cast<UnaryKind>(op.node.int_attribute("kind", 0)),
                     {op.node.float_attribute("alpha", 0), op.node.float_attribute("beta", 0)}};
  }
  if (!op.node.domain.empty()) return std::nullopt;
  const auto found = unary_readers().find(op.node.op);
  return found == unary_readers().end() ? std::nullopt : found->second(op, graph);
}

std::optional<BinaryKind> binary_of(const LoweredOp& op, const LoweredGraph& graph) {
  static const std::unordered_map<std::string_view, BinaryKind> kinds = {
      {"Add", BinaryKind::add}, {"Sub", BinaryKind::sub}, {"Mul", BinaryKind::mul},
      {"Div", BinaryKind::div}, {"Pow", BinaryKind::pow}, {"PRelu", BinaryKind::prelu},
      {"Min", BinaryKind::min}, {"Max", BinaryKind::max},
  };
  if (!op.node.domain.empty() || op.node.inputs.size() != 2) return std::nullopt;
  if (!is_f32(graph, op.node.inputs[0]) || !is_f32(graph, op.node.inputs[1])) return std::nullopt;
  const auto found = kinds.find(op.node.op);
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

LoweredOp make_unary(const UnarySpec& spec, ValueId x, const LoweredOp& last) {
  LoweredOp op = make_lowered("Unary", {x}, last);
  op.node.attributes["kind"] = static_cast<int64_t>(spec.kind);
  op.node.attributes["alpha"] = spec.params.alpha;
  op.node.attributes["beta"] = spec.params.beta;
  return op;
}

std::optional<float> scalar_constant(const LoweredGraph& graph, ValueId id) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->elements() != 1) {
    return std::nullopt;
  }
  return tensor->data<float>()[0];
}

std::optional<std::vector<int64_t>> integer_constant(const LoweredGraph& graph, ValueId id) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr) return std::nullopt;
  return to_int64s(*tensor, graph.value(id).name);
}

bool is_f32(const LoweredGraph& graph, ValueId id) {
  return id != kNoValue && graph.value(id).dtype == DType::f32;
}

bool has_rank(const LoweredGraph& graph, ValueId id, int rank) {
  return id != kNoValue && graph.value(id).is_static && graph.value(id).shape.rank() == rank;
}

bool is_per_channel(const LoweredGraph& graph, ValueId id, int64_t channels, int rank) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32) return false;
  if (tensor->elements() == 1) return tensor->shape().rank() <= rank;
  if (tensor->elements() != channels || tensor->shape().rank() > rank) return false;
  const int axis = tensor->shape().rank() - (rank - 1);
  return axis >= 0 && axis < tensor->shape().rank() && tensor->shape()[axis] == channels;
}

std::vector<float> per_channel_values(const LoweredGraph& graph, ValueId id, int64_t channels) {
  const auto data = graph.constant(id)->data<float>();
  if (data.size() == 1) return std::vector<float>(static_cast<size_t>(channels), data[0]);
  return {data.begin(), data.end()};
}

std::string derived_key(const LoweredGraph& graph, std::string_view tag,
                        std::initializer_list<ValueId> sources) {
  std::string key(tag);
  for (ValueId id : sources) {
    if (id == kNoValue) continue;
    if (graph.value(id).shared_key.empty()) return {};
    key += ":" + graph.value(id).shared_key;
  }
  return key;
}

LoweredOp make_lowered(std::string op, std::vector<ValueId> inputs, const LoweredOp& last) {
  LoweredOp made;
  made.node.op = std::move(op);
  made.node.domain = kLowered;
  made.node.name = last.node.name;
  made.node.inputs = std::move(inputs);
  made.node.outputs = last.node.outputs;
  made.parts = made.node.op;
  return made;
}

const LoweredOp* Patterns::maker(ValueId id) const {
  const int index = index_.producer(id);
  return index < 0 ? nullptr : &graph_.ops[static_cast<size_t>(index)];
}

const LoweredOp* Patterns::made_by(ValueId id, std::string_view op) const {
  const LoweredOp* producer = maker(id);
  return producer != nullptr && producer->node.is(op) ? producer : nullptr;
}

}  // namespace whittle
