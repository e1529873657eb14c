#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"
#include "core/ops/support/small_float.h"

namespace whittle {
namespace {

/** The type of y: that of the zero point, else attribute output_dtype (0: not stated), else u8. */
DType output_type(const Node& node, DType zero_point) {
  if (zero_point != DType::undefined) return zero_point;
  return node.int_attribute("output_dtype", 0) == 0
             ? DType::u8
             : dtype_attribute(node, "output_dtype", DType::u8);
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, output_type(context.node(), context.dtype(2)), context.dims(0));
}

// y = saturate(round_half_even(x / y_scale) + y_zero_point) for integer types; for 8- and 4-bit
// floats y = narrow(x / y_scale). The scale and zero point are one for all, one for each index of
// `axis`, or one for each block of `block_size` along it.
//   x [..] f32, f16, bf16 or i32   y_scale, y_zero_point [], [axis] or [.., blocks, ..]   y [..]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = convert(context.input(0), DType::f32);
  const Tensor scales = convert(context.input(1), DType::f32);
  const DType type = output_type(node, context.input(2).dtype());
  const QuantLayout layout = quant_layout(node, x.shape(), scales.shape());
  const auto in = x.data<float>();
  const auto scale = scales.data<float>();
  Tensor& y = context.output(0, type, x.shape());

  const bool to_float = is_float8(type) || type == DType::f4e2m1;
  std::vector<int32_t> zero_points(scale.size(), 0);
  const QRange range = to_float ? QRange{} : quantized_range(type, node);
  if (!to_float && context.has_input(2)) {
    zero_points = load_quantized(context.input(2), node);
    if (zero_points.size() != scale.size()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected as many zero points as scales for ",
           node.label(), " but received ", zero_points.size(), " and ", scale.size());
    }
  }
  Tensor quotients;
  if (to_float) quotients = Tensor::allocate(DType::f32, x.shape());
  int64_t at = 0;
  for (int64_t o = 0; o < layout.outer; ++o) {
    for (int64_t a = 0; a < layout.axis; ++a) {
      for (int64_t i = 0; i < layout.inner; ++i, ++at) {
        const auto s = static_cast<size_t>(layout.scale_index(o, a, i));
        const float quotient = in[static_cast<size_t>(at)] / scale[s];
        if (to_float) {
          quotients.mutable_data<float>()[static_cast<size_t>(at)] = quotient;
        } else {
          store_quantized(y, at, saturate(quotient, zero_points[s], range));
        }
      }
    }
  }
  if (to_float) {
    const Tensor narrowed = convert(quotients, type, node.int_attribute("saturate", 1) != 0);
    std::copy_n(narrowed.raw(), narrowed.bytes(), y.mutable_raw());
  }
}

}  // namespace

void register_quantize_linear(OpTable& table) {
  table.add({.domain = "", .name = "QuantizeLinear", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
