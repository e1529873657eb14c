#include "core/kernels/pack.h"
#include "core/kernels/tiling.h"

namespace whittle {
namespace {

size_t widened_panel_bytes(WeightKind kind, size_t k, const TileShape& tile) {
  if (kind == WeightKind::f32) return 0;
  return panel_bytes(WeightKind::f32, PackShape{1, k, tile.nr}, tile);
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
