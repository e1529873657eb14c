#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"
#include "core/ops/support/small_float.h"

namespace whittle {
namespace {

/** The type of y: attribute output_dtype (0: not stated), else that of the scale. */
DType output_type(const Node& node, DType scale) {
  return node.int_attribute("output_dtype", 0) == 0 ? scale
                                                    : dtype_attribute(node, "output_dtype", scale);
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, output_type(context.node(), context.dtype(1)), context.dims(0));
}

// y = (x - x_zero_point) * x_scale, in f32: the difference is exact. The scale and zero point are
// one for all, one for each index of `axis`, or one for each block of `block_size` along it.
//   x [..]   x_scale, x_zero_point [], [axis] or [.., blocks, ..]   y [..] of the scale's type
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& x = context.input(0);
  const Tensor scales = convert(context.input(1), DType::f32);
  const QuantLayout layout = quant_layout(node, x.shape(), scales.shape());
  const bool from_float = is_float8(x.dtype()) || x.dtype() == DType::f4e2m1;
  // i32 is kept apart from f32, which cannot hold every int32: the difference is taken in integers.
  const Tensor wide = convert(x, from_float ? DType::f32 : DType::i32);
  if (!from_float) quantized_range(x.dtype(), node);
  const auto scale = scales.data<float>();
  std::vector<int32_t> zero_points(scale.size(), 0);
  if (!from_float && context.has_input(2)) zero_points = load_quantized(context.input(2), node);
  if (zero_points.size() != scale.size()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected as many zero points as scales for ",
         node.label(), " but received ", zero_points.size(), " and ", scale.size());
  }
  const DType type = output_type(node, context.input(1).dtype());
  fill_widened(context, 0, type, x.shape(), [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    size_t at = 0;
    for (int64_t o = 0; o < layout.outer; ++o) {
      for (int64_t a = 0; a < layout.axis; ++a) {
        for (int64_t i = 0; i < layout.inner; ++i, ++at) {
          const auto s = static_cast<size_t>(layout.scale_index(o, a, i));
          const float value =
              from_float ? wide.data<float>()[at]
                         : static_cast<float>(int64_t{wide.data<int32_t>()[at]} - zero_points[s]);
          out[at] = value * scale[s];
        }
      }
    }
  });
}

}  // namespace

void register_dequantize_linear(OpTable& table) {
  table.add({.domain = "", .name = "DequantizeLinear", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
