#include <vector>

#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/support.h"

namespace whittle {
namespace {

/** Broadcasting two stored shapes, reduced to as few axes as possible. Strides are 0 where an operand
 * repeats. */
struct Broadcast {
  struct Axis {
    size_t count, a, b;
  };
  std::vector<Axis> axes;  // the outermost first

  Broadcast(const Shape& a, const Shape& b, const Shape& out) {
    size_t a_stride = 1, b_stride = 1;
    std::vector<Axis> reversed;
    for (int i = 0; i < out.rank(); ++i) {
      const int from_end = i + 1;
      const int64_t da = from_end <= a.rank() ? a[a.rank() - from_end] : 1;
      const int64_t db = from_end <= b.rank() ? b[b.rank() - from_end] : 1;
      const auto count = static_cast<size_t>(out[out.rank() - from_end]);
      const Axis axis{count, da == 1 ? 0 : a_stride, db == 1 ? 0 : b_stride};
      a_stride *= static_cast<size_t>(da);
      b_stride *= static_cast<size_t>(db);
      if (count == 1) continue;
      if (!reversed.empty()) {
        // Merges with the inner axis where both operands continue (or repeat) across it.
        Axis& inner = reversed.back();
        const bool a_joins = axis.a == inner.a * inner.count && (axis.a != 0) == (inner.a != 0);
        const bool b_joins = axis.b == inner.b * inner.count && (axis.b != 0) == (inner.b != 0);
        if (a_joins && b_joins) {
          inner.count *= count;
          continue;
        }
      }
      reversed.push_back(axis);
    }
    axes.assign(reversed.rbegin(), reversed.rend());
  }
};

/** A binary kernel over any broadcast: the two inner axes go to the kernel, the rest are loops. */
struct BinaryStep {
  BinaryFn fn = nullptr;
  BinaryShape inner;
  std::vector<Broadcast::Axis> loops;
  size_t loop_count = 1;
  size_t block = 1;  // elements of the output per loop position

  BinaryStep(BinaryFn kernel, const Broadcast& broadcast) : fn(kernel) {
    const auto& axes = broadcast.axes;
    const size_t rank = axes.size();
    inner.outer = 1;
    inner.inner = 1;
    if (rank >= 1) {
      inner.inner = axes[rank - 1].count;
      inner.a_inner = axes[rank - 1].a;
      inner.b_inner = axes[rank - 1].b;
    }
    if (rank >= 2) {
      inner.outer = axes[rank - 2].count;
      inner.a_outer = axes[rank - 2].a;
      inner.b_outer = axes[rank - 2].b;
      inner.out_outer = inner.inner;
    }
    for (size_t i = 0; i + 2 < rank; ++i) {
      loops.push_back(axes[i]);
      loop_count *= axes[i].count;
    }
    block = inner.outer * inner.inner;
  }

  void run(const RunState& state, const float* a, const float* b, float* out) const {
    if (loop_count == 1 && inner.outer == 1) {
      for_ranges(state, inner.inner, 16, kParallelGrain / sizeof(float), [&](IndexRange r, int) {
        BinaryShape part = inner;
        part.inner = r.size();
        fn(a + r.begin * inner.a_inner, b + r.begin * inner.b_inner, out + r.begin, part);
      });
      return;
    }
    const size_t row_grain =
        std::max<size_t>(1, kParallelGrain / sizeof(float) / std::max<size_t>(1, inner.inner));
    for_ranges(state, loop_count * inner.outer, 1, row_grain, [&](IndexRange rows, int) {
      for (size_t row = rows.begin; row < rows.end;) {
        const size_t index = row / inner.outer;
        const size_t first = row % inner.outer;
        const size_t count = std::min(inner.outer - first, rows.end - row);
        size_t rest = index, from_a = 0, from_b = 0;
        for (size_t i = loops.size(); i-- > 0;) {
          const size_t position = rest % loops[i].count;
          rest /= loops[i].count;
          from_a += position * loops[i].a;
          from_b += position * loops[i].b;
        }
        BinaryShape part = inner;
        part.outer = count;
        fn(a + from_a + first * inner.a_outer, b + from_b + first * inner.b_outer,
           out + index * block + first * inner.inner, part);
        row += count;
      }
    });
  }
};

}  // namespace

bool build_unary(const LoweredOp& op, PlanBuilder& plan) {
  const auto spec = unary_of(op, plan.graph());
  if (!spec) return false;
  const ValueId x = op.node.inputs[0];
  const ValueId y = op.node.outputs[0];
  const UnaryFn fn = plan.kernels().unary_for(spec->kind);
  const size_t count = elements(plan.value(y));
  plan.allow_in_place(y, x);
  plan.add_step("f32_unary", [=, params = spec->params](RunState& state) {
    const float* in = state.data<float>(x);
    float* out = state.data<float>(y);
    for_ranges(state, count, 16, kParallelGrain / sizeof(float), [&](IndexRange range, int) {
      fn(in + range.begin, out + range.begin, range.size(), params);
    });
  });
  return true;
}

bool build_binary(const LoweredOp& op, PlanBuilder& plan) {
  const auto kind = binary_of(op, plan.graph());
  if (!kind) return false;
  const ValueId a = op.node.inputs[0];
  const ValueId b = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  const Shape out = plan.value(y).stored_shape();
  if (out.elements() == 0) return false;
  const Broadcast broadcast(plan.value(a).stored_shape(), plan.value(b).stored_shape(), out);
  const BinaryStep step(plan.kernels().binary_for(*kind), broadcast);
  // The kernel may write over an operand that is not repeated.
  if (elements(plan.value(a)) == elements(plan.value(y))) plan.allow_in_place(y, a);
  if (elements(plan.value(b)) == elements(plan.value(y))) plan.allow_in_place(y, b);
  plan.add_step("f32_binary", [=](RunState& state) {
    step.run(state, state.data<float>(a), state.data<float>(b), state.data<float>(y));
  });
  return true;
}

}  // namespace whittle
