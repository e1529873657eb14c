// Cast and CastLike: the same values in another element type.
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** f8e8m0's exponents are rounded up by `convert`: turns values into powers of two by another
 * round_mode beforehand. */
Tensor rounded_powers(const Tensor& x, bool nearest) {
  Tensor powers = convert(x, DType::f32).clone();
  for (float& value : powers.mutable_data<float>()) {
    int exponent = 0;
    const float significand = std::frexp(std::fabs(value), &exponent);
    if (value != 0 && std::isfinite(value)) {
      value = std::ldexp(nearest && significand >= 0.75f ? 1.0f : 0.5f, exponent);
    }
  }
  return powers;
}

/** Output 0 holds input 0 converted to `to`. */
void evaluate_to(EvalContext& context, DType to) {
  const Tensor& x = context.input(0);
  if (x.dtype() == to) return context.forward(0, x);
  const bool saturate = context.node().int_attribute("saturate", 1) != 0;
  const std::string rounding = context.node().string_attribute("round_mode", "up");
  if (to == DType::f8e8m0 && rounding != "up") {
    return convert_into(rounded_powers(x, rounding == "nearest"), context.output(0, to, x.shape()),
                        saturate);
  }
  convert_into(x, context.output(0, to, x.shape()), saturate);
}

DType target(const Node& node) {
  return dtype_attribute(node, "to", DType::undefined);
}

void infer_cast(InferContext& context) {
  context.set_output(0, target(context.node()), context.dims(0));
}

void evaluate_cast(EvalContext& context) {
  require_inputs(context.node(), 1);
  evaluate_to(context, target(context.node()));
}

void infer_cast_like(InferContext& context) {
  context.set_output(0, context.dtype(1), context.dims(0));
}

void evaluate_cast_like(EvalContext& context) {
  require_inputs(context.node(), 2);
  evaluate_to(context, context.input(1).dtype());
}

}  // namespace

void register_cast(OpTable& table) {
  table.add({.name = "Cast",
             .infer = infer_cast,
             .evaluate = evaluate_cast,
             .traits = Trait::elementwise});
  table.add({.name = "CastLike",
             .infer = infer_cast_like,
             .evaluate = evaluate_cast_like,
             .traits = Trait::elementwise});
}

}  // namespace whittle
