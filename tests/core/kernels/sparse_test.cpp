// Float products over weights most of which are zero: every tier against dense reference kernels.

#include <cstring>

#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

struct SparseShape {
  const char* name;
  size_t m, n, k;
};

// Blocks of 32 rows, columns in fours.
const SparseShape kSparseShapes[] = {
    {"one", 1, 1, 1},        {"k_zero", 3, 9, 0},       {"exact_block", 32, 8, 16},
    {"three_rows", 3, 7, 9}, {"two_blocks", 49, 11, 6}, {"n_one_left", 40, 17, 33},
    {"long", 5, 4, 300},
};

struct SparseCase {
  SparseShape shape;
  float density = 0.2f;
  FloatEpilogue epilogue;

  std::vector<float> weights(Random& random) const {
    std::vector<float> w = random.floats(shape.k * shape.n);
    for (float& value : w) {
      if (random.uniform(0, 1) >= density) value = 0;
    }
    return w;
  }

  /** By the dense kernels of `table`, or its sparse ones. */
  std::vector<float> run(const KernelTable& table, bool sparse, IndexRange rows,
                         IndexRange cols) const {
    const auto [name, m, n, k] = shape;
    Random random(static_cast<uint32_t>(m * 31 + n * 7 + k));
    const size_t lda = k + 3;
    const size_t ldc = n + 2;
    Guarded<float> a(m * lda);
    for (size_t i = 0; i < m * lda; ++i) a[i] = random.uniform(-1, 1);
    const std::vector<float> w = weights(random);
    const std::vector<float> bias = random.floats(n);
    const std::vector<float> residual = random.floats(m * n);
    const PackShape pack{1, k, n};
    const WeightStrides strides{0, 1, k};
    const size_t block = table.sparse_block;
    Packed packed(sparse ? sparse_packed_bytes(count_nonzeros(w.data(), strides, pack), n)
                         : packed_bytes(WeightKind::f32, pack, table.gemm_tile));
    if (sparse) {
      pack_sparse_f32(w.data(), strides, bias.data(), pack, block, packed.data());
    } else {
      pack_weights_f32(w.data(), strides, bias.data(), pack, table.gemm_tile, packed.data());
    }
    Packed scratch(sparse ? sparse_scratch_bytes(k, block)
                          : gemm_scratch_bytes(WeightKind::f32, k, table.gemm_tile));
    Guarded<float> c(m * ldc, -7.0f);
    GemmArgs args{a.data(), lda, packed.data(), c.data(), ldc, k, n, epilogue, scratch.data()};
    args.epilogue.residual = residual.data();
    args.epilogue.ld_residual = n;
    const GemmFn fn = sparse ? table.sparse_gemm : table.gemm_for(WeightKind::f32);
    fn(args, rows, cols);
    return std::vector<float>(c.data(), c.data() + m * ldc);
  }
  std::vector<float> run(const KernelTable& table, bool sparse) const {
    return run(table, sparse, {0, shape.m}, {0, shape.n});
  }
};

class SparseTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

TEST_P(SparseTest, MatchesTheDenseProduct) {
  for (const float density : {0.0f, 0.2f, 1.0f}) {
    for (const SparseShape& shape : kSparseShapes) {
      SCOPED_TRACE(shape.name);
      SparseCase c{shape, density, {}};
      c.epilogue.min = -0.5f;
      c.epilogue.unary = reference_kernels().unary_for(UnaryKind::square);
      const std::vector<float> expected = c.run(reference_kernels(), false);
      const std::vector<float> actual = c.run(table(), true);
      expect_all(actual.data(), expected.data(), actual.size(), DotBound{shape.k + 1, 2.6f});
      const std::vector<float> plain = c.run(reference_kernels(), true);
      expect_all(plain.data(), expected.data(), plain.size(), DotBound{shape.k + 1, 2.6f});
    }
  }
}

TEST_P(SparseTest, AnySplitGivesTheSameBits) {
  const SparseCase c{{"split", 70, 13, 37}, 0.3f, {}};
  const std::vector<float> whole = c.run(table(), true);
  const size_t ldc = 15;
  for (const size_t row : {1, 31, 33}) {
    const std::vector<float> top = c.run(table(), true, {0, row}, {0, 13});
    const std::vector<float> bottom = c.run(table(), true, {row, 70}, {0, 8});
    EXPECT_EQ(std::memcmp(top.data(), whole.data(), row * ldc * sizeof(float)), 0);
    for (size_t r = row; r < 70; ++r) {
      EXPECT_EQ(std::memcmp(&bottom[r * ldc], &whole[r * ldc], 8 * sizeof(float)), 0);
      EXPECT_EQ(bottom[r * ldc + 8], -7.0f) << "wrote outside its columns";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, SparseTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
