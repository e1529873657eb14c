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

/** Rows of a table kept as codes of 4 or 8 bits. */
struct CodedRows {
  NarrowWeights weights;
  DType dtype = DType::u4;
  bool by_row = false;  // scales, zero points and codebooks go by row, else by column
  size_t rows = 0, cols = 0;

  /** Code `i` of the table: an unsigned number, or an integer of its own where there is no table.
   */
  int32_t code(const std::byte* base, size_t i) const {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(base);
    if (dtype_bits(dtype) == 4) return bytes[i / 2] >> (i % 2 * 4) & 15;
    return dtype == DType::i8 ? static_cast<int8_t>(bytes[i]) : bytes[i];
  }

  void row(const std::byte* base, size_t index, float* y) const {
    const auto block = static_cast<size_t>(weights.block);
    const size_t blocks = block == 0 ? 0 : (cols + block - 1) / block;
    for (size_t c = 0; c < cols; ++c) {
      const size_t column = by_row ? index : c;
      const size_t group = block == 0 ? column
                           : by_row   ? index * blocks + c / block
                                      : index / block * cols + c;
      const int32_t q = code(base, index * cols + c);
      float value = static_cast<float>(q);
      if (!weights.table.empty()) {
        const int32_t first = weights.first.empty() ? 0 : weights.first[column];
        value = weights.table[static_cast<size_t>(first + q)];
      }
      y[c] = (value - static_cast<float>(weights.zero_point[group])) * weights.scale[group];
    }
  }
};

/** Adds a step that copies rows of a table by index, each through `row(index, y)`. */
template <typename Rows>
void add_gather(const LoweredOp& op, PlanBuilder& plan, const char* kernel,
                std::shared_ptr<const Rows> table_rows) {
  const ValueId table = op.node.inputs[0];
  const ValueId indices = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const bool wide = plan.value(indices).dtype == DType::i64;
  const size_t count = elements(plan.value(indices));
  plan.add_step(kernel, [=, label = op.node.label()](RunState& state) {
    const auto limit = static_cast<int64_t>(table_rows->rows);
    for (size_t i = 0; i < count; ++i) {
      const int64_t stated =
          wide ? state.data<int64_t>(indices)[i] : state.data<int32_t>(indices)[i];
      const int64_t index = stated < 0 ? stated + limit : stated;
      if (index < 0 || index >= limit) {
        fail(Code::INVALID_DATA, label, "Expected indices in [", -limit, ", ", limit, ") for ",
             label, " but received ", stated);
      }
      table_rows->row(state.data(table), static_cast<size_t>(index),
                      state.data<float>(y) + i * table_rows->cols);
    }
  });
}

}  // namespace

bool build_coded_gather(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "CodedGather")) return false;
  auto rows = std::make_shared<CodedRows>();
  const Tensor& source = plan.value(op.node.inputs[0]).constant;
  rows->weights = op.narrow.at(0);
  rows->dtype = source.dtype();
  rows->by_row = op.node.int_attribute("by_row", 0) != 0;
  rows->rows = static_cast<size_t>(source.shape()[0]);
  rows->cols = static_cast<size_t>(source.shape()[1]);
  add_gather<CodedRows>(
      op, plan, rows->weights.kind == WeightKind::code4 ? "code4_gather" : "code8_gather", rows);
  return true;
}

bool build_narrow_gather(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "NarrowGather")) return false;
  auto step = std::make_shared<NarrowGather>();
  const Tensor& source = plan.value(op.node.inputs[0]).constant;
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
  add_gather<NarrowGather>(op, plan, step->scale.empty() ? "f16_gather" : "s8_gather", step);
  return true;
}

}  // namespace whittle
