// Constant, and ConstantOfShape: one value everywhere.
#include <vector>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

Tensor constant_value(const Node& node) {
  const auto list = [](const auto& values) {
    return Tensor::of(Shape{static_cast<int64_t>(values.size())},
                      std::span(values.data(), values.size()));
  };
  if (node.has("value")) return node.tensor_attribute("value");
  if (node.has("value_float")) return Tensor::scalar(node.float_attribute("value_float", 0));
  if (node.has("value_int")) return Tensor::scalar(node.int_attribute("value_int", 0));
  if (node.has("value_floats")) return list(node.floats_attribute("value_floats"));
  if (node.has("value_ints")) return list(node.ints_attribute("value_ints"));
  Tensor strings;
  if (node.has("value_string")) {
    strings = Tensor::allocate(DType::string, Shape{});
    strings.mutable_strings()[0] = node.string_attribute("value_string", "");
  } else {
    const auto values = node.strings_attribute("value_strings");
    strings = Tensor::allocate(DType::string, Shape{static_cast<int64_t>(values.size())});
    strings.mutable_strings() = values;
  }
  return strings;
}

void infer_constant(InferContext& context) {
  const Tensor value = constant_value(context.node());
  context.set_output(0, value.dtype(), to_dims(value.shape()));
  if (context.output_count() > 0) context.outputs()[0].constant = value;
}

void evaluate_constant(EvalContext& context) {
  context.forward(0, constant_value(context.node()));
}

/** The fill of ConstantOfShape; a float 0 by default. */
Tensor fill_value(const Node& node) {
  return node.has("value") ? node.tensor_attribute("value") : Tensor::zeros(DType::f32, {1});
}

void infer_constant_of_shape(InferContext& context) {
  const auto target = context.integers(0);
  const auto& length = context.dims(0);
  std::optional<Dims> dims;
  if (target) {
    dims = Dims(target->begin(), target->end());
  } else if (length && length->size() == 1 && length->front().known() &&
             length->front().value <= kMaxRank) {
    dims = unknown_dims(static_cast<int>(length->front().value));
  }
  context.set_output(0, fill_value(context.node()).dtype(), std::move(dims));
}

void evaluate_constant_of_shape(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor value = fill_value(node);
  const Shape shape(to_int64s(context.input(0), node.label()));
  Tensor& y = context.output(0, value.dtype(), shape);
  Shape still = shape;
  for (int i = 0; i < still.rank(); ++i) still[i] = 0;
  copy_view(y, view_of(shape), value, {0, still}, shape);
}

}  // namespace

void register_constant(OpTable& table) {
  table.add({.name = "Constant", .infer = infer_constant, .evaluate = evaluate_constant});
  table.add({.name = "ConstantOfShape",
             .infer = infer_constant_of_shape,
             .evaluate = evaluate_constant_of_shape});
}

}  // namespace whittle
