// Reductions over contiguous rows (inner) and over rows (outer). Sums run in double.

#include <cmath>
#include <limits>

#include "core/kernels/reference/reference.h"

namespace whittle::reference {
namespace {

// Reduces n values `stride` apart.
template <ReduceKind kind>
float reduce(const float* x, size_t n, size_t stride) {
  if constexpr (kind == ReduceKind::max || kind == ReduceKind::min) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    float best = kind == ReduceKind::max ? -kInfinity : kInfinity;
    for (size_t i = 0; i < n; ++i) {
      const float v = x[i * stride];
      const bool better = kind == ReduceKind::max ? v > best : v < best;
      if (better || std::isnan(v)) best = v;
    }
    return best;
  } else {
    double sum = 0.0;
    for (size_t i = 0; i < n; ++i) {
      const double v = x[i * stride];
      sum += kind == ReduceKind::sum_square ? v * v : v;
    }
    if (kind == ReduceKind::mean) sum /= static_cast<double>(n);
    return static_cast<float>(sum);
  }
}

template <ReduceKind kind>
void inner(const float* x, size_t ldx, size_t cols, float* y, IndexRange rows) {
  for (size_t r = rows.begin; r < rows.end; ++r) y[r] = reduce<kind>(x + r * ldx, cols, 1);
}

template <ReduceKind kind>
void outer(const float* x, size_t ldx, size_t outer_count, float* y, IndexRange range) {
  for (size_t i = range.begin; i < range.end; ++i) y[i] = reduce<kind>(x + i, outer_count, ldx);
}

}  // namespace

void fill_reduce(KernelTable& table) {
  table.reduce_inner = {inner<ReduceKind::sum>, inner<ReduceKind::mean>, inner<ReduceKind::max>,
                        inner<ReduceKind::min>, inner<ReduceKind::sum_square>};
  table.reduce_outer = {outer<ReduceKind::sum>, outer<ReduceKind::mean>, outer<ReduceKind::max>,
                        outer<ReduceKind::min>, outer<ReduceKind::sum_square>};
}

}  // namespace whittle::reference
