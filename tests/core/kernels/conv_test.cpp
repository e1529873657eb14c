// Float convolution and depthwise convolution against the reference kernels.

#include "tests/core/kernels/conv_cases.h"
#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

class ConvTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

std::vector<float> run_conv(const KernelTable& table, const ConvCase& c, WeightKind kind,
                            size_t n) {
  const ConvShape s = c.shape();
  Random random(3);
  Guarded<float> input(s.in_h * s.row_stride);
  for (size_t i = 0; i < input.size(); ++i) input[i] = random.uniform(-1, 1);
  Guarded<float> zero_row(s.kc);
  const PackShape pack{s.taps(), s.kc, n};
  const std::vector<float> w = random.floats(s.taps() * s.kc * n);
  const std::vector<float> bias = random.floats(n);
  Packed packed(packed_bytes(kind, pack, table.gemm_tile));
  // OIHW
  const WeightStrides strides{1, s.taps(), s.taps() * s.kc};
  if (kind == WeightKind::f32) {
    pack_weights_f32(w.data(), strides, bias.data(), pack, table.gemm_tile, packed.data());
  } else {
    std::vector<uint16_t> half(w.size());
    table.float_to_half(w.data(), half.data(), w.size());
    pack_weights_f16(half.data(), strides, bias.data(), pack, table.gemm_tile, packed.data());
  }
  Packed scratch(conv_scratch_bytes(kind, s, table.gemm_tile));
  const size_t ldc = n + 1;
  Guarded<float> out(s.out_h * s.out_w * ldc, -7.0f);
  ConvArgs args;
  args.input = input.data();
  args.zero_row = zero_row.data();
  args.packed = packed.data();
  args.c = out.data();
  args.ldc = ldc;
  args.n = n;
  args.epilogue.min = -1.5f;
  args.scratch = scratch.data();
  table.conv_for(kind)(s, args, {0, s.out_h * s.out_w}, {0, n});
  return std::vector<float>(out.data(), out.data() + out.size());
}

TEST_P(ConvTest, MatchesReference) {
  for (const WeightKind kind : {WeightKind::f32, WeightKind::f16}) {
    for (const ConvCase& c : kConvCases) {
      for (size_t n : {1, 8, 13}) {
        SCOPED_TRACE(std::string(c.name) + " n " + std::to_string(n));
        const std::vector<float> actual = run_conv(table(), c, kind, n);
        const std::vector<float> expected = run_conv(reference_kernels(), c, kind, n);
        ASSERT_EQ(actual.size(), expected.size());
        expect_all(actual.data(), expected.data(), actual.size(),
                   DotBound{c.shape().taps() * c.channels, 1.0f});
      }
    }
  }
}

// kernel_w = 1 and long rows over a padded image: the same numbers as the plain description.
TEST_P(ConvTest, FoldedKernelRowsGiveTheSameConvolution) {
  ConvCase plain{"padded", 9, 11, 3, 3, 3, 2, 2, 1, 0};
  const ConvShape s = plain.shape();
  ConvShape folded = s;
  folded.kernel_w = 1;
  folded.kc = s.kc * s.kernel_w;
  folded.in_w = s.in_w - s.kernel_w + 1;
  const KernelTable& t = table();
  const size_t n = 10;
  Random random(4);
  Guarded<float> input(s.in_h * s.row_stride);
  for (size_t i = 0; i < input.size(); ++i) input[i] = random.uniform(-1, 1);
  const std::vector<float> zero_row(folded.kc);
  const std::vector<float> w = random.floats(s.taps() * s.kc * n);  // [tap][channel][n]
  std::vector<float> results[2];
  for (int i = 0; i < 2; ++i) {
    const ConvShape& shape = i == 0 ? s : folded;
    const PackShape pack{shape.taps(), shape.kc, n};
    Packed packed(packed_bytes(WeightKind::f32, pack, t.gemm_tile));
    pack_weights_f32(w.data(), {shape.kc * n, n, 1}, nullptr, pack, t.gemm_tile, packed.data());
    Packed scratch(conv_scratch_bytes(WeightKind::f32, shape, t.gemm_tile));
    results[i].resize(s.out_h * s.out_w * n);
    ConvArgs args;
    args.input = input.data();
    args.zero_row = zero_row.data();
    args.packed = packed.data();
    args.c = results[i].data();
    args.ldc = args.n = n;
    args.scratch = scratch.data();
    t.conv_for(WeightKind::f32)(shape, args, {0, s.out_h * s.out_w}, {0, n});
  }
  EXPECT_EQ(results[0], results[1]);
}

std::vector<float> run_depthwise(const KernelTable& table, const ConvCase& c, IndexRange rows,
                                 IndexRange channels) {
  const ConvShape s = c.shape();
  Random random(9);
  Guarded<float> input(s.in_h * s.row_stride);
  for (size_t i = 0; i < input.size(); ++i) input[i] = random.uniform(-1, 1);
  Guarded<float> zero_row(s.kc);
  const std::vector<float> w = random.floats(s.taps() * s.kc);
  const std::vector<float> bias = random.floats(s.kc);
  Packed packed(dwconv_packed_bytes(s.taps(), s.kc, table.dwconv_block));
  pack_dwconv_f32(w.data(), 1, s.taps(), bias.data(), s.taps(), s.kc, table.dwconv_block,
                  packed.data());
  Packed scratch(dwconv_scratch_bytes(s));
  const size_t ldc = s.kc + 3;
  Guarded<float> out(s.out_h * s.out_w * ldc, -7.0f);
  const std::vector<float> residual = random.floats(s.out_h * s.out_w * s.kc);
  ConvArgs args;
  args.input = input.data();
  args.zero_row = zero_row.data();
  args.packed = packed.data();
  args.c = out.data();
  args.ldc = ldc;
  args.n = s.kc;
  args.epilogue.max = 1.5f;
  args.epilogue.residual = residual.data();
  args.epilogue.ld_residual = s.kc;
  args.epilogue.unary = reference_kernels().unary_for(UnaryKind::square);
  args.scratch = scratch.data();
  table.dwconv(s, args, rows, channels);
  return std::vector<float>(out.data(), out.data() + out.size());
}

TEST_P(ConvTest, DepthwiseMatchesReference) {
  for (const ConvCase& base : kConvCases) {
    for (size_t channels : {1, 4, 7, 16}) {
      ConvCase c = base;
      c.channels = channels;
      SCOPED_TRACE(std::string(c.name) + " channels " + std::to_string(channels));
      const IndexRange rows{0, c.shape().out_h};
      const std::vector<float> actual = run_depthwise(table(), c, rows, {0, channels});
      const std::vector<float> expected =
          run_depthwise(reference_kernels(), c, rows, {0, channels});
      ASSERT_EQ(actual.size(), expected.size());
      expect_all(actual.data(), expected.data(), actual.size(),
                 DotBound{c.shape().taps() + 2, 8.0f});
    }
  }
}

TEST_P(ConvTest, DepthwiseRangesFillOnlyTheirPart) {
  const ConvCase c{"split", 9, 9, 16, 3, 3, 1, 1, 1, 1};
  const std::vector<float> whole = run_depthwise(table(), c, {0, 9}, {0, 16});
  const std::vector<float> part = run_depthwise(table(), c, {2, 5}, {4, 12});
  const size_t ldc = 19;
  for (size_t p = 0; p < 81; ++p) {
    for (size_t ch = 0; ch < 16; ++ch) {
      const bool inside = p >= 18 && p < 45 && ch >= 4 && ch < 12;
      ASSERT_EQ(part[p * ldc + ch], inside ? whole[p * ldc + ch] : -7.0f);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, ConvTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
