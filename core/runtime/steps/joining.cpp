#include "core/runtime/layout.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/copying.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

int64_t inner_of(const Shape& stored, int axis) {
  return stored.elements(axis + 1, stored.rank());
}

}  // namespace

// Where everything before the axis is 1, the inputs are made in their place in the result.
bool build_concat(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Concat") || !fits_copy(op, plan.graph())) return false;
  const ValueId y = op.node.outputs[0];
  const LoweredValue& out = plan.value(y);
  const int rank = out.shape.rank();
  const int axis =
      stored_axis(out, normalize_axis(op.node.int_attribute("axis", 0), rank, op.node.label()));
  const Shape whole = out.stored_shape();
  const size_t size = element_bytes(out.dtype);
  const bool in_place = whole.elements(0, axis) == 1;
  const std::vector<int64_t> target = row_major_strides(whole);

  struct Part {
    ValueId value;
    StridedCopy copy;
    int64_t offset;
  };
  std::vector<Part> parts;
  int64_t position = 0;
  for (ValueId id : op.node.inputs) {
    const Shape part = plan.value(id).stored_shape();
    const int64_t offset = position * inner_of(whole, axis) * static_cast<int64_t>(size);
    position += part[axis];
    if (part.elements() == 0) continue;
    if (in_place && plan.place_into(id, y, offset)) continue;
    parts.push_back({id, StridedCopy(part, row_major_strides(part), target, size), offset});
  }
  plan.add_step("concat", [y, parts = std::move(parts)](RunState& state) {
    for (const Part& part : parts) {
      part.copy.run(state, state.data(part.value), state.data(y) + part.offset);
    }
  });
  return true;
}

bool build_split(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Split") || !fits_copy(op, plan.graph())) return false;
  const ValueId x = op.node.inputs[0];
  const LoweredValue& in = plan.value(x);
  const int axis = stored_axis(
      in, normalize_axis(op.node.int_attribute("axis", 0), in.shape.rank(), op.node.label()));
  const Shape whole = in.stored_shape();
  const size_t size = element_bytes(in.dtype);
  const std::vector<int64_t> source = row_major_strides(whole);
  const bool as_views = whole.elements(0, axis) == 1;

  struct Part {
    ValueId value;
    StridedCopy copy;
    int64_t offset;
  };
  std::vector<Part> parts;
  int64_t position = 0;
  for (ValueId id : op.node.outputs) {
    if (id == kNoValue) return false;
    const Shape part = plan.value(id).stored_shape();
    const int64_t offset = position * inner_of(whole, axis) * static_cast<int64_t>(size);
    position += part[axis];
    if (as_views) {
      plan.alias(id, x, offset);
    } else if (part.elements() > 0) {
      parts.push_back({id, StridedCopy(part, source, row_major_strides(part), size), offset});
    }
  }
  if (as_views) return true;
  plan.add_step("split", [x, parts = std::move(parts)](RunState& state) {
    for (const Part& part : parts) {
      part.copy.run(state, state.data(x) + part.offset, state.data(part.value));
    }
  });
  return true;
}

bool build_slice(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Slice") || !fits_slice(op, plan.graph())) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const LoweredValue& in = plan.value(x);
  const Shape whole = in.stored_shape();
  const Shape part = plan.value(y).stored_shape();
  const size_t size = element_bytes(in.dtype);
  if (part.elements() == 0) return true;

  const auto starts = *integer_constant(plan.graph(), op.node.inputs[1]);
  std::vector<int64_t> axes, steps(starts.size(), 1);
  for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (op.node.input(3) != kNoValue) axes = *integer_constant(plan.graph(), op.node.inputs[3]);
  if (op.node.input(4) != kNoValue) steps = *integer_constant(plan.graph(), op.node.inputs[4]);

  std::vector<int64_t> source = row_major_strides(whole);
  int64_t offset = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int axis = normalize_axis(axes[i], in.shape.rank(), op.node.label());
    const int64_t dim = in.shape[axis];
    int64_t start = starts[i] < 0 ? starts[i] + dim : starts[i];
    start =
        steps[i] > 0 ? std::clamp<int64_t>(start, 0, dim) : std::clamp<int64_t>(start, -1, dim - 1);
    const auto stored = static_cast<size_t>(stored_axis(in, axis));
    offset += start * source[stored];
    source[stored] *= steps[i];
  }
  offset *= static_cast<int64_t>(size);
  const StridedCopy copy(part, source, row_major_strides(part), size);
  if (copy.contiguous()) {
    plan.alias(y, x, offset);
    return true;
  }
  plan.add_step("slice",
                [=](RunState& state) { copy.run(state, state.data(x) + offset, state.data(y)); });
  return true;
}

bool build_expand(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Expand") || !fits_copy(op, plan.graph())) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const Shape& from = plan.value(x).shape;
  const Shape& to = plan.value(y).shape;
  if (to.elements() == 0) return false;
  const std::vector<int64_t> dense = row_major_strides(from);
  std::vector<int64_t> source(static_cast<size_t>(to.rank()), 0);
  for (int i = 0; i < from.rank(); ++i) {
    const int axis = to.rank() - from.rank() + i;
    if (from[i] != 1) source[static_cast<size_t>(axis)] = dense[static_cast<size_t>(i)];
  }
  const StridedCopy copy(to, source, row_major_strides(to), element_bytes(plan.value(x).dtype));
  plan.add_step("expand", [=](RunState& state) { copy.run(state, state.data(x), state.data(y)); });
  return true;
}

// y[o, j, i] = x[o, indices[j], i]
bool build_gather(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Gather") || !fits_copy(op, plan.graph())) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId indices = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const Shape& shape = plan.value(x).shape;
  const DType index_type = plan.value(indices).dtype;
  if (index_type != DType::i64 && index_type != DType::i32) return false;
  const int axis = normalize_axis(op.node.int_attribute("axis", 0), shape.rank(), op.node.label());
  const int64_t dim = shape[axis];
  const auto outer = shape.elements(0, axis);
  const auto row = static_cast<size_t>(shape.elements(axis + 1, shape.rank())) *
                   element_bytes(plan.value(x).dtype);
  const auto count = static_cast<int64_t>(elements(plan.value(indices)));
  plan.add_step("gather", [=, label = op.node.label()](RunState& state) {
    const std::byte* in = state.data(x);
    std::byte* out = state.data(y);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t j = 0; j < count; ++j) {
        const int64_t stated = index_type == DType::i64 ? state.data<int64_t>(indices)[j]
                                                        : state.data<int32_t>(indices)[j];
        const int64_t index = stated < 0 ? stated + dim : stated;
        if (index < 0 || index >= dim) {
          fail(Code::INVALID_DATA, label, "Expected indices in [", -dim, ", ", dim, ") for ", label,
               " but received ", stated);
        }
        copy_bytes(out, in + static_cast<size_t>(o * dim + index) * row, row);
        out += row;
      }
    }
  });
  return true;
}

}  // namespace whittle
