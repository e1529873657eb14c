// Integer GEMM, convolution and depthwise convolution: identical bits in every engine.

#include "tests/core/kernels/conv_cases.h"
#include "tests/core/kernels/qsupport.h"

namespace whittle::test {
namespace {

struct Shape {
  const char* name;
  size_t m, n, k;
};

// Tiles are 6x8 with k in groups of 4, or 4x8 with groups of 2 read 8 at a time.
const Shape kShapes[] = {
    {"one", 1, 1, 1},           {"k_zero", 2, 3, 0},       {"k_eq_group", 6, 8, 4},
    {"k_lt_group", 6, 8, 3},    {"k_gt_group", 5, 8, 5},   {"k_seven", 4, 8, 7},
    {"k_eight", 3, 8, 8},       {"k_fifteen", 2, 8, 15},   {"k_sixteen", 7, 8, 16},
    {"k_odd_long", 6, 8, 77},   {"n_lt_tile", 6, 5, 8},    {"n_gt_tile", 6, 11, 12},
    {"gemv_panels", 1, 45, 33}, {"gemv_exact", 1, 32, 16}, {"m_gt_block", 100, 9, 6},
};

class QuantizedTest : public testing::TestWithParam<Engine> {};

std::vector<uint8_t> run_gemm(const KernelTable& table, const Shape& shape, bool a_signed,
                              int32_t a_zero_point, bool shifted, const QEpilogue& epilogue) {
  const auto [name, m, n, k] = shape;
  Random random(static_cast<uint32_t>(m * 7 + n * 3 + k));
  const size_t lda = k + 1;
  Guarded<uint8_t> a(m * lda);
  const std::vector<uint8_t> bytes = random.bytes(m * lda);
  std::copy(bytes.begin(), bytes.end(), a.data());
  const QWeights w(random, k * n, n, shifted);
  const PackShape pack{1, k, n};
  const WeightStrides strides{0, n, 1};
  const QWeightKind kind =
      choose_q_kind(w.values.data(), w.is_signed, strides, w.zero_point.data(), pack);
  const TileShape& tile = table.qtile_for(kind);
  Packed packed(packed_bytes(kind, pack, tile));
  pack_weights_q(kind, w.values.data(), w.is_signed, strides, w.params(), pack, tile,
                 packed.data());
  const size_t ldc = n + 2;
  Guarded<uint32_t> c(m * ldc, 0x55555555u);
  Packed scratch(qgemm_scratch_bytes(tile));
  QGemmArgs args{a.data(), a_signed, a_zero_point, lda,           packed.data(), c.data(), ldc,
                 k,        n,        epilogue,     scratch.data()};
  table.qgemm_for(kind)(args, {0, m}, {0, n});
  std::vector<uint8_t> out(m * ldc * 4);
  std::memcpy(out.data(), c.data(), out.size());
  return out;
}

TEST_P(QuantizedTest, GemmIsExact) {
  const KernelTable table = GetParam().table();
  for (const Shape& shape : kShapes) {
    for (const bool a_signed : {false, true}) {
      for (const int32_t zero_point :
           a_signed ? std::vector<int32_t>{-128, 0, 127} : std::vector<int32_t>{0, 128, 255}) {
        for (const bool shifted : {false, true}) {
          int index = 0;
          for (const QEpilogue& epilogue : q_epilogues()) {
            SCOPED_TRACE(std::string(shape.name) + (a_signed ? " signed zp " : " unsigned zp ") +
                         std::to_string(zero_point) + (shifted ? " shifted" : "") + " epilogue " +
                         std::to_string(index++));
            ASSERT_EQ(
                run_gemm(table, shape, a_signed, zero_point, shifted, epilogue),
                run_gemm(reference_kernels(), shape, a_signed, zero_point, shifted, epilogue));
          }
        }
      }
    }
  }
}

// Sums close to the ends of int32: extremes of both operands over a long k.
TEST_P(QuantizedTest, AccumulatorsNearOverflow) {
  const KernelTable table = GetParam().table();
  const size_t k = 65000;
  for (const bool a_signed : {false, true}) {
    for (const int weight : {-128, 127}) {
      const std::vector<uint8_t> a(k, a_signed ? 0x80 : 0xff);
      const std::vector<int8_t> w(k, static_cast<int8_t>(weight));
      const PackShape pack{1, k, 1};
      const TileShape& tile = table.qtile_for(QWeightKind::s8);
      Packed packed(packed_bytes(QWeightKind::s8, pack, tile));
      pack_weights_q(QWeightKind::s8, w.data(), true, {0, 1, 1}, {}, pack, tile, packed.data());
      int32_t c = 0;
      QEpilogue epilogue;
      epilogue.output = QOutput::i32;
      const int32_t zero_point = a_signed ? 127 : 0;
      QGemmArgs args{a.data(), a_signed, zero_point, k,        packed.data(), &c,
                     1,        k,        1,          epilogue, nullptr};
      table.qgemm_for(QWeightKind::s8)(args, {0, 1}, {0, 1});
      const int64_t value = a_signed ? -255 : 255;
      EXPECT_EQ(c, value * weight * static_cast<int64_t>(k));
    }
  }
}

// Products of 0.5 exactly: half to even, not away from zero.
TEST_P(QuantizedTest, RequantizationRoundsHalfToEven) {
  const KernelTable table = GetParam().table();
  const size_t m = 12;
  uint8_t a[m];
  for (size_t i = 0; i < m; ++i) a[i] = static_cast<uint8_t>(i);
  const int8_t w[1] = {1};
  const float scale[1] = {0.5f};
  QPackParams params;
  params.scale = scale;
  const PackShape pack{1, 1, 1};
  const TileShape& tile = table.qtile_for(QWeightKind::s8);
  Packed packed(packed_bytes(QWeightKind::s8, pack, tile));
  pack_weights_q(QWeightKind::s8, w, true, {0, 1, 1}, params, pack, tile, packed.data());
  uint8_t c[m];
  QEpilogue epilogue;
  epilogue.out_zero_point = 10;
  const QGemmArgs args{a, false, 6, 1, packed.data(), c, 1, 1, 1, epilogue, nullptr};
  table.qgemm_for(QWeightKind::s8)(args, {0, m}, {0, 1});
  const uint8_t expected[m] = {7, 8, 8, 8, 9, 10, 10, 10, 11, 12, 12, 12};
  for (size_t i = 0; i < m; ++i) EXPECT_EQ(c[i], expected[i]) << i;
}

std::vector<uint8_t> run_conv(const KernelTable& table, const ConvCase& c, size_t n, bool a_signed,
                              bool shifted, bool depthwise, const QEpilogue& epilogue) {
  const ConvShape s = c.shape();
  Random random(5);
  const int32_t zero_point = a_signed ? -7 : 131;
  Guarded<uint8_t> input(s.in_h * s.row_stride);
  const std::vector<uint8_t> bytes = random.bytes(input.size());
  std::copy(bytes.begin(), bytes.end(), input.data());
  Guarded<uint8_t> zero_row(s.kc, static_cast<uint8_t>(zero_point));
  const size_t columns = depthwise ? s.kc : n;
  const size_t depth = depthwise ? 1 : s.kc;
  const QWeights w(random, s.taps() * depth * columns, columns, shifted);
  const WeightStrides strides{1, s.taps(), s.taps() * depth};
  const QWeightKind kind = choose_q_kind(w.values.data(), w.is_signed, strides, w.zero_point.data(),
                                         {s.taps(), depth, columns});
  QConvArgs args;
  Packed packed(depthwise ? qdwconv_packed_bytes(kind, s.kernel_h, s.kernel_w, s.kc,
                                                 table.qdwconv_tile_for(kind))
                          : packed_bytes(kind, {s.taps(), s.kc, n}, table.qtile_for(kind)));
  if (depthwise) {
    pack_qdwconv(kind, w.values.data(), w.is_signed, 1, s.taps(), w.params(), s.kernel_h,
                 s.kernel_w, s.kc, table.qdwconv_tile_for(kind), packed.data());
  } else {
    pack_weights_q(kind, w.values.data(), w.is_signed, strides, w.params(), {s.taps(), s.kc, n},
                   table.qtile_for(kind), packed.data());
  }
  const size_t ldc = columns + 1;
  Guarded<uint32_t> out(s.out_h * s.out_w * ldc, 0x55555555u);
  Packed scratch(depthwise ? dwconv_scratch_bytes(s)
                           : qconv_scratch_bytes(s, table.qtile_for(kind)));
  args.input = input.data();
  args.a_signed = a_signed;
  args.a_zero_point = zero_point;
  args.zero_row = zero_row.data();
  args.packed = packed.data();
  args.c = out.data();
  args.ldc = ldc;
  args.n = columns;
  args.epilogue = epilogue;
  args.scratch = scratch.data();
  if (depthwise) {
    table.qdwconv_for(kind)(s, args, {0, s.out_h}, {0, s.kc});
  } else {
    table.qconv_for(kind)(s, args, {0, s.out_h * s.out_w}, {0, n});
  }
  std::vector<uint8_t> result(out.size() * 4);
  std::memcpy(result.data(), out.data(), result.size());
  return result;
}

TEST_P(QuantizedTest, ConvolutionsAreExact) {
  const KernelTable table = GetParam().table();
  for (const ConvCase& base : kConvCases) {
    for (size_t channels : {base.channels, size_t{17}}) {
      ConvCase c = base;
      c.channels = channels;
      for (const bool a_signed : {false, true}) {
        for (const bool shifted : {false, true}) {
          for (const bool depthwise : {false, true}) {
            int index = 0;
            for (const QEpilogue& epilogue : q_epilogues()) {
              SCOPED_TRACE(std::string(c.name) + " channels " + std::to_string(channels) +
                           (a_signed ? " signed" : " unsigned") + (shifted ? " shifted" : "") +
                           (depthwise ? " depthwise" : "") + " epilogue " +
                           std::to_string(index++));
              ASSERT_EQ(
                  run_conv(table, c, 11, a_signed, shifted, depthwise, epilogue),
                  run_conv(reference_kernels(), c, 11, a_signed, shifted, depthwise, epilogue));
            }
          }
        }
      }
    }
  }
}

TEST_P(QuantizedTest, FloatOutputRunsTheWholeEpilogue) {
  const KernelTable table = GetParam().table();
  QEpilogue epilogue;
  epilogue.output = QOutput::f32;
  epilogue.a_scale = 0.01f;
  epilogue.float_epilogue.unary = reference_kernels().unary_for(UnaryKind::square);
  const Shape shape{"unary", 13, 19, 21};
  EXPECT_EQ(run_gemm(table, shape, false, 3, false, epilogue),
            run_gemm(reference_kernels(), shape, false, 3, false, epilogue));
}

TEST_P(QuantizedTest, KindHoldsEveryWeight) {
  const uint8_t w[2] = {0, 255};
  const int32_t middle[1] = {128};
  const int32_t low[1] = {127};
  const PackShape shape{1, 2, 1};
  EXPECT_EQ(choose_q_kind(w, false, {0, 1, 1}, middle, shape), QWeightKind::s8);
  EXPECT_EQ(choose_q_kind(w, false, {0, 1, 1}, low, shape), QWeightKind::s16);
  EXPECT_EQ(choose_q_kind(w, true, {0, 1, 1}, nullptr, shape), QWeightKind::s8);
}

INSTANTIATE_TEST_SUITE_P(Engines, QuantizedTest, testing::ValuesIn(engines()), EngineName());

}  // namespace
}  // namespace whittle::test
