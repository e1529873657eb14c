#include "core/kernels/code_layout.h"
#include "core/kernels/pack.h"
#include "core/kernels/tiling.h"

namespace whittle {
namespace {

size_t widened_panel_bytes(WeightKind kind, size_t k, const TileShape& tile) {
  if (kind == WeightKind::f32) return 0;
  const size_t panel = panel_bytes(WeightKind::f32, PackShape{1, k + kCodeRows, tile.nr}, tile);
  if (kind != WeightKind::code4 && kind != WeightKind::code8) return panel;
  // One row of A goes through a slice of a few panels at a time.
  const size_t slice = kCodePanels * (kCodeSlice + kCodeRows) * tile.nr * sizeof(float);
  return panel > slice ? panel : slice;
}

}  // namespace

size_t gemm_scratch_bytes(WeightKind kind, size_t k, const TileShape& tile) {
  return widened_panel_bytes(kind, k, tile);
}

size_t conv_scratch_bytes(WeightKind kind, const ConvShape& shape, const TileShape& tile) {
  return widened_panel_bytes(kind, shape.taps() * shape.kc, tile) +
         kTilesPerBlock * tile.mr * shape.taps() * sizeof(void*);
}

size_t dwconv_scratch_bytes(const ConvShape& shape) {
  // One address per pixel and tap, kernel rows rounded up to the largest DwTile::group.
  return shape.kernel_w * (shape.kernel_h + 3) * kDwConvPixels * sizeof(void*);
}

size_t qgemm_scratch_bytes(const TileShape&) {
  return 0;
}

size_t qconv_scratch_bytes(const ConvShape& shape, const TileShape& tile) {
  return kTilesPerBlock * tile.mr * shape.taps() * sizeof(void*);
}

}  // namespace whittle
