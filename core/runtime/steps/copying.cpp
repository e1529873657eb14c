#include "core/runtime/steps/copying.h"

namespace whittle {

std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (int i = shape.rank() - 1; i > 0; --i) {
    strides[static_cast<size_t>(i - 1)] = strides[static_cast<size_t>(i)] * shape[i];
  }
  return strides;
}

StridedCopy::StridedCopy(const Shape& dims, const std::vector<int64_t>& source,
                         const std::vector<int64_t>& target, size_t element_size) {
  const auto size = static_cast<int64_t>(element_size);
  std::vector<Loop> reversed;  // the innermost first
  int64_t run = 1;
  for (int i = dims.rank(); i-- > 0;) {
    const auto axis = static_cast<size_t>(i);
    const Loop loop{dims[i], source[axis], target[axis]};
    if (loop.count == 1) continue;
    if (reversed.empty() && loop.source == run && loop.target == run) {
      run *= loop.count;
      continue;
    }
    if (!reversed.empty()) {
      Loop& inner = reversed.back();
      if (loop.source == inner.source * inner.count && loop.target == inner.target * inner.count) {
        inner.count *= loop.count;
        continue;
      }
    }
    reversed.push_back(loop);
  }
  run_bytes_ = static_cast<size_t>(run * size);
  for (size_t i = reversed.size(); i-- > 0;) {
    loops_.push_back({reversed[i].count, reversed[i].source * size, reversed[i].target * size});
    outer_ *= reversed[i].count;
  }
}

void StridedCopy::run(const RunState& state, const std::byte* from, std::byte* to) const {
  if (loops_.empty()) {
    std::memcpy(to, from, run_bytes_);
    return;
  }
  const Loop inner = loops_.back();
  const auto rows = static_cast<size_t>(outer_ / std::max<int64_t>(1, inner.count));
  const size_t row_bytes = run_bytes_ * static_cast<size_t>(inner.count);
  const size_t grain = std::max<size_t>(1, kParallelGrain / std::max<size_t>(1, row_bytes));
  for_ranges(state, rows, 1, grain, [&](IndexRange range, int) {
    for (size_t row = range.begin; row < range.end; ++row) {
      int64_t rest = static_cast<int64_t>(row), source = 0, target = 0;
      for (size_t i = loops_.size() - 1; i-- > 0;) {
        const int64_t position = rest % loops_[i].count;
        rest /= loops_[i].count;
        source += position * loops_[i].source;
        target += position * loops_[i].target;
      }
      const std::byte* x = from + source;
      std::byte* y = to + target;
      for (int64_t k = 0; k < inner.count; ++k, x += inner.source, y += inner.target) {
        copy_bytes(y, x, run_bytes_);
      }
    }
  });
}

}  // namespace whittle
