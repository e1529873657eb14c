#include "core/runtime/steps/broadcast.h"

namespace whittle {

BroadcastLoops::BroadcastLoops(const Shape& a, const Shape& b, const Shape& out) {
  size_t a_stride = 1, b_stride = 1;
  std::vector<Axis> axes;  // the innermost first
  for (int i = 1; i <= out.rank(); ++i) {
    const int64_t da = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t db = i <= b.rank() ? b[b.rank() - i] : 1;
    const auto count = static_cast<size_t>(out[out.rank() - i]);
    const Axis axis{count, da == 1 ? 0 : a_stride, db == 1 ? 0 : b_stride};
    a_stride *= static_cast<size_t>(da);
    b_stride *= static_cast<size_t>(db);
    if (count == 1) continue;
    if (!axes.empty()) {
      Axis& inner = axes.back();
      const bool a_joins = axis.a == inner.a * inner.count && (axis.a != 0) == (inner.a != 0);
      const bool b_joins = axis.b == inner.b * inner.count && (axis.b != 0) == (inner.b != 0);
      if (a_joins && b_joins) {
        inner.count *= count;
        continue;
      }
    }
    axes.push_back(axis);
  }
  inner_.outer = 1;
  inner_.inner = 1;
  if (!axes.empty()) {
    inner_.inner = axes[0].count;
    inner_.a_inner = axes[0].a;
    inner_.b_inner = axes[0].b;
  }
  if (axes.size() >= 2) {
    inner_.outer = axes[1].count;
    inner_.a_outer = axes[1].a;
    inner_.b_outer = axes[1].b;
    inner_.out_outer = inner_.inner;
  }
  for (size_t i = axes.size(); i-- > 2;) {
    loops_.push_back(axes[i]);
    loop_count_ *= axes[i].count;
  }
}

}  // namespace whittle
