#include <cstring>

#include "core/kernels/pack.h"

namespace whittle {
namespace {

constexpr size_t kHeaderRows = 4;  // i32 bias, i32 column sum, f32 scale, f32 fbias

size_t groups(size_t kc, const TileShape& tile) {
  return (kc + tile.kr - 1) / tile.kr;
}

size_t q_bytes(QWeightKind kind) {
  return kind == QWeightKind::s8 ? 1 : 2;
}

int32_t read_byte(const void* w, bool is_signed, size_t index) {
  return is_signed ? static_cast<const int8_t*>(w)[index] : static_cast<const uint8_t*>(w)[index];
}

// Writes one column of a header laid out as [4][width].
void write_header(void* header, size_t width, size_t column, const QPackParams& params, size_t n,
                  int32_t sum) {
  int32_t* integers = static_cast<int32_t*>(header);
  float* floats = static_cast<float*>(header);
  integers[column] = params.bias ? params.bias[n] : 0;
  integers[width + column] = sum;
  floats[2 * width + column] = params.scale ? params.scale[n] : 1.0f;
  floats[3 * width + column] = params.fbias ? params.fbias[n] : 0.0f;
}

template <typename T>
void pack_integers(QWeightKind kind, const void* w, bool is_signed, const WeightStrides& strides,
                   const QPackParams& params, const PackShape& shape, const TileShape& tile,
                   void* packed) {
  const size_t pitch = panel_bytes(kind, shape, tile);
  std::memset(packed, 0, packed_bytes(kind, shape, tile));
  const size_t tap_elements = groups(shape.kc, tile) * tile.nr * tile.kr;
  for (size_t n = 0; n < shape.n; ++n) {
    char* const panel = static_cast<char*>(packed) + n / tile.nr * pitch;
    const size_t column = n % tile.nr;
    T* const weights = reinterpret_cast<T*>(panel + kHeaderRows * tile.nr * sizeof(int32_t));
    const int32_t zero = params.zero_point ? params.zero_point[n] : 0;
    int32_t sum = 0;
    for (size_t tap = 0; tap < shape.taps; ++tap) {
      T* const group = weights + tap * tap_elements + column * tile.kr;
      for (size_t c = 0; c < shape.kc; ++c) {
        const size_t source = tap * strides.tap + c * strides.c + n * strides.n;
        const int32_t value = read_byte(w, is_signed, source) - zero;
        group[c / tile.kr * tile.nr * tile.kr + c % tile.kr] = static_cast<T>(value);
        sum += value;
      }
    }
    write_header(panel, tile.nr, column, params, n, sum);
  }
}

}  // namespace

size_t panel_bytes(QWeightKind kind, const PackShape& shape, const TileShape& tile) {
  const size_t bytes = kHeaderRows * tile.nr * sizeof(int32_t) +
                       shape.taps * groups(shape.kc, tile) * tile.nr * tile.kr * q_bytes(kind);
  return (bytes + 15) / 16 * 16;
}

size_t packed_bytes(QWeightKind kind, const PackShape& shape, const TileShape& tile) {
  return panel_bytes(kind, shape, tile) * ((shape.n + tile.nr - 1) / tile.nr);
}

QWeightKind choose_q_kind(const void* w, bool is_signed, const WeightStrides& strides,
                          const int32_t* zero_point, const PackShape& shape) {
  for (size_t n = 0; n < shape.n; ++n) {
    const int32_t zero = zero_point ? zero_point[n] : 0;
    if (is_signed && zero == 0) continue;
    for (size_t tap = 0; tap < shape.taps; ++tap) {
      for (size_t c = 0; c < shape.kc; ++c) {
        const size_t source = tap * strides.tap + c * strides.c + n * strides.n;
        const int32_t value = read_byte(w, is_signed, source) - zero;
        if (value < -128 || value > 127) return QWeightKind::s16;
      }
    }
  }
  return QWeightKind::s8;
}

void pack_weights_q(QWeightKind kind, const void* w, bool is_signed, const WeightStrides& strides,
                    const QPackParams& params, const PackShape& shape, const TileShape& tile,
                    void* packed) {
  if (kind == QWeightKind::s8) {
    pack_integers<int8_t>(kind, w, is_signed, strides, params, shape, tile, packed);
  } else {
    pack_integers<int16_t>(kind, w, is_signed, strides, params, shape, tile, packed);
  }
}

size_t qdwconv_packed_bytes(QWeightKind kind, size_t kernel_h, size_t kernel_w, size_t channels,
                            const DwTile& tile) {
  const size_t rows = (kernel_h + tile.group - 1) / tile.group * tile.group;
  const size_t bytes =
      tile.block * (kHeaderRows * sizeof(int32_t) + kernel_w * rows * q_bytes(kind));
  return (channels + tile.block - 1) / tile.block * ((bytes + 15) / 16 * 16);
}

void pack_qdwconv(QWeightKind kind, const void* w, bool is_signed, size_t stride_tap,
                  size_t stride_channel, const QPackParams& params, size_t kernel_h,
                  size_t kernel_w, size_t channels, const DwTile& tile, void* packed) {
  std::memset(packed, 0, qdwconv_packed_bytes(kind, kernel_h, kernel_w, channels, tile));
  const size_t block_bytes = qdwconv_packed_bytes(kind, kernel_h, kernel_w, 1, tile);
  const size_t groups_per_column = (kernel_h + tile.group - 1) / tile.group;
  for (size_t channel = 0; channel < channels; ++channel) {
    char* const header = static_cast<char*>(packed) + channel / tile.block * block_bytes;
    const size_t column = channel % tile.block;
    char* const weights = header + kHeaderRows * tile.block * sizeof(int32_t);
    const int32_t zero = params.zero_point ? params.zero_point[channel] : 0;
    int32_t sum = 0;
    for (size_t ky = 0; ky < kernel_h; ++ky) {
      for (size_t kx = 0; kx < kernel_w; ++kx) {
        const size_t source = (ky * kernel_w + kx) * stride_tap + channel * stride_channel;
        const int32_t value = read_byte(w, is_signed, source) - zero;
        const size_t group = kx * groups_per_column + ky / tile.group;
        const size_t index = (group * tile.block + column) * tile.group + ky % tile.group;
        if (kind == QWeightKind::s8) {
          reinterpret_cast<int8_t*>(weights)[index] = static_cast<int8_t>(value);
        } else {
          reinterpret_cast<int16_t*>(weights)[index] = static_cast<int16_t>(value);
        }
        sum += value;
      }
    }
    write_header(header, tile.block, column, params, channel, sum);
  }
}

}  // namespace whittle
