#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/support.h"

namespace whittle {
namespace {

/** Rows of a table kept as f16 or 8-bit integers, widened as they are picked. */
struct NarrowGather {
  bool is_signed = false;
  std::vector<float> scale;  // empty: f16
  std::vector<int32_t> zero_point;
  bool by_row = false;
  size_t rows = 0, cols = 0;
  HalfToFloatFn widen = nullptr;
  DequantizeFn dequantize = nullptr;

  void row(const std::byte* base, size_t index, float* y) const {
    if (scale.empty()) {
      widen(reinterpret_cast<const uint16_t*>(base) + index * cols, y, cols);
      return;
    }
    const std::byte* q = base + index * cols;
    if (by_row || scale.size() == 1) {
      const size_t at = by_row ? index : 0;
      dequantize(q, y, cols, QuantParams{scale[at], zero_point[at], is_signed});
      return;
    }
    for (size_t c = 0; c < cols; ++c) {
      const int32_t value = is_signed
                                ? static_cast<int32_t>(reinterpret_cast<const int8_t*>(q)[c])
                                : static_cast<int32_t>(reinterpret_cast<const uint8_t*>(q)[c]);
      y[c] = static_cast<float>(value - zero_point[c]) * scale[c];
    }
  }
};

}  // namespace

bool build_narrow_gather(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "NarrowGather")) return false;
  auto step = std::make_shared<NarrowGather>();
  const ValueId table = op.node.inputs[0];
  const ValueId indices = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const Tensor& source = plan.value(table).constant;
  step->is_signed = source.dtype() == DType::i8;
  step->rows = static_cast<size_t>(source.shape()[0]);
  step->cols = static_cast<size_t>(source.shape()[1]);
  step->widen = plan.kernels().half_to_float;
  step->dequantize = plan.kernels().dequantize;
  if (op.node.inputs[2] != kNoValue) {
    step->scale = to_floats(plan.value(op.node.inputs[2]).constant, op.node.label());
    step->zero_point.assign(step->scale.size(), 0);
    if (op.node.inputs[3] != kNoValue) {
      const auto points = to_int64s(plan.value(op.node.inputs[3]).constant, op.node.label());
      for (size_t i = 0; i < step->scale.size(); ++i) {
        step->zero_point[i] = static_cast<int32_t>(points[points.size() == 1 ? 0 : i]);
      }
    }
    const int axis = normalize_axis(op.node.int_attribute("axis", 1), 2, op.node.label());
    step->by_row = step->scale.size() > 1 && axis == 0;
  }
  const bool wide = plan.value(indices).dtype == DType::i64;
  const size_t count = elements(plan.value(indices));
  plan.add_step(step->scale.empty() ? "f16_gather" : "s8_gather",
                [=, label = op.node.label()](RunState& state) {
                  const auto limit = static_cast<int64_t>(step->rows);
                  for (size_t i = 0; i < count; ++i) {
                    const int64_t stated =
                        wide ? state.data<int64_t>(indices)[i] : state.data<int32_t>(indices)[i];
                    const int64_t index = stated < 0 ? stated + limit : stated;
                    if (index < 0 || index >= limit) {
                      fail(Code::INVALID_DATA, label, "Expected indices in [", -limit, ", ", limit,
                           ") for ", label, " but received ", stated);
                    }
                    step->row(state.data(table), static_cast<size_t>(index),
                              state.data<float>(y) + i * step->cols);
                  }
                });
  return true;
}

}  // namespace whittle
