// Softmax, normalisations and reductions against the reference.

#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr float kNan = __builtin_nanf("");

class RowsTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

constexpr size_t kColumnCounts[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 384, 5000};

// Runs call(table, args, rows) on both tables and compares what they wrote.
template <typename Call>
void compare_rows(const KernelTable& table, size_t cols, const Call& call, bool with_nan = false) {
  Random random(static_cast<uint32_t>(cols));
  const size_t rows = 3;
  const size_t ld = cols + 2;
  Guarded<float> x(rows * ld);
  for (size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(-4, 6);
  if (with_nan) {
    x[cols / 2] = kNan;
    x[ld + cols - 1] = -kInfinity;
  }
  Guarded<float> actual(rows * ld, -7.0f);
  Guarded<float> expected(rows * ld, -7.0f);
  RowsArgs args{x.data(), ld, actual.data(), ld, cols};
  call(table, args, IndexRange{0, rows});
  args.y = expected.data();
  call(reference_kernels(), args, IndexRange{0, rows});
  expect_all(actual.data(), expected.data(), actual.size(), kNormalised);
  // In place gives the same.
  args.y = x.data();
  call(table, args, IndexRange{0, rows});
  for (size_t r = 0; r < rows; ++r) {
    expect_all(x.data() + r * ld, actual.data() + r * ld, cols, kExact);
  }
}

TEST_P(RowsTest, Softmax) {
  for (size_t cols : kColumnCounts) {
    SCOPED_TRACE(cols);
    for (const bool special : {false, true}) {
      compare_rows(
          table(), cols,
          [](const KernelTable& t, const RowsArgs& a, IndexRange r) { t.softmax(a, r); },
          special && cols > 1);
      compare_rows(
          table(), cols,
          [](const KernelTable& t, const RowsArgs& a, IndexRange r) { t.log_softmax(a, r); },
          special && cols > 1);
    }
  }
}

TEST_P(RowsTest, SoftmaxOfMaskedEntriesIsZero) {
  float x[9] = {1, 2, -kInfinity, -kInfinity, 0, -kInfinity, 1, 3, -kInfinity};
  float y[9];
  table().softmax({x, 9, y, 9, 9}, {0, 1});
  for (int i = 0; i < 9; ++i) EXPECT_EQ(y[i] == 0.0f, std::isinf(x[i]));
}

TEST_P(RowsTest, Normalisations) {
  for (size_t cols : kColumnCounts) {
    SCOPED_TRACE(cols);
    Random random(8);
    const std::vector<float> gamma = random.floats(cols, 0.5f, 1.5f);
    const std::vector<float> beta = random.floats(cols);
    for (const bool affine : {false, true}) {
      const float* const g = affine ? gamma.data() : nullptr;
      const float* const b = affine ? beta.data() : nullptr;
      compare_rows(table(), cols, [&](const KernelTable& t, const RowsArgs& a, IndexRange r) {
        t.layer_norm(a, r, g, b, 1e-5f);
      });
      compare_rows(table(), cols, [&](const KernelTable& t, const RowsArgs& a, IndexRange r) {
        t.rms_norm(a, r, g, 1e-5f);
      });
    }
  }
}

TEST_P(RowsTest, InstanceNorm) {
  for (size_t channels : {1, 4, 7, 16}) {
    for (size_t pixels : {1, 5, 1000}) {
      Random random(9);
      Guarded<float> x(pixels * channels);
      for (size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(-1, 3);
      const std::vector<float> gamma = random.floats(channels, 0.5f, 1.5f);
      const std::vector<float> beta = random.floats(channels);
      Guarded<float> actual(x.size(), -7.0f);
      Guarded<float> expected(x.size(), -7.0f);
      const IndexRange range{0, channels};
      table().instance_norm(x.data(), actual.data(), pixels, channels, range, gamma.data(),
                            beta.data(), 1e-3f);
      reference_kernels().instance_norm(x.data(), expected.data(), pixels, channels, range,
                                        gamma.data(), beta.data(), 1e-3f);
      expect_all(actual.data(), expected.data(), actual.size(), kNormalised);
    }
  }
}

TEST_P(RowsTest, Reductions) {
  for (size_t kind = 0; kind < kind_count<ReduceKind>(); ++kind) {
    for (size_t cols : {0, 1, 3, 4, 6, 13, 64, 3000}) {
      SCOPED_TRACE(std::to_string(kind) + " over " + std::to_string(cols));
      const size_t rows = 6;
      Random random(10);
      Guarded<float> x(rows * cols);
      for (size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(-1, 1);
      if (cols > 4) x[cols + 2] = kNan;
      const DotBound bound{cols, 1.0f};
      Guarded<float> actual(rows), expected(rows);
      table().reduce_inner[kind](x.data(), cols, cols, actual.data(), {0, rows});
      reference_kernels().reduce_inner[kind](x.data(), cols, cols, expected.data(), {0, rows});
      expect_all(actual.data(), expected.data(), rows, bound);
      // The same numbers as [cols, rows], reduced over the outer axis.
      table().reduce_outer[kind](x.data(), rows, cols, actual.data(), {0, rows});
      reference_kernels().reduce_outer[kind](x.data(), rows, cols, expected.data(), {0, rows});
      expect_all(actual.data(), expected.data(), rows, bound);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, RowsTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
