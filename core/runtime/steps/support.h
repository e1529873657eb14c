#pragma once

#include <algorithm>
#include <cstdint>

#include "core/runtime/plan_builder.h"

namespace whittle {

/** Work below this many bytes touched is not worth a second thread. */
inline constexpr size_t kParallelGrain = 32 * 1024;

/** Calls f(range, thread) for ranges that cover [0, total), each a multiple of `granule` long
 * except the last, each at least `grain` long. With one thread that is one call. */
template <typename F>
void for_ranges(const RunState& state, size_t total, size_t granule, size_t grain, F&& f) {
  const auto threads = static_cast<size_t>(state.pool->threads());
  if (threads == 1 || total <= grain) {
    if (total > 0) f(IndexRange{0, total}, 0);
    return;
  }
  // A few ranges for each thread, so that one slow thread does not hold up the rest.
  const size_t wanted = std::min(threads * 3, (total + grain - 1) / grain);
  size_t length = (total + wanted - 1) / wanted;
  length = (length + granule - 1) / granule * granule;
  const size_t count = (total + length - 1) / length;
  state.pool->run(static_cast<int64_t>(count), [&](int64_t i, int thread) {
    const size_t begin = static_cast<size_t>(i) * length;
    f(IndexRange{begin, std::min(total, begin + length)}, thread);
  });
}

/** Bytes of one element; types of half bytes have no fast steps. */
size_t element_bytes(DType dtype);
size_t elements(const LoweredValue& value);

/** The epilogue of a float kernel; the residual is set at run time. */
FloatEpilogue float_epilogue(const Epilogue& epilogue, const KernelTable& kernels);

/** The sizes of a stored tensor as images: [batch, height, width, channels]; rank 3 has height 1.
 */
struct ImageShape {
  size_t batch = 1;
  size_t height = 1;
  size_t width = 1;
  size_t channels = 1;
  size_t pixels() const { return height * width; }
};
/** Of a value of rank 3 or 4 by its ONNX shape. */
ImageShape image_shape(const Shape& shape);

}  // namespace whittle
