#include <cstring>

#include "core/runtime/layout.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/copying.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** Where each position of one padded axis comes from; -1 is the constant. */
std::vector<int64_t> axis_map(int64_t dim, int64_t before, int64_t after, const std::string& mode) {
  std::vector<int64_t> map;
  for (int64_t i = -before; i < dim + after; ++i) {
    if (i >= 0 && i < dim) {
      map.push_back(i);
    } else if (mode == "edge") {
      map.push_back(i < 0 ? 0 : dim - 1);
    } else if (mode == "wrap") {
      map.push_back(((i % dim) + dim) % dim);
    } else if (mode == "reflect") {
      // The mirror has period 2 (dim - 1); an axis of 1 repeats itself.
      const int64_t period = 2 * (dim - 1);
      const int64_t at = period == 0 ? 0 : ((i % period) + period) % period;
      map.push_back(at < dim ? at : period - at);
    } else {
      map.push_back(-1);
    }
  }
  return map;
}

struct PadStep {
  std::vector<std::vector<int64_t>> maps;  // of the outer axes
  std::vector<int64_t> strides;            // of the source, in bytes
  std::vector<int64_t> last;               // map of the last padded axis
  size_t run = 0;                          // bytes of what lies behind it
  std::vector<std::byte> constant;         // one run of the constant value

  void row(const std::byte* source, bool outside, std::byte* y) const {
    for (int64_t at : last) {
      const bool fill = outside || at < 0;
      copy_bytes(y, fill ? constant.data() : source + at * static_cast<int64_t>(run), run);
      y += run;
    }
  }
};

}  // namespace

bool build_pad(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Pad") || !fits_pad(op, plan.graph())) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const LoweredValue& in = plan.value(x);
  const int rank = in.shape.rank();
  const auto pads = *integer_constant(plan.graph(), op.node.inputs[1]);
  std::vector<int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) axes.push_back(axis);
  if (op.node.input(3) != kNoValue) axes = *integer_constant(plan.graph(), op.node.inputs[3]);
  const std::string mode = op.node.string_attribute("mode", "constant");
  const Shape stored = in.stored_shape();
  if (stored.elements() == 0) return false;

  std::vector<int64_t> before(static_cast<size_t>(rank), 0), after(static_cast<size_t>(rank), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalize_axis(axes[i], rank, op.node.label());
    const auto at = static_cast<size_t>(stored_axis(in, axis));
    before[at] = pads[i];
    after[at] = pads[axes.size() + i];
  }
  int inner = rank - 1;  // the last padded axis
  while (inner > 0 && before[static_cast<size_t>(inner)] == 0 &&
         after[static_cast<size_t>(inner)] == 0) {
    --inner;
  }
  PadStep step;
  const size_t size = element_bytes(in.dtype);
  const std::vector<int64_t> strides = row_major_strides(stored);
  for (int axis = 0; axis <= inner; ++axis) {
    const auto at = static_cast<size_t>(axis);
    auto map = axis_map(stored[axis], before[at], after[at], mode);
    if (axis == inner) {
      step.last = std::move(map);
    } else {
      step.maps.push_back(std::move(map));
      step.strides.push_back(strides[at] * static_cast<int64_t>(size));
    }
  }
  step.run = static_cast<size_t>(stored.elements(inner + 1, rank)) * size;
  step.constant.resize(step.run, std::byte{0});
  if (const Tensor* value = plan.graph().constant(op.node.input(2));
      value && value->elements() == 1) {
    for (size_t i = 0; i < step.run; i += size) std::memcpy(&step.constant[i], value->raw(), size);
  }
  size_t rows = 1;
  for (const auto& map : step.maps) rows *= map.size();
  const size_t row_bytes = step.last.size() * step.run;
  plan.add_step("pad", [=](RunState& state) {
    const std::byte* from = state.data(x);
    std::byte* to = state.data(y);
    for_ranges(state, rows, 1, std::max<size_t>(1, kParallelGrain / row_bytes),
               [&](IndexRange range, int) {
                 for (size_t row = range.begin; row < range.end; ++row) {
                   size_t rest = row;
                   int64_t offset = 0;
                   bool outside = false;
                   for (size_t i = step.maps.size(); i-- > 0;) {
                     const int64_t at = step.maps[i][rest % step.maps[i].size()];
                     rest /= step.maps[i].size();
                     outside = outside || at < 0;
                     offset += at * step.strides[i];
                   }
                   step.row(from + (outside ? 0 : offset), outside, to + row * row_bytes);
                 }
               });
  });
  return true;
}

}  // namespace whittle
