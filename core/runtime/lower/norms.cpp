#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/runtime/lower/lowerings.h"
#include "core/runtime/lower/patterns.h"

namespace whittle {
namespace {

/** Axes of a ReduceMean with keepdims = 1, sorted; nullopt otherwise. */
std::optional<std::vector<int>> mean_axes(const LoweredOp* op, const LoweredGraph& graph) {
  if (op == nullptr || op->node.int_attribute("keepdims", 1) != 1) return std::nullopt;
  const auto axes = integer_constant(graph, op->node.input(1));
  const LoweredValue& x = graph.value(op->node.inputs[0]);
  if (!axes || axes->empty() || !x.is_static) return std::nullopt;
  std::vector<int> sorted;
  for (int64_t axis : *axes) sorted.push_back(normalize_axis(axis, x.shape.rank(), op->node.name));
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

/** x where id = x * x. */
ValueId squared(ValueId id, const Patterns& patterns, const LoweredGraph& graph) {
  if (const LoweredOp* pow = patterns.made_by(id, "Pow")) {
    return scalar_constant(graph, pow->node.inputs[1]) == 2.0f ? pow->node.inputs[0] : kNoValue;
  }
  const LoweredOp* mul = patterns.made_by(id, "Mul");
  return mul && mul->node.inputs[0] == mul->node.inputs[1] ? mul->node.inputs[0] : kNoValue;
}

/** v where id = sqrt(v). */
ValueId rooted(ValueId id, const Patterns& patterns, const LoweredGraph& graph) {
  if (const LoweredOp* sqrt = patterns.made_by(id, "Sqrt")) return sqrt->node.inputs[0];
  const LoweredOp* pow = patterns.made_by(id, "Pow");
  return pow && scalar_constant(graph, pow->node.inputs[1]) == 0.5f ? pow->node.inputs[0]
                                                                    : kNoValue;
}

/** d and root where `op` = d / root, written as a division or with a reciprocal. */
std::pair<ValueId, ValueId> quotient(const LoweredOp& op, const Patterns& patterns,
                                     const LoweredGraph& graph) {
  if (op.node.is("Div")) return {op.node.inputs[0], op.node.inputs[1]};
  if (!op.node.is("Mul")) return {kNoValue, kNoValue};
  for (size_t i = 0; i < 2; ++i) {
    const ValueId inverse = op.node.inputs[i];
    if (const LoweredOp* reciprocal = patterns.made_by(inverse, "Reciprocal")) {
      return {op.node.inputs[1 - i], reciprocal->node.inputs[0]};
    }
    const LoweredOp* div = patterns.made_by(inverse, "Div");
    if (div && scalar_constant(graph, div->node.inputs[0]) == 1.0f) {
      return {op.node.inputs[1 - i], div->node.inputs[1]};
    }
  }
  return {kNoValue, kNoValue};
}

/** A normalisation found: x over `axes`, centred or not. */
struct Norm {
  ValueId x = kNoValue;
  std::vector<int> axes;
  bool centred = false;
  float epsilon = 0;
};

/** (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), or x / sqrt(mean(x^2) + eps). */
std::optional<Norm> find_norm(const LoweredOp& op, const Patterns& patterns,
                              const LoweredGraph& graph) {
  const auto [d, root] = quotient(op, patterns, graph);
  if (d == kNoValue) return std::nullopt;
  const LoweredOp* add = patterns.made_by(rooted(root, patterns, graph), "Add");
  if (add == nullptr) return std::nullopt;
  Norm norm;
  ValueId variance = kNoValue;
  for (size_t i = 0; i < 2; ++i) {
    if (const auto epsilon = scalar_constant(graph, add->node.inputs[i])) {
      norm.epsilon = *epsilon;
      variance = add->node.inputs[1 - i];
    }
  }
  const LoweredOp* mean_of_squares = patterns.made_by(variance, "ReduceMean");
  const auto axes = mean_axes(mean_of_squares, graph);
  if (!axes || squared(mean_of_squares->node.inputs[0], patterns, graph) != d) return std::nullopt;
  norm.axes = *axes;
  norm.x = d;
  if (const LoweredOp* sub = patterns.made_by(d, "Sub")) {
    const LoweredOp* mean = patterns.made_by(sub->node.inputs[1], "ReduceMean");
    if (mean && mean->node.inputs[0] == sub->node.inputs[0] && mean_axes(mean, graph) == axes) {
      norm.x = sub->node.inputs[0];
      norm.centred = true;
    }
  }
  if (!is_f32(graph, norm.x)) return std::nullopt;
  return norm;
}

/** Axes are exactly the last ones from `first` on. */
bool are_trailing(const std::vector<int>& axes, int rank, int first) {
  std::vector<int> wanted(static_cast<size_t>(std::max(0, rank - first)));
  std::iota(wanted.begin(), wanted.end(), first);
  return axes == wanted;
}

/** A constant with the `count` values of the normalised axes. */
bool is_row(const LoweredGraph& graph, ValueId id, int64_t count) {
  const Tensor* tensor = graph.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->elements() != count) {
    return false;
  }
  // All axes before the last are 1, so that it lies along the last axis.
  return tensor->shape().rank() > 0 && tensor->shape().back() == count;
}

/** Scale and shift that may follow a normalisation, taken into it. */
struct Affine {
  ValueId gamma = kNoValue;
  ValueId beta = kNoValue;
  int last = -1;  // index of the last operation taken
  std::string parts;
};

template <typename Fits>
Affine find_affine(const LoweredGraph& graph, const Patterns& patterns, int norm_index,
                   bool with_shift, Fits fits) {
  Affine affine;
  affine.last = norm_index;
  ValueId value = graph.ops[static_cast<size_t>(norm_index)].node.outputs[0];
  const auto take = [&](std::string_view op, ValueId& operand) {
    const int next = patterns.index().only_consumer(value);
    if (next < 0) return false;
    const LoweredOp& reader = graph.ops[static_cast<size_t>(next)];
    if (!reader.node.is(op)) return false;
    const ValueId other = Patterns::other(reader, value);
    if (!fits(other)) return false;
    operand = other;
    affine.last = next;
    value = reader.node.outputs[0];
    return true;
  };
  if (take("Mul", affine.gamma) && with_shift) take("Add", affine.beta);
  return affine;
}

/** LayerNormalization as ONNX has it, over the last axis only or over all trailing axes. */
void lower_layer_normalization(LoweredOp& op, const LoweredGraph& graph) {
  const LoweredValue& x = graph.value(op.node.inputs[0]);
  if (!x.is_static || x.dtype != DType::f32 || op.node.outputs.size() > 1) return;
  const int axis = normalize_axis(op.node.int_attribute("axis", -1), x.shape.rank(), op.node.name);
  const int64_t cols = x.shape.elements(axis, x.shape.rank());
  for (size_t i = 1; i < op.node.inputs.size(); ++i) {
    const ValueId id = op.node.inputs[i];
    if (id == kNoValue) continue;
    if (!is_f32(graph, id) || !graph.value(id).is_static ||
        graph.value(id).shape.elements() != cols) {
      return;
    }
  }
  LoweredOp made = make_lowered("LayerNorm", op.node.inputs, op);
  made.node.inputs.resize(3, kNoValue);
  made.node.attributes["epsilon"] = op.node.float_attribute("epsilon", 1e-5f);
  made.node.attributes["cols"] = cols;
  made.parts = op.parts;
  op = std::move(made);
}

/** InstanceNormalization of one or more channel images. */
void lower_instance_normalization(LoweredOp& op, const LoweredGraph& graph) {
  const LoweredValue& x = graph.value(op.node.inputs[0]);
  if (!x.is_static || x.dtype != DType::f32 || x.shape.rank() < 3 || x.shape.rank() > 4) return;
  LoweredOp made = make_lowered("InstanceNorm", op.node.inputs, op);
  made.node.attributes["epsilon"] = op.node.float_attribute("epsilon", 1e-5f);
  made.parts = op.parts;
  op = std::move(made);
}

Tensor as_vector(const LoweredGraph& graph, ValueId id, int64_t channels) {
  return Tensor::of<float>(Shape{channels},
                           std::span<const float>(per_channel_values(graph, id, channels)));
}

}  // namespace

void lower_norms(LoweredGraph& graph) {
  const Patterns patterns(graph);
  std::vector<std::pair<size_t, LoweredOp>> replacements;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    LoweredOp& op = graph.ops[i];
    if (op.node.is("LayerNormalization")) {
      lower_layer_normalization(op, graph);
      continue;
    }
    if (op.node.is("InstanceNormalization")) {
      lower_instance_normalization(op, graph);
      continue;
    }
    const auto norm = find_norm(op, patterns, graph);
    if (!norm) continue;
    const Shape& shape = graph.value(norm->x).shape;
    const int rank = shape.rank();
    const int index = static_cast<int>(i);
    if (are_trailing(norm->axes, rank, rank - 1)) {
      const int64_t cols = shape.back();
      const Affine affine = find_affine(graph, patterns, index, norm->centred,
                                        [&](ValueId id) { return is_row(graph, id, cols); });
      LoweredOp made = make_lowered(norm->centred ? "LayerNorm" : "RmsNorm",
                                    {norm->x, affine.gamma, affine.beta},
                                    graph.ops[static_cast<size_t>(affine.last)]);
      made.node.attributes["epsilon"] = norm->epsilon;
      made.node.attributes["cols"] = cols;
      replacements.emplace_back(static_cast<size_t>(affine.last), std::move(made));
    } else if (norm->centred && (rank == 3 || rank == 4) && are_trailing(norm->axes, rank, 2)) {
      const int64_t channels = shape[1];
      const Affine affine = find_affine(graph, patterns, index, true, [&](ValueId id) {
        return is_per_channel(graph, id, channels, rank);
      });
      LoweredOp made = make_lowered("InstanceNorm", {norm->x, kNoValue, kNoValue},
                                    graph.ops[static_cast<size_t>(affine.last)]);
      made.node.attributes["epsilon"] = norm->epsilon;
      const std::string name = graph.value(made.node.outputs[0]).name;
      if (affine.gamma != kNoValue) {
        made.node.inputs[1] =
            graph.add_constant(name + "/scale", as_vector(graph, affine.gamma, channels));
      }
      if (affine.beta != kNoValue) {
        made.node.inputs[2] =
            graph.add_constant(name + "/shift", as_vector(graph, affine.beta, channels));
      }
      replacements.emplace_back(static_cast<size_t>(affine.last), std::move(made));
    }
  }
  for (auto& [position, op] : replacements) graph.ops[position] = std::move(op);
  remove_dead_ops(graph);
}

void lower_batch_norm(LoweredGraph& graph) {
  std::vector<LoweredOp> ops;
  for (LoweredOp& op : graph.ops) {
    const bool inference = op.node.is("BatchNormalization") && op.node.outputs.size() == 1 &&
                           is_f32(graph, op.node.inputs[0]) &&
                           graph.value(op.node.inputs[0]).is_static &&
                           graph.value(op.node.inputs[0]).shape.rank() >= 2;
    bool constant = inference;
    for (size_t i = 1; inference && i < 5; ++i) {
      const Tensor* tensor = graph.constant(op.node.inputs[i]);
      constant = constant && tensor != nullptr && tensor->dtype() == DType::f32;
    }
    if (!constant) {
      ops.push_back(std::move(op));
      continue;
    }
    // y = x * s + (bias - mean * s) with s = scale / sqrt(var + eps)
    const LoweredValue x = graph.value(op.node.inputs[0]);
    const auto scale = graph.constant(op.node.inputs[1])->data<float>();
    const auto bias = graph.constant(op.node.inputs[2])->data<float>();
    const auto mean = graph.constant(op.node.inputs[3])->data<float>();
    const auto variance = graph.constant(op.node.inputs[4])->data<float>();
    const float epsilon = op.node.float_attribute("epsilon", 1e-5f);
    Shape shape{x.shape[1]};
    for (int axis = 2; axis < x.shape.rank(); ++axis) shape.push_back(1);
    Tensor factor = Tensor::allocate(DType::f32, shape);
    Tensor shift = Tensor::allocate(DType::f32, shape);
    for (size_t c = 0; c < scale.size(); ++c) {
      const float s = scale[c] / std::sqrt(variance[c] + epsilon);
      factor.mutable_data<float>()[c] = s;
      shift.mutable_data<float>()[c] = bias[c] - mean[c] * s;
    }
    LoweredValue scaled = graph.value(op.node.outputs[0]);
    const std::string name = scaled.name;
    scaled.name += "/scaled";
    const ValueId middle = graph.add_value(std::move(scaled));
    const auto binary = [&](const char* kind, ValueId a, ValueId b, ValueId out) {
      LoweredOp made;
      made.node.op = kind;
      made.node.name = op.node.name;
      made.node.inputs = {a, b};
      made.node.outputs = {out};
      made.parts = "BatchNormalization";
      made.definition = all_ops().find("", kind);
      ops.push_back(std::move(made));
    };
    const ValueId output = op.node.outputs[0];
    const ValueId input = op.node.inputs[0];
    binary("Mul", input, graph.add_constant(name + "/scale", std::move(factor)), middle);
    binary("Add", middle, graph.add_constant(name + "/shift", std::move(shift)), output);
  }
  graph.ops = std::move(ops);
}

}  // namespace whittle
