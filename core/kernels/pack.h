#pragma once

// Packing of constant weights for the tiles of a kernel table, done once per session.
//
// Source addressing is by strides: W(tap, c, col) = w[tap * stride_tap + c * stride_c +
// col * stride_n]. Examples for `taps` = kernel_h * kernel_w, C channels per group, N columns:
//   conv weight OIHW [N, C, kh, kw]: stride_tap 1, stride_c taps, stride_n C * taps
//   Gemm / MatMul B [k, n]:          taps 1, stride_c n, stride_n 1
//   Gemm transB [n, k]:              taps 1, stride_c 1, stride_n k
//
// Packed layout, one panel of tile.nr columns after the other, panel_bytes apart (a multiple of
// 16); columns past n and channels past kc are zero:
//   WeightKind::f32  [nr] f32 bias | [taps * kc][nr] f32
//   WeightKind::f16  [nr] f32 bias | [taps * kc][nr] f16 bits
//   WeightKind::s8   [nr] f32 bias | [nr] f32 scale | [nr] i32 zero point | [taps * kc][nr] s8
//   WeightKind::code4, code8
//                    [nr] f32 bias | [nr] i32 first | for each run of rows that share scales
//                    ([nr] f32 scale | [nr] i16 zero point | codes), see code_layout.h:
//                      code8  [rows][nr] u8
//                      code4  [ceil(rows / 4)][2][nr] u8, rows r and r + 2 of four in one byte
//   QWeightKind::*   [nr] i32 bias | [nr] i32 column sum | [nr] f32 scale | [nr] f32 fbias |
//                    [taps][ceil(kc / kr)][nr][kr] s8 or s16
// Depthwise, one block of `block` channels after the other:
//   f32              [block] f32 bias | [taps][block] f32
//   QWeightKind::*   [block] i32 bias | [block] i32 sum | [block] f32 scale | [block] f32 fbias |
//                    [kernel_w][ceil(kernel_h / group)][block][group] s8 or s16

#include <cstddef>
#include <cstdint>

#include "core/kernels/kernel_table.h"

namespace whittle {

struct PackShape {
  size_t taps = 1;
  size_t kc = 0;
  size_t n = 0;
  size_t block = 0;  // of CodeTable, for code4 and code8
};

struct WeightStrides {
  size_t tap = 0;
  size_t c = 0;
  size_t n = 0;
};

size_t panel_bytes(WeightKind kind, const PackShape& shape, const TileShape& tile);
size_t panel_bytes(QWeightKind kind, const PackShape& shape, const TileShape& tile);
size_t packed_bytes(WeightKind kind, const PackShape& shape, const TileShape& tile);
size_t packed_bytes(QWeightKind kind, const PackShape& shape, const TileShape& tile);

// bias: n values or null (zeros). packed: packed_bytes, any alignment of 16.
void pack_weights_f32(const float* w, const WeightStrides& strides, const float* bias,
                      const PackShape& shape, const TileShape& tile, void* packed);
// w holds binary16 bits and is stored unchanged.
void pack_weights_f16(const uint16_t* w, const WeightStrides& strides, const float* bias,
                      const PackShape& shape, const TileShape& tile, void* packed);
// Weight-only quantization: the kernel computes with (q - zero_point[n]) * scale[n]. q is read as
// uint8_t when is_signed is false. scale: n values. zero_point: n values or null (zeros), in the
// units of q.
void pack_weights_s8(const void* q, bool is_signed, const WeightStrides& strides,
                     const float* scale, const int32_t* zero_point, const float* bias,
                     const PackShape& shape, const TileShape& tile, void* packed);

// Weights as codes. One byte each whatever the kind, addressed like other weights.
struct CodeWeights {
  const uint8_t* codes = nullptr;
  const int32_t* first = nullptr;  // of n columns: where their codebooks begin; null: 0
  // Of block b of tap t and column n, at scale_strides.tap * t + scale_strides.c * b +
  // scale_strides.n * n; null: ones. With block 0 there is one b and one t.
  const float* scale = nullptr;
  const int32_t* zero_point = nullptr;  // likewise, in [-32768, 32767]; null: zeros
  WeightStrides scale_strides;
};
// kind: code4 or code8; codes are under 16 for code4.
void pack_weights_codes(WeightKind kind, const CodeWeights& w, const WeightStrides& strides,
                        const float* bias, const PackShape& shape, const TileShape& tile,
                        void* packed);

// Sparse weights [kc, n] (taps = 1) for KernelTable::sparse_gemm. Packed, in words of 4 bytes:
//   [n + 1] u32 where the weights of a column begin | [n] f32 bias | a word if that makes it even |
//   for each that is not zero, by column and k: f32 weight | u32 k * block
struct SparseElement {
  float value;
  uint32_t offset;
};
size_t count_nonzeros(const float* w, const WeightStrides& strides, const PackShape& shape);
size_t sparse_packed_bytes(size_t nonzeros, size_t n);
void pack_sparse_f32(const float* w, const WeightStrides& strides, const float* bias,
                     const PackShape& shape, size_t block, void* packed);
// Whether sparse kernels are faster than dense ones for `rows` rows of A; as measured in wasm.
bool sparse_is_faster(size_t nonzeros, size_t k, size_t n, size_t rows);

struct QPackParams {
  const int32_t* bias = nullptr;        // n values or null
  const float* scale = nullptr;         // n values or null (ones): see QOutput for its meaning
  const float* fbias = nullptr;         // n values or null, f32 output only
  const int32_t* zero_point = nullptr;  // of the weights, n values or null (zeros)
};
// The kind that holds these weights exactly: s8 when every w - zero_point fits 8 signed bits
// (u8 weights with zero point 128 do), else s16.
QWeightKind choose_q_kind(const void* w, bool is_signed, const WeightStrides& strides,
                          const int32_t* zero_point, const PackShape& shape);
// Stores w - zero_point; Precondition: kind holds every value (choose_q_kind).
void pack_weights_q(QWeightKind kind, const void* w, bool is_signed, const WeightStrides& strides,
                    const QPackParams& params, const PackShape& shape, const TileShape& tile,
                    void* packed);

// Depthwise: W(tap, channel) = w[tap * stride_tap + channel * stride_channel]; ONNX's
// [C, 1, kh, kw] has stride_tap 1, stride_channel taps.
size_t dwconv_packed_bytes(size_t taps, size_t channels, size_t block);
void pack_dwconv_f32(const float* w, size_t stride_tap, size_t stride_channel, const float* bias,
                     size_t taps, size_t channels, size_t block, void* packed);
// Tap ky * kernel_w + kx.
size_t qdwconv_packed_bytes(QWeightKind kind, size_t kernel_h, size_t kernel_w, size_t channels,
                            const DwTile& tile);
void pack_qdwconv(QWeightKind kind, const void* w, bool is_signed, size_t stride_tap,
                  size_t stride_channel, const QPackParams& params, size_t kernel_h,
                  size_t kernel_w, size_t channels, const DwTile& tile, void* packed);

// Scratch one thread needs for a call of the table's kernels; enough for every tier.
size_t gemm_scratch_bytes(WeightKind kind, size_t k, const TileShape& tile);
size_t sparse_scratch_bytes(size_t k, size_t block);
size_t conv_scratch_bytes(WeightKind kind, const ConvShape& shape, const TileShape& tile);
size_t dwconv_scratch_bytes(const ConvShape& shape);  // f32 and integer
size_t qgemm_scratch_bytes(const TileShape& tile);
size_t qconv_scratch_bytes(const ConvShape& shape, const TileShape& tile);

}  // namespace whittle
