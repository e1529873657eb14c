#pragma once

// Sizes that the kernels and the scratch they ask for agree on.

#include <cstddef>

namespace whittle {

// Row tiles handled per weight panel before the next panel is read: the panel then comes from
// memory once for all of them, while their rows of A stay in the second-level cache.
constexpr size_t kTilesPerBlock = 16;

// Coded weights are widened into scratch for a single row of A too: this many rows of as many
// panels at a time, which stay in the first-level cache.
constexpr size_t kCodeSlice = 64;
constexpr size_t kCodePanels = 4;

// Output pixels a depthwise kernel computes together.
constexpr size_t kDwConvPixels = 4;

}  // namespace whittle
