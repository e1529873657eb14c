// Float GEMM in every tier and weight kind against the reference kernels.

#include "core/base/half.h"
#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

struct Shape {
  const char* name;
  size_t m, n, k;
};

// Tiles are 6x8 or 4x8, k runs in steps of 4, blocks hold 16 tiles.
const Shape kShapes[] = {
    {"one", 1, 1, 1},
    {"k_zero", 3, 9, 0},
    {"exact_tile", 6, 8, 4},
    {"k_lt_unroll", 6, 8, 3},
    {"k_not_multiple", 5, 8, 7},
    {"n_lt_tile", 6, 5, 8},
    {"n_gt_tile", 6, 11, 8},
    {"n_three_left", 4, 19, 5},
    {"n_one_left", 4, 17, 5},
    {"m_two", 2, 24, 9},
    {"m_two_odd_panels", 2, 25, 9},
    {"m_gt_tile", 7, 8, 8},
    {"m_gt_block", 100, 9, 6},
    {"gemv_four_panels", 1, 32, 13},
    {"gemv_panels_left", 1, 45, 16},
    {"gemv_long", 1, 16, 300},
    {"square", 33, 34, 35},
};

// One product through a table, with lda, ldc and residual strides wider than needed.
struct Case {
  Shape shape;
  WeightKind kind = WeightKind::f32;
  FloatEpilogue epilogue;
  bool with_bias = true;
  bool with_residual = false;

  std::vector<float> run(const KernelTable& table, IndexRange rows, IndexRange cols) const {
    const auto [name, m, n, k] = shape;
    Random random(static_cast<uint32_t>(m * 31 + n * 7 + k));
    const size_t lda = k + 3;
    const size_t ldc = n + 2;
    Guarded<float> a(m * lda);
    for (size_t i = 0; i < m * lda; ++i) a[i] = random.uniform(-1, 1);
    const std::vector<float> w = random.floats(k * n);
    const std::vector<float> bias = random.floats(n);
    const std::vector<float> residual = random.floats(m * n);
    const PackShape pack{1, k, n};
    Packed packed(packed_bytes(kind, pack, table.gemm_tile));
    const float* const b = with_bias ? bias.data() : nullptr;
    const WeightStrides strides{0, n, 1};
    if (kind == WeightKind::f32) {
      pack_weights_f32(w.data(), strides, b, pack, table.gemm_tile, packed.data());
    } else if (kind == WeightKind::f16) {
      std::vector<uint16_t> half(w.size());
      for (size_t i = 0; i < w.size(); ++i) half[i] = float_to_half(w[i]);
      pack_weights_f16(half.data(), strides, b, pack, table.gemm_tile, packed.data());
    } else {
      const std::vector<uint8_t> q = random.bytes(w.size());
      const std::vector<float> scale = random.floats(n, 0.001f, 0.01f);
      std::vector<int32_t> zero(n);
      for (int32_t& z : zero) z = random.integer(0, 255);
      pack_weights_s8(q.data(), false, strides, scale.data(), zero.data(), b, pack, table.gemm_tile,
                      packed.data());
    }
    Packed scratch(gemm_scratch_bytes(kind, k, table.gemm_tile));
    Guarded<float> c(m * ldc, -7.0f);
    GemmArgs args{a.data(), lda, packed.data(), c.data(), ldc, k, n, epilogue, scratch.data()};
    if (with_residual) {
      args.epilogue.residual = residual.data();
      args.epilogue.ld_residual = n;
    }
    table.gemm_for(kind)(args, rows, cols);
    return std::vector<float>(c.data(), c.data() + m * ldc);
  }
  std::vector<float> run(const KernelTable& table) const {
    return run(table, {0, shape.m}, {0, shape.n});
  }
  DotBound bound() const { return DotBound{shape.k + 1, 2.6f}; }
};

void expect_equal(const std::vector<float>& actual, const std::vector<float>& expected,
                  const DotBound& bound) {
  ASSERT_EQ(actual.size(), expected.size());
  expect_all(actual.data(), expected.data(), actual.size(), bound);
}

class GemmTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

TEST_P(GemmTest, MatchesReferenceForEveryShapeAndKind) {
  for (const WeightKind kind : {WeightKind::f32, WeightKind::f16, WeightKind::s8}) {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(std::string(shape.name) + " kind " + std::to_string(static_cast<int>(kind)));
      const Case c{shape, kind, {}, true, false};
      expect_equal(c.run(table()), c.run(reference_kernels()), c.bound());
    }
  }
}

TEST_P(GemmTest, AppliesClampResidualAndUnaryInOrder) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(shape.name);
    Case c{shape, WeightKind::f32, {}, false, true};
    c.epilogue.min = -0.25f;
    c.epilogue.max = 0.5f;
    c.epilogue.unary = reference_kernels().unary_for(UnaryKind::square);
    expect_equal(c.run(table()), c.run(reference_kernels()), c.bound());
  }
}

TEST_P(GemmTest, AnySplitGivesTheSameBits) {
  for (const WeightKind kind : {WeightKind::f32, WeightKind::f16, WeightKind::s8}) {
    const Case c{{"split", 29, 45, 37}, kind, {}, true, false};
    const std::vector<float> whole = c.run(table());
    const size_t ldc = 47;
    for (size_t row : {1, 6, 7, 28}) {
      const std::vector<float> top = c.run(table(), {0, row}, {0, 45});
      const std::vector<float> bottom = c.run(table(), {row, 29}, {0, 16});
      EXPECT_EQ(std::memcmp(top.data(), whole.data(), row * ldc * sizeof(float)), 0);
      for (size_t r = row; r < 29; ++r) {
        EXPECT_EQ(std::memcmp(&bottom[r * ldc], &whole[r * ldc], 16 * sizeof(float)), 0);
        EXPECT_EQ(bottom[r * ldc + 16], -7.0f) << "wrote outside its columns";
      }
    }
  }
}

TEST_P(GemmTest, NanPassesTheClamp) {
  const KernelTable& t = table();
  const float a[] = {__builtin_nanf(""), 1.0f};
  const float w[] = {1.0f, 1.0f};
  const PackShape shape{1, 1, 2};
  Packed packed(packed_bytes(WeightKind::f32, shape, t.gemm_tile));
  pack_weights_f32(w, {0, 2, 1}, nullptr, shape, t.gemm_tile, packed.data());
  float c[4] = {};
  GemmArgs args{a, 1, packed.data(), c, 2, 1, 2, {}, nullptr};
  args.epilogue.min = 0.0f;
  args.epilogue.max = 6.0f;
  t.gemm_for(WeightKind::f32)(args, {0, 2}, {0, 2});
  EXPECT_TRUE(std::isnan(c[0]) && std::isnan(c[1]));
  EXPECT_EQ(c[2], 1.0f);
}

TEST_P(GemmTest, HalfWeightsWidenExactly) {
  const KernelTable& t = table();
  // Every binary16 value as a weight of a 1x1 product with 1.
  const size_t n = 65536;
  std::vector<uint16_t> half(n);
  for (size_t i = 0; i < n; ++i) half[i] = static_cast<uint16_t>(i);
  const PackShape shape{1, 1, n};
  Packed packed(packed_bytes(WeightKind::f16, shape, t.gemm_tile));
  pack_weights_f16(half.data(), {0, n, 1}, nullptr, shape, t.gemm_tile, packed.data());
  const float a[2] = {1.0f, 1.0f};
  std::vector<float> c(2 * n);
  Packed scratch(gemm_scratch_bytes(WeightKind::f16, 1, t.gemm_tile));
  const GemmArgs args{a, 1, packed.data(), c.data(), n, 1, n, {}, scratch.data()};
  t.gemm_for(WeightKind::f16)(args, {0, 2}, {0, n});
  for (size_t i = 0; i < n; ++i) ASSERT_TRUE(kExact(c[i], half_to_float(half[i]))) << i;
}

TEST_P(GemmTest, RunTimeBPacksBothOrders) {
  const KernelTable& t = table();
  for (const Shape& shape : kShapes) {
    if (shape.k == 0) continue;
    SCOPED_TRACE(shape.name);
    Random random(5);
    Guarded<float> b(shape.k * shape.n);
    for (size_t i = 0; i < b.size(); ++i) b[i] = random.uniform(-1, 1);
    const PackShape pack{1, shape.k, shape.n};
    const size_t bytes = packed_bytes(WeightKind::f32, pack, t.gemm_tile);
    for (const WeightStrides strides :
         {WeightStrides{0, shape.n, 1}, WeightStrides{0, 1, shape.k}}) {
      Packed expected(bytes);
      Packed packed(bytes);
      pack_weights_f32(b.data(), strides, nullptr, pack, t.gemm_tile, expected.data());
      t.pack_b(b.data(), strides.c, strides.n, shape.k, shape.n, {0, shape.n}, packed.data());
      const float* x = static_cast<const float*>(expected.data());
      const float* y = static_cast<const float*>(packed.data());
      const size_t nr = t.gemm_tile.nr;
      const size_t pitch = panel_bytes(WeightKind::f32, pack, t.gemm_tile) / sizeof(float);
      for (size_t col = 0; col < shape.n; ++col) {
        for (size_t k = 0; k <= shape.k; ++k) {
          const size_t index = col / nr * pitch + k * nr + col % nr;
          ASSERT_EQ(x[index], y[index]) << "column " << col << " row " << k;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, GemmTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
