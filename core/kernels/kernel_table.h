#pragma once

// The contract between the runtime and the code that spends the time.
//
// A kernel knows no graph, no tensor object and no thread: it gets pointers, sizes and a range of
// the output to fill. Kernels never allocate; where one needs memory the caller passes `scratch`,
// one block per thread, of the size the matching *_scratch_bytes function in pack.h states.
//
// Common rules, unless a field says otherwise:
// - Strides are counted in elements, not bytes. Pointers need only the alignment of their element.
// - Outputs do not alias inputs, except that elementwise kernels may run exactly in place (y == x).
// - A reduction is never split by a range: any division of the output into ranges gives the same
//   bits, so the caller may split by threads as it likes. Splits at multiples of the tile are fast.
// - No kernel reads or writes one byte outside the rows its arguments describe.
// - Spatial tensors are NHWC: channels innermost. `pixel_stride` and `row_stride` say how far apart
//   pixels and image rows are, so views into wider buffers (concat, groups, padded rows) work.
// - Integer kernels return identical bits in every tier. Float kernels agree within the
//   tolerances of tests/support/tolerance.h; a tier is deterministic by itself.

#include <array>
#include <cstddef>
#include <cstdint>

namespace whittle {

// Instruction level of a kernel table. `relaxed` needs a module built with relaxed SIMD.
enum class Tier : uint8_t { reference, simd128, relaxed };
const char* tier_name(Tier tier);  // "reference", "simd128", "relaxed"

// Half-open range of output rows, pixels, columns or elements, according to the kernel.
struct IndexRange {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
};

// Shape of one register tile: mr rows of A, nr columns of W, k packed in groups of kr.
// Weights are packed for it (pack.h), so packed bytes belong to the table they were packed for.
struct TileShape {
  size_t mr = 1;
  size_t nr = 1;
  size_t kr = 1;
};

// How integer depthwise weights are packed: `block` channels together, `group` kernel rows of one
// kernel column together.
struct DwTile {
  size_t block = 1;
  size_t group = 1;
};

// ---------------------------------------------------------------------------------------------
// Elementwise

enum class UnaryKind : uint8_t {
  abs,
  neg,
  exp,
  log,
  sqrt,
  reciprocal,
  relu,
  leaky_relu,
  elu,
  selu,
  celu,
  sigmoid,
  tanh,
  erf,
  gelu_erf,
  gelu_tanh,
  hard_sigmoid,
  hard_swish,
  silu,
  softplus,
  softsign,
  mish,
  floor,
  ceil,
  round_half_even,
  clip,
  square,
  sign,
  sin,
  cos,
  count_
};

// alpha and beta as ONNX names them: leaky_relu, elu, celu (alpha), selu (alpha, gamma = beta),
// hard_sigmoid (alpha, beta), silu (x * sigmoid(alpha * x)), clip (alpha = min, beta = max).
struct UnaryParams {
  float alpha = 1.0f;
  float beta = 0.0f;
};

// y[i] = f(x[i]) for i < n. y == x allowed. NaN in gives NaN out for every kind (relu, clip too).
using UnaryFn = void (*)(const float* x, float* y, size_t n, const UnaryParams& params);

enum class BinaryKind : uint8_t { add, sub, mul, div, min, max, pow, prelu, count_ };

// out[o * out_outer + i] = f(a[o * a_outer + i * a_inner], b[o * b_outer + i * b_inner]) for
// o < outer, i < inner. Inner strides are 0 or 1 (0 repeats one value), outer strides are any.
//   same size:        outer 1, inner n, a_inner = b_inner = 1
//   scalar b:         outer 1, inner n, b_inner = 0
//   row broadcast:    b_outer = 0, b_inner = 1   (inner vector added to every row)
//   column broadcast: b_outer = 1, b_inner = 0   (one value per row)
// out may be exactly a or b when that operand is not broadcast. min and max return NaN when either
// operand is NaN. prelu(a, b) = a < 0 ? a * b : a.
struct BinaryShape {
  size_t outer = 1;
  size_t inner = 0;
  size_t a_outer = 0;
  size_t a_inner = 1;
  size_t b_outer = 0;
  size_t b_inner = 1;
  size_t out_outer = 0;
};
using BinaryFn = void (*)(const float* a, const float* b, float* out, const BinaryShape& shape);

// ---------------------------------------------------------------------------------------------
// Matrix product and convolution in float

// Where float weights live; arithmetic is float in all of them. code4 and code8 are codes of 4 and
// 8 bits into a table of floats, with a zero point and a scale for each column or for each block of
// rows of a column: palettes, and integers in blocks.
enum class WeightKind : uint8_t { f32, f16, s8, code4, code8, count_ };

// What kernels of the kinds code4 and code8 need besides packed weights: a weight is
// (table[first[column] + code] - zero_point) * scale.
struct CodeTable {
  // Padded by kTablePad floats, which are never part of a result. For code8 null: the code itself,
  // signed.
  const float* values = nullptr;
  size_t block = 0;  // rows of a tap that share scales; 0: all rows do
};
inline constexpr size_t kTablePad = 16;

// What happens to the sum before it is stored, in this order:
//   v = acc (bias is already inside)
//   v = v + residual[row * ld_residual + col]   if residual
//   v = v < min ? min : v;  v = v > max ? max : v   (NaN passes through)
//   v = unary(v)                                 if unary
// residual is indexed like C (global row and column) and may be C itself.
struct FloatEpilogue {
  float min = -__builtin_inff();
  float max = __builtin_inff();
  const float* residual = nullptr;
  size_t ld_residual = 0;
  UnaryFn unary = nullptr;
  UnaryParams unary_params;
};

// C[m, n] = epilogue(A[m, k] * W[k, n] + bias[n]).
struct GemmArgs {
  const float* a = nullptr;  // [m, k], row stride lda
  size_t lda = 0;
  const void* packed = nullptr;  // W and bias, packed for all of n by pack_weights_* (taps = 1)
  float* c = nullptr;            // [m, n], row stride ldc
  size_t ldc = 0;
  size_t k = 0;
  size_t n = 0;
  FloatEpilogue epilogue;
  void* scratch = nullptr;  // gemm_scratch_bytes, may be null if that is 0
  CodeTable codes;
};
// Fills rows x cols of C; cols.begin is a multiple of tile.nr, cols.end too or equal to n.
// k = 0 gives epilogue(bias).
using GemmFn = void (*)(const GemmArgs& args, IndexRange rows, IndexRange cols);

// The same with a W most of which is zero, by KernelTable::sparse_gemm: args.packed is made by
// pack_sparse_f32, of the rest only; what would meet a zero is not read, so an infinity there makes
// no NaN. Takes sparse_block rows of A at a time, turned so that they lie beside each other in
// scratch (sparse_scratch_bytes). cols.begin is a multiple of 4, cols.end too or equal to n.

// Geometry of a 2-D convolution over one image, NHWC. Output pixel p = oy * out_w + ox reads
// kernel_h * kernel_w taps; tap (ky, kx) is the pixel
//   iy = oy * stride_h - pad_top + ky * dilation_h,  ix = ox * stride_w - pad_left + kx *
//   dilation_w
// or zero_row when that lies outside in_h x in_w. A 1-D convolution has in_h = out_h = kernel_h
// = 1.
//
// Few input channels (first layers): when one kernel row is contiguous in memory (dilation_w = 1,
// pixel_stride = channels, and no horizontal padding because the image was copied into a padded
// buffer, which transpose or copy does on the way), describe it as kernel_w = 1 with
// kc = kernel_w * channels, pad_left = 0, in_w = number of valid start pixels: the kernel then runs
// kernel_h long rows instead of kernel_h * kernel_w taps of 3 values. Pack with the same taps and
// kc.
struct ConvShape {
  size_t in_h = 1, in_w = 1;
  size_t out_h = 1, out_w = 1;
  size_t kernel_h = 1, kernel_w = 1;
  size_t stride_h = 1, stride_w = 1;
  size_t dilation_h = 1, dilation_w = 1;
  size_t pad_top = 0, pad_left = 0;
  size_t kc = 0;            // channels read per tap (input channels of the group)
  size_t pixel_stride = 0;  // elements between horizontally adjacent input pixels
  size_t row_stride = 0;    // elements between vertically adjacent input pixels
  size_t taps() const { return kernel_h * kernel_w; }
};

// C[pixel, n] = epilogue(sum over taps and channels of input * W + bias[n]).
// For group g pass input + g * kc, the group's packed weights, c + g * n, residual + g * n.
// For batch b pass the image's own input, c and residual pointers.
struct ConvArgs {
  const float* input = nullptr;     // channel 0 of the group in pixel (0, 0)
  const float* zero_row = nullptr;  // kc zeros
  const void* packed = nullptr;     // pack_weights_* with taps = kernel_h * kernel_w
  float* c = nullptr;               // [out_h * out_w, n], pixel stride ldc
  size_t ldc = 0;
  size_t n = 0;
  FloatEpilogue epilogue;
  void* scratch = nullptr;  // conv_scratch_bytes
  CodeTable codes;
};
// Fills pixels x cols; cols as in GemmFn.
using ConvFn = void (*)(const ConvShape& shape, const ConvArgs& args, IndexRange pixels,
                        IndexRange cols);

// Depthwise, multiplier 1: C[pixel, c] = epilogue(sum over taps input[tap, c] * W[tap, c] +
// bias[c]). shape.kc is the number of channels. Fills output rows (oy) x channels; channels.begin
// is a multiple of dwconv_block, channels.end too or equal to kc. Packed by pack_dwconv_f32.
using DwConvFn = void (*)(const ConvShape& shape, const ConvArgs& args, IndexRange out_rows,
                          IndexRange channels);

// Packs a run-time matrix B (attention) into the layout of pack_weights_f32 with taps = 1 and zero
// bias: B(k, n) = b[k * stride_k + n * stride_n], one of the strides being 1. Fills the panels of
// cols (begin a multiple of tile.nr).
using PackBFn = void (*)(const float* b, size_t stride_k, size_t stride_n, size_t k, size_t n,
                         IndexRange cols, void* packed);

// ---------------------------------------------------------------------------------------------
// Integer matrix product and convolution
//
//   acc[m, n] = bias_i32[n] + sum over k of (A[m, k] - a_zero_point) * W[k, n]      exact in int32
// (the caller guarantees that no such sum leaves int32; k <= 66,000 suffices for 8-bit weights)
//
// A is unsigned or signed 8-bit. W is 8-bit symmetric (QWeightKind::s8) or any integer in
// -255..255 (QWeightKind::s16, for weights with a zero point: pack w - zero_point).

enum class QWeightKind : uint8_t { s8, s16, count_ };

// u8/s8: q = clamp(round_half_even(float(acc) * scale[n]) + out_zero_point, qmin, qmax), where
//        scale[n] = float32(a_scale * w_scale[n] / out_scale) was packed; all float32, the clamp
//        bounds carry fused relu / clip and must lie within the output type.
// f32:   v = float(acc) * float32(a_scale * scale[n]) + fbias[n], two roundings, then the float
//        epilogue; scale[n] and fbias[n] were packed.
// i32:   acc itself.
enum class QOutput : uint8_t { u8, s8, f32, i32 };

struct QEpilogue {
  QOutput output = QOutput::u8;
  int32_t out_zero_point = 0;
  int32_t qmin = 0;
  int32_t qmax = 255;
  float a_scale = 1.0f;          // f32 output only; known at run time in dynamic quantization
  FloatEpilogue float_epilogue;  // f32 output only
};

struct QGemmArgs {
  const void* a = nullptr;  // [m, k] u8 or s8
  bool a_signed = false;
  int32_t a_zero_point = 0;
  size_t lda = 0;
  const void* packed = nullptr;  // pack_weights_q with taps = 1
  void* c = nullptr;             // [m, n] u8, s8, f32 or i32
  size_t ldc = 0;
  size_t k = 0;
  size_t n = 0;
  QEpilogue epilogue;
  void* scratch = nullptr;  // qgemm_scratch_bytes
};
using QGemmFn = void (*)(const QGemmArgs& args, IndexRange rows, IndexRange cols);

struct QConvArgs {
  const void* input = nullptr;
  bool a_signed = false;
  int32_t a_zero_point = 0;
  const void* zero_row = nullptr;  // kc bytes, all equal to a_zero_point
  const void* packed = nullptr;    // pack_weights_q, or pack_qdwconv for depthwise
  void* c = nullptr;
  size_t ldc = 0;
  size_t n = 0;
  QEpilogue epilogue;
  void* scratch = nullptr;  // qconv_scratch_bytes
};
using QConvFn = void (*)(const ConvShape& shape, const QConvArgs& args, IndexRange pixels,
                         IndexRange cols);
// Depthwise: ranges as in DwConvFn with the block of qdwconv_tile.
using QDwConvFn = void (*)(const ConvShape& shape, const QConvArgs& args, IndexRange out_rows,
                           IndexRange channels);

// ---------------------------------------------------------------------------------------------
// Integer elementwise. An 8-bit buffer is uint8_t* or int8_t*; `is_signed` says which.

struct QuantParams {
  float scale = 1.0f;
  int32_t zero_point = 0;
  bool is_signed = false;
};

// q = clamp(round_half_even(x / scale) + zero_point) to the type's range. A NaN becomes the
// minimum.
using QuantizeFn = void (*)(const float* x, void* q, size_t n, const QuantParams& params);
// x = float(q - zero_point) * scale.
using DequantizeFn = void (*)(const void* q, float* x, size_t n, const QuantParams& params);
// Least and greatest of x[0..n) and 0 (zero is always included; n may be 0). NaN is skipped, and
// false returned when there is one.
using MinMaxFn = bool (*)(const float* x, size_t n, float* min, float* max);

enum class QBinaryKind : uint8_t { add, mul, count_ };
// out = quantize(dequantize(a) op dequantize(b)), exactly as the three float32 steps give it, then
// clamped to qmin..qmax. Broadcast as in BinaryShape.
struct QBinaryParams {
  QuantParams a, b, out;
  int32_t qmin = 0;
  int32_t qmax = 255;
};
using QBinaryFn = void (*)(const void* a, const void* b, void* out, const BinaryShape& shape,
                           const QBinaryParams& params);
// y[i] = table[x[i]], 256 entries indexed by the byte read as unsigned.
using LookupFn = void (*)(const uint8_t* x, uint8_t* y, size_t n, const uint8_t* table);

// ---------------------------------------------------------------------------------------------
// Rows: x is [rows, cols] with row strides; a range of rows is computed.

struct RowsArgs {
  const float* x = nullptr;
  size_t ldx = 0;
  float* y = nullptr;  // y == x allowed when ldy == ldx
  size_t ldy = 0;
  size_t cols = 0;
};
// y = exp(x - max) / sum. A row with cols = 0 is left alone.
using SoftmaxFn = void (*)(const RowsArgs& args, IndexRange rows);
// y = (x - mean) / sqrt(var + eps) * gamma + beta, var the population variance computed from the
// centred values. gamma and beta have cols values; either may be null (1 and 0).
using LayerNormFn = void (*)(const RowsArgs& args, IndexRange rows, const float* gamma,
                             const float* beta, float eps);
// y = x / sqrt(mean(x^2) + eps) * gamma.
using RmsNormFn = void (*)(const RowsArgs& args, IndexRange rows, const float* gamma, float eps);

// Instance normalisation of one NHWC image: x, y are [pixels, channels] dense; per channel
// (x - mean) / sqrt(var + eps) * gamma + beta. Fills a range of channels.
using InstanceNormFn = void (*)(const float* x, float* y, size_t pixels, size_t channels,
                                IndexRange range, const float* gamma, const float* beta, float eps);

enum class ReduceKind : uint8_t { sum, mean, max, min, sum_square, count_ };
// y[r] = reduce over the cols contiguous values of row r, for r in rows. Mean of nothing is NaN.
using ReduceInnerFn = void (*)(const float* x, size_t ldx, size_t cols, float* y, IndexRange rows);
// y[i] = reduce over o < outer of x[o * ldx + i], for i in range.
using ReduceOuterFn = void (*)(const float* x, size_t ldx, size_t outer, float* y,
                               IndexRange range);

// ---------------------------------------------------------------------------------------------
// Pooling, NHWC. Geometry in ConvShape (kc = channels); taps outside the image are skipped.

// max of no tap at all is -infinity (float) or the type's minimum (8 bit). NaN wins.
using MaxPoolFn = void (*)(const ConvShape& shape, const float* x, float* y, size_t ldc,
                           IndexRange out_rows);
// count_include_pad divides by the taps within the padded image (in_h + pad_top + pad_bottom, ...),
// otherwise by the taps inside the image.
struct AvgPoolParams {
  bool count_include_pad = false;
  size_t pad_bottom = 0;
  size_t pad_right = 0;
};
using AvgPoolFn = void (*)(const ConvShape& shape, const AvgPoolParams& params, const float* x,
                           float* y, size_t ldc, IndexRange out_rows);
using QMaxPoolFn = void (*)(const ConvShape& shape, bool is_signed, const void* x, void* y,
                            size_t ldc, IndexRange out_rows);
// q = clamp(round_half_even(float(sum - taps * in.zero_point) * m) + out.zero_point) with
// m = float32(float32(in.scale / out.scale) / divisor), sum over the taps inside the image.
using QAvgPoolFn = void (*)(const ConvShape& shape, const AvgPoolParams& params,
                            const QuantParams& in, const QuantParams& out, const void* x, void* y,
                            size_t ldc, IndexRange out_rows);
// Global average over [pixels, channels] (pixel stride ldx), for a range of channels.
using GlobalAvgPoolFn = void (*)(const float* x, size_t ldx, size_t pixels, float* y,
                                 IndexRange channels);
using QGlobalAvgPoolFn = void (*)(const void* x, size_t ldx, size_t pixels, const QuantParams& in,
                                  const QuantParams& out, void* y, IndexRange channels);

// ---------------------------------------------------------------------------------------------
// Layout and conversion

// y[c * ldy + r] = x[r * ldx + c] for r in rows, c < cols. NCHW to NHWC of one image: rows =
// channels, cols = pixels, ldy = channels; back: rows = pixels, cols = channels.
using Transpose32Fn = void (*)(const uint32_t* x, size_t ldx, size_t cols, uint32_t* y, size_t ldy,
                               IndexRange rows);
using Transpose8Fn = void (*)(const uint8_t* x, size_t ldx, size_t cols, uint8_t* y, size_t ldy,
                              IndexRange rows);
// IEEE binary16 bits; widening is exact, narrowing rounds half to even, overflow gives infinity.
using HalfToFloatFn = void (*)(const uint16_t* x, float* y, size_t n);
using FloatToHalfFn = void (*)(const float* x, uint16_t* y, size_t n);

// One horizontal blend for linear resize of NHWC rows:
// y[ox * channels + c] = lerp(lerp(row0[left], row0[right], fx), lerp(row1[left], row1[right], fx),
// fy), lerp(a, b, t) = a + (b - a) * t, with columns left[ox], right[ox] (pixel
// indices), fx[ox] the weight of the right column and fy the weight of row1.
struct ResizeRowArgs {
  const float* row0 = nullptr;
  const float* row1 = nullptr;
  float fy = 0.0f;
  const uint32_t* left = nullptr;
  const uint32_t* right = nullptr;
  const float* fx = nullptr;
  size_t out_w = 0;
  size_t channels = 0;
};
using ResizeRowFn = void (*)(const ResizeRowArgs& args, float* y);

// ---------------------------------------------------------------------------------------------

template <typename Kind>
constexpr size_t kind_count() {
  return static_cast<size_t>(Kind::count_);
}

struct KernelTable {
  Tier tier = Tier::reference;

  TileShape gemm_tile;  // all WeightKinds share it
  std::array<TileShape, kind_count<QWeightKind>()> qgemm_tile;
  size_t dwconv_block = 1;  // channels per packed block
  std::array<DwTile, kind_count<QWeightKind>()> qdwconv_tile;

  std::array<GemmFn, kind_count<WeightKind>()> gemm{};
  std::array<ConvFn, kind_count<WeightKind>()> conv{};
  DwConvFn dwconv = nullptr;
  PackBFn pack_b = nullptr;
  size_t sparse_block = 1;  // rows of A that sparse_gemm takes together
  GemmFn sparse_gemm = nullptr;

  std::array<QGemmFn, kind_count<QWeightKind>()> qgemm{};
  std::array<QConvFn, kind_count<QWeightKind>()> qconv{};
  std::array<QDwConvFn, kind_count<QWeightKind>()> qdwconv{};

  std::array<UnaryFn, kind_count<UnaryKind>()> unary{};
  std::array<BinaryFn, kind_count<BinaryKind>()> binary{};
  QuantizeFn quantize = nullptr;
  DequantizeFn dequantize = nullptr;
  MinMaxFn min_max = nullptr;
  std::array<QBinaryFn, kind_count<QBinaryKind>()> qbinary{};
  LookupFn lookup = nullptr;

  SoftmaxFn softmax = nullptr;
  SoftmaxFn log_softmax = nullptr;
  LayerNormFn layer_norm = nullptr;
  RmsNormFn rms_norm = nullptr;
  InstanceNormFn instance_norm = nullptr;
  std::array<ReduceInnerFn, kind_count<ReduceKind>()> reduce_inner{};
  std::array<ReduceOuterFn, kind_count<ReduceKind>()> reduce_outer{};

  MaxPoolFn max_pool = nullptr;
  AvgPoolFn avg_pool = nullptr;
  GlobalAvgPoolFn global_avg_pool = nullptr;
  QMaxPoolFn qmax_pool = nullptr;
  QAvgPoolFn qavg_pool = nullptr;
  QGlobalAvgPoolFn qglobal_avg_pool = nullptr;

  Transpose32Fn transpose32 = nullptr;
  Transpose8Fn transpose8 = nullptr;
  HalfToFloatFn half_to_float = nullptr;
  FloatToHalfFn float_to_half = nullptr;
  ResizeRowFn resize_linear_row = nullptr;

  GemmFn gemm_for(WeightKind kind) const { return gemm[static_cast<size_t>(kind)]; }
  ConvFn conv_for(WeightKind kind) const { return conv[static_cast<size_t>(kind)]; }
  QGemmFn qgemm_for(QWeightKind kind) const { return qgemm[static_cast<size_t>(kind)]; }
  QConvFn qconv_for(QWeightKind kind) const { return qconv[static_cast<size_t>(kind)]; }
  const TileShape& qtile_for(QWeightKind kind) const {
    return qgemm_tile[static_cast<size_t>(kind)];
  }
  QDwConvFn qdwconv_for(QWeightKind kind) const { return qdwconv[static_cast<size_t>(kind)]; }
  const DwTile& qdwconv_tile_for(QWeightKind kind) const {
    return qdwconv_tile[static_cast<size_t>(kind)];
  }
  UnaryFn unary_for(UnaryKind kind) const { return unary[static_cast<size_t>(kind)]; }
  BinaryFn binary_for(BinaryKind kind) const { return binary[static_cast<size_t>(kind)]; }
};

// Every function pointer of every table is set; faster tiers inherit what they do not improve.
const KernelTable& reference_kernels();
const KernelTable& simd128_kernels();  // only in builds with SIMD
const KernelTable& relaxed_kernels();  // only in builds with relaxed SIMD

// nullptr if this build does not contain the tier.
const KernelTable* kernels_for(Tier tier);
// The fastest tier this build contains. (A module is only loaded where its tier runs.)
Tier best_tier();

}  // namespace whittle
