#include "core/ops/op.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 5);
  std::optional<Dims> out = context.dims(2);
  if (!out) return context.set_output(0, context.dtype(1));
  const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*out), node.label());
  for (size_t i = 5; i < context.input_count() && out; i += 3) {
    const auto& dims = context.dims(i);
    if (!dims) {
      out.reset();
      break;
    }
    if (dims->size() != out->size()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected parts of one rank for ", node.label(),
           " but received ", to_string(*out), " and ", to_string(*dims));
    }
    for (size_t d = 0; d < dims->size(); ++d) {
      Dim& target = (*out)[d];
      if (d == static_cast<size_t>(axis)) {
        target =
            target.known() && (*dims)[d].known() ? Dim(target.value + (*dims)[d].value) : Dim{};
      } else if (!target.known()) {
        target = (*dims)[d];
      }
    }
  }
  context.set_output(0, context.dtype(1), out);
}

// y = the parts, brought to one scale, one after another along the axis: y =
// saturate(round_half_even( (x - x_zero_point) * x_scale / y_scale) + y_zero_point).
//   inputs: y_scale, y_zero_point, then x, x_scale, x_zero_point of each part [.., axis_i, ..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const float y_scale = scalar_scale(context, 0);
  const int32_t y_zero_point = scalar_zero_point(context, 1);
  const DType type = context.input(1).dtype();
  const QRange range = quantized_range(type, node);
  Shape shape = context.input(2).shape();
  const int axis = normalize_axis(node.int_attribute("axis", 0), shape.rank(), node.label());
  for (size_t i = 5; i + 2 < context.input_count(); i += 3) {
    const Shape& part = context.input(i).shape();
    Shape others = shape;
    if (part.rank() == shape.rank()) others[axis] = part[axis];
    if (!(part == others)) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected parts that differ along axis ", axis,
           " only for ", node.label(), " but received ", to_string(shape), " and ",
           to_string(part));
    }
    shape[axis] += part[axis];
  }
  Tensor& y = context.output(0, type, shape);
  const int64_t row = shape.elements(axis, shape.rank());
  int64_t column = 0;
  for (size_t i = 2; i + 2 < context.input_count(); i += 3) {
    const Tensor& x = context.input(i);
    const std::vector<int32_t> values = load_quantized(x, node);
    const float scale = scalar_scale(context, i + 1);
    const int32_t zero_point = scalar_zero_point(context, i + 2);
    const int64_t part = x.shape().elements(axis, x.shape().rank());
    for (int64_t at = 0; at < x.elements(); ++at) {
      const float value = static_cast<float>(values[static_cast<size_t>(at)] - zero_point) * scale;
      store_quantized(y, at / part * row + column + at % part,
                      saturate(value / y_scale, y_zero_point, range));
    }
    column += part;
  }
}

}  // namespace

void register_ms_qlinear_concat(OpTable& table) {
  table.add(
      {.domain = "com.microsoft", .name = "QLinearConcat", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
