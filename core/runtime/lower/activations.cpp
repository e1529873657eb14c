#include <cmath>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

bool near(std::optional<float> value, float wanted) {
  return value && std::abs(*value - wanted) < 1e-6f * std::abs(wanted);
}

/** x * Sigmoid(x) and x * HardSigmoid(x; 1/6, 1/2). */
std::optional<LoweredOp> self_gated(const LoweredOp& op, const Patterns& patterns) {
  if (!op.node.is("Mul")) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = op.node.inputs[i];
    const ValueId gate = op.node.inputs[1 - i];
    const LoweredOp* sigmoid = patterns.made_by(gate, "Sigmoid");
    if (sigmoid && sigmoid->node.inputs[0] == x) {
      LoweredOp made = make_unary({UnaryKind::silu, {1, 0}}, x, op);
      made.parts = "Sigmoid+Mul";
      return made;
    }
    const LoweredOp* hard = patterns.made_by(gate, "HardSigmoid");
    if (hard && hard->node.inputs[0] == x &&
        near(hard->node.float_attribute("alpha", 0.2f), 1.0f / 6) &&
        near(hard->node.float_attribute("beta", 0.5f), 0.5f)) {
      LoweredOp made = make_unary({UnaryKind::hard_swish, {}}, x, op);
      made.parts = "HardSigmoid+Mul";
      return made;
    }
  }
  return std::nullopt;
}

/** 1 + Erf(x / sqrt(2)): x, or kNoValue. */
ValueId erf_term(ValueId id, const Patterns& patterns, const LoweredGraph& graph) {
  const LoweredOp* add = patterns.made_by(id, "Add");
  if (add == nullptr) return kNoValue;
  for (size_t i = 0; i < 2; ++i) {
    if (!near(scalar_constant(graph, add->node.inputs[i]), 1.0f)) continue;
    const LoweredOp* erf = patterns.made_by(add->node.inputs[1 - i], "Erf");
    if (erf == nullptr) continue;
    if (const LoweredOp* div = patterns.made_by(erf->node.inputs[0], "Div")) {
      if (near(scalar_constant(graph, div->node.inputs[1]), std::sqrt(2.0f))) {
        return div->node.inputs[0];
      }
    }
    if (const LoweredOp* mul = patterns.made_by(erf->node.inputs[0], "Mul")) {
      for (size_t k = 0; k < 2; ++k) {
        if (near(scalar_constant(graph, mul->node.inputs[k]), std::sqrt(0.5f))) {
          return mul->node.inputs[1 - k];
        }
      }
    }
  }
  return kNoValue;
}

/** Gelu as exporters write it: (x * (1 + erf)) * 0.5, or x * ((1 + erf) * 0.5), or (x * 0.5) * (1 +
 * erf). */
std::optional<LoweredOp> gelu(const LoweredOp& op, const Patterns& patterns,
                              const LoweredGraph& graph) {
  if (!op.node.is("Mul")) return std::nullopt;
  const auto half_of = [&](ValueId id) {  // y where id = y * 0.5
    const LoweredOp* mul = patterns.made_by(id, "Mul");
    if (mul == nullptr) return kNoValue;
    for (size_t k = 0; k < 2; ++k) {
      if (near(scalar_constant(graph, mul->node.inputs[k]), 0.5f)) return mul->node.inputs[1 - k];
    }
    return kNoValue;
  };
  ValueId found = kNoValue;
  for (size_t i = 0; i < 2 && found == kNoValue; ++i) {
    const ValueId a = op.node.inputs[i];
    const ValueId b = op.node.inputs[1 - i];
    if (near(scalar_constant(graph, b), 0.5f)) {
      if (const LoweredOp* product = patterns.made_by(a, "Mul")) {
        for (size_t k = 0; k < 2; ++k) {
          const ValueId x = product->node.inputs[k];
          if (erf_term(product->node.inputs[1 - k], patterns, graph) == x) found = x;
        }
      }
    }
    const ValueId halved = half_of(b);
    if (halved != kNoValue && erf_term(halved, patterns, graph) == a) found = a;
    const ValueId x = erf_term(b, patterns, graph);
    if (x != kNoValue && half_of(a) == x) found = x;
  }
  if (found == kNoValue || !is_f32(graph, found)) return std::nullopt;
  LoweredOp made = make_unary({UnaryKind::gelu_erf, {}}, found, op);
  made.parts = "Gelu";
  return made;
}

/** Pow(x, 2) and Mul(x, x). */
std::optional<LoweredOp> square(const LoweredOp& op, const LoweredGraph& graph) {
  const bool power = op.node.is("Pow") && scalar_constant(graph, op.node.inputs[1]) == 2.0f;
  const bool product = op.node.is("Mul") && op.node.inputs[0] == op.node.inputs[1];
  const ValueId x = op.node.inputs.empty() ? kNoValue : op.node.inputs[0];
  if (!(power || product) || !is_f32(graph, x) || !is_f32(graph, op.node.outputs[0])) {
    return std::nullopt;
  }
  if (!(graph.value(x).shape == graph.value(op.node.outputs[0]).shape)) return std::nullopt;
  LoweredOp made = make_unary({UnaryKind::square, {}}, x, op);
  made.parts = op.parts;
  return made;
}

}  // namespace

void lower_activations(LoweredGraph& graph) {
  const Patterns patterns(graph);
  for (LoweredOp& op : graph.ops) {
    if (op.node.outputs.empty() || !is_f32(graph, op.node.outputs[0])) continue;
    auto made = self_gated(op, patterns);
    if (!made) made = gelu(op, patterns, graph);
    if (!made) made = square(op, graph);
    if (made) op = std::move(*made);
  }
}

}  // namespace whittle
