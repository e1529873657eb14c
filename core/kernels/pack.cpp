#include "core/kernels/pack.h"

#include <cstring>

#include "core/kernels/code_layout.h"

namespace whittle {
namespace {

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

constexpr size_t panel_count(size_t n, const TileShape& tile) {
  return (n + tile.nr - 1) / tile.nr;
}

size_t element_bytes(WeightKind kind) {
  return kind == WeightKind::f32 ? 4 : kind == WeightKind::f16 ? 2 : 1;
}

// Calls store(panel, tap, c, column in panel, source index, global column) for every real weight.
template <typename Store>
void for_each_weight(const PackShape& shape, const TileShape& tile, const WeightStrides& strides,
                     Store store) {
  for (size_t n0 = 0; n0 < shape.n; n0 += tile.nr) {
    const size_t columns = shape.n - n0 < tile.nr ? shape.n - n0 : tile.nr;
    for (size_t tap = 0; tap < shape.taps; ++tap) {
      for (size_t c = 0; c < shape.kc; ++c) {
        const size_t source = tap * strides.tap + c * strides.c + n0 * strides.n;
        for (size_t j = 0; j < columns; ++j) {
          store(n0 / tile.nr, tap, c, j, source + j * strides.n, n0 + j);
        }
      }
    }
  }
}

// Layouts without groups in k: [header][taps * kc][nr].
template <typename T>
void pack_plain(const T* w, const WeightStrides& strides, const float* bias, WeightKind kind,
                const PackShape& shape, const TileShape& tile, void* packed) {
  const size_t pitch = panel_bytes(kind, shape, tile);
  std::memset(packed, 0, packed_bytes(kind, shape, tile));
  char* const base = static_cast<char*>(packed);
  if (bias) {
    for (size_t n = 0; n < shape.n; ++n) {
      reinterpret_cast<float*>(base + n / tile.nr * pitch)[n % tile.nr] = bias[n];
    }
  }
  for_each_weight(shape, tile, strides,
                  [&](size_t panel, size_t tap, size_t c, size_t j, size_t source, size_t) {
                    T* weights =
                        reinterpret_cast<T*>(base + panel * pitch + tile.nr * sizeof(float));
                    weights[(tap * shape.kc + c) * tile.nr + j] = w[source];
                  });
}

}  // namespace

size_t panel_bytes(WeightKind kind, const PackShape& shape, const TileShape& tile) {
  if (kind == WeightKind::code4 || kind == WeightKind::code8) {
    return round_up(CodeLayout(kind, shape, tile.nr).panel_bytes(), 16);
  }
  const size_t header = (kind == WeightKind::s8 ? 3 : 1) * tile.nr * sizeof(float);
  return round_up(header + shape.taps * shape.kc * tile.nr * element_bytes(kind), 16);
}

size_t packed_bytes(WeightKind kind, const PackShape& shape, const TileShape& tile) {
  return panel_bytes(kind, shape, tile) * panel_count(shape.n, tile);
}

void pack_weights_f32(const float* w, const WeightStrides& strides, const float* bias,
                      const PackShape& shape, const TileShape& tile, void* packed) {
  pack_plain(w, strides, bias, WeightKind::f32, shape, tile, packed);
}

void pack_weights_f16(const uint16_t* w, const WeightStrides& strides, const float* bias,
                      const PackShape& shape, const TileShape& tile, void* packed) {
  pack_plain(w, strides, bias, WeightKind::f16, shape, tile, packed);
}

void pack_weights_s8(const void* q, bool is_signed, const WeightStrides& strides,
                     const float* scale, const int32_t* zero_point, const float* bias,
                     const PackShape& shape, const TileShape& tile, void* packed) {
  const size_t pitch = panel_bytes(WeightKind::s8, shape, tile);
  std::memset(packed, 0, packed_bytes(WeightKind::s8, shape, tile));
  char* const base = static_cast<char*>(packed);
  const int32_t shift = is_signed ? 0 : 128;
  for (size_t n = 0; n < shape.n; ++n) {
    float* header = reinterpret_cast<float*>(base + n / tile.nr * pitch);
    int32_t* zeros = reinterpret_cast<int32_t*>(header + 2 * tile.nr);
    header[n % tile.nr] = bias ? bias[n] : 0.0f;
    header[tile.nr + n % tile.nr] = scale[n];
    zeros[n % tile.nr] = (zero_point ? zero_point[n] : 0) - shift;
  }
  const uint8_t* const bytes = static_cast<const uint8_t*>(q);
  const uint8_t flip = is_signed ? 0 : 0x80;
  for_each_weight(
      shape, tile, strides,
      [&](size_t panel, size_t tap, size_t c, size_t j, size_t source, size_t) {
        uint8_t* weights =
            reinterpret_cast<uint8_t*>(base + panel * pitch + 3 * tile.nr * sizeof(float));
        weights[(tap * shape.kc + c) * tile.nr + j] = static_cast<uint8_t>(bytes[source] ^ flip);
      });
}

size_t dwconv_packed_bytes(size_t taps, size_t channels, size_t block) {
  return (channels + block - 1) / block * block * (taps + 1) * sizeof(float);
}

void pack_dwconv_f32(const float* w, size_t stride_tap, size_t stride_channel, const float* bias,
                     size_t taps, size_t channels, size_t block, void* packed) {
  std::memset(packed, 0, dwconv_packed_bytes(taps, channels, block));
  float* const base = static_cast<float*>(packed);
  for (size_t channel = 0; channel < channels; ++channel) {
    float* column = base + channel / block * block * (taps + 1) + channel % block;
    column[0] = bias ? bias[channel] : 0.0f;
    for (size_t tap = 0; tap < taps; ++tap) {
      column[(tap + 1) * block] = w[tap * stride_tap + channel * stride_channel];
    }
  }
}

}  // namespace whittle
