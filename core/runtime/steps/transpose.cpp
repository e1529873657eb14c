#include <cstring>

#include "core/runtime/layout.h"
#include "core/runtime/layout_rules.h"
#include "core/runtime/steps/fits.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/support.h"

namespace whittle {
namespace {

/** y[c * ldy + r] = x[r * ldx + c] for elements of `size` bytes. */
struct Tile {
  size_t size = 4;
  Transpose32Fn transpose32 = nullptr;
  Transpose8Fn transpose8 = nullptr;

  void run(const std::byte* x, size_t ldx, size_t cols, std::byte* y, size_t ldy,
           IndexRange rows) const {
    if (size == 4) {
      transpose32(reinterpret_cast<const uint32_t*>(x), ldx, cols, reinterpret_cast<uint32_t*>(y),
                  ldy, rows);
    } else if (size == 1) {
      transpose8(reinterpret_cast<const uint8_t*>(x), ldx, cols, reinterpret_cast<uint8_t*>(y), ldy,
                 rows);
    } else {
      for (size_t r = rows.begin; r < rows.end; ++r) {
        for (size_t c = 0; c < cols; ++c) {
          std::memcpy(y + (c * ldy + r) * size, x + (r * ldx + c) * size, size);
        }
      }
    }
  }
};

/** A permutation reduced to what moves: axes of 1 dropped, neighbours that stay together merged. */
struct Permutation {
  std::vector<size_t> dims;  // of the source
  std::vector<size_t> perm;  // for each axis of the result, the axis of the source
};

Permutation reduce(const Shape& shape, const std::vector<int>& perm) {
  std::vector<int> order;  // source axes in the result's order, without axes of 1
  for (int axis : perm) {
    if (shape[axis] != 1) order.push_back(axis);
  }
  // Groups of source axes that follow each other in both orders.
  std::vector<std::vector<int>> groups;
  const auto next_axis = [&](int axis) {
    for (int next = axis + 1; next < shape.rank(); ++next) {
      if (shape[next] != 1) return next;
    }
    return -1;
  };
  for (int axis : order) {
    if (!groups.empty() && next_axis(groups.back().back()) == axis) {
      groups.back().push_back(axis);
    } else {
      groups.push_back({axis});
    }
  }
  std::vector<size_t> by_source(groups.size());
  for (size_t i = 0; i < groups.size(); ++i) by_source[i] = i;
  std::sort(by_source.begin(), by_source.end(),
            [&](size_t a, size_t b) { return groups[a][0] < groups[b][0]; });
  Permutation reduced;
  reduced.perm.resize(groups.size());
  for (size_t source = 0; source < by_source.size(); ++source) {
    size_t dim = 1;
    for (int axis : groups[by_source[source]]) dim *= static_cast<size_t>(shape[axis]);
    reduced.dims.push_back(dim);
    reduced.perm[by_source[source]] = source;
  }
  return reduced;
}

std::vector<size_t> row_major(const std::vector<size_t>& dims) {
  std::vector<size_t> strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

/** The loops of one transpose: outer positions, each a copied run or a 2-D tile. */
struct Transposition {
  struct Loop {
    size_t count, source, target;  // steps in elements
  };
  std::vector<Loop> loops;  // the outermost first
  size_t outer = 1;         // product of counts
  // Inner part: a run of `run` elements, or rows x cols transposed.
  size_t run = 0;
  size_t rows = 0, cols = 0, ldx = 0, ldy = 0;

  Transposition(const Shape& shape, const std::vector<int>& perm) {
    const Permutation p = reduce(shape, perm);
    const size_t rank = p.dims.size();
    if (rank == 0) {
      run = 1;
      return;
    }
    const std::vector<size_t> source = row_major(p.dims);
    std::vector<size_t> out_dims(rank);
    for (size_t i = 0; i < rank; ++i) out_dims[i] = p.dims[p.perm[i]];
    const std::vector<size_t> target = row_major(out_dims);
    const size_t last = rank - 1;
    size_t skip_a = last, skip_b = last;  // result axes handled by the inner part
    if (p.perm[last] == last) {
      run = p.dims[last];
    } else {
      // Result axis `a` carries the source's contiguous axis; the result's last axis is the other.
      size_t a = 0;
      while (p.perm[a] != last) ++a;
      skip_a = a;
      rows = out_dims[last];
      cols = out_dims[a];
      ldx = source[p.perm[last]];
      ldy = target[a];
    }
    for (size_t i = 0; i < rank; ++i) {
      if (i == skip_a || i == skip_b) continue;
      loops.push_back({out_dims[i], source[p.perm[i]], target[i]});
      outer *= out_dims[i];
    }
  }

  /** Calls f(source offset, target offset) for outer positions [begin, end). */
  template <typename F>
  void walk(IndexRange range, F&& f) const {
    for (size_t index = range.begin; index < range.end; ++index) {
      size_t rest = index, from = 0, to = 0;
      for (size_t i = loops.size(); i-- > 0;) {
        const size_t position = rest % loops[i].count;
        rest /= loops[i].count;
        from += position * loops[i].source;
        to += position * loops[i].target;
      }
      f(from, to);
    }
  }
};

void add_transpose(PlanBuilder& plan, ValueId from, ValueId to, const std::vector<int>& perm) {
  const LoweredValue& x = plan.value(from);
  Tile tile{element_bytes(x.dtype), plan.kernels().transpose32, plan.kernels().transpose8};
  const Transposition t(x.stored_shape(), perm);
  const size_t size = tile.size;
  const size_t bytes = elements(x) * size;
  if (bytes == 0) return;
  plan.add_step(t.run != 0 ? "transpose_rows" : "transpose_tiles", [=](RunState& state) {
    const std::byte* in = state.data(from);
    std::byte* out = state.data(to);
    const size_t grain = std::max<size_t>(1, kParallelGrain * t.outer / bytes);
    if (t.run == 0 && t.outer == 1) {
      // One large matrix: its rows are shared out instead.
      const size_t row_grain = std::max<size_t>(16, kParallelGrain * t.rows / bytes);
      for_ranges(state, t.rows, 16, row_grain,
                 [&](IndexRange rows, int) { tile.run(in, t.ldx, t.cols, out, t.ldy, rows); });
      return;
    }
    for_ranges(state, t.outer, 1, grain, [&](IndexRange range, int) {
      t.walk(range, [&](size_t source, size_t target) {
        if (t.run != 0) {
          std::memcpy(out + target * size, in + source * size, t.run * size);
        } else {
          tile.run(in + source * size, t.ldx, t.cols, out + target * size, t.ldy,
                   IndexRange{0, t.rows});
        }
      });
    });
  });
}

}  // namespace

bool build_transpose(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("Transpose") || !fits_copy(op, plan.graph())) return false;
  const LoweredValue& from = plan.value(op.node.inputs[0]);
  const LoweredValue& to = plan.value(op.node.outputs[0]);
  const auto perm = transpose_permutation(op.node, from.shape.rank());
  add_transpose(plan, op.node.inputs[0], op.node.outputs[0], stored_permutation(from, to, perm));
  return true;
}

bool build_layout_change(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "ToPlain") && !op.node.is(kLowered, "ToChannelsLast")) return false;
  const LoweredValue& from = plan.value(op.node.inputs[0]);
  const LoweredValue& to = plan.value(op.node.outputs[0]);
  std::vector<int64_t> same;
  for (int axis = 0; axis < from.shape.rank(); ++axis) same.push_back(axis);
  add_transpose(plan, op.node.inputs[0], op.node.outputs[0], stored_permutation(from, to, same));
  return true;
}

}  // namespace whittle
