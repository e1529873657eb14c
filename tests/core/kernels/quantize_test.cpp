// 8-bit elementwise kernels: identical bytes in every tier.

#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

class QuantizeTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

const QuantParams kParams[] = {
    {0.1f, 0, false},   {0.1f, 255, false}, {0.037f, 128, false},
    {0.1f, -128, true}, {0.5f, 127, true},  {1e-3f, 0, true},
};

TEST_P(QuantizeTest, QuantizeAndDequantize) {
  for (const QuantParams& params : kParams) {
    for (size_t n : {0, 1, 4, 5, 7, 8, 9, 23, 1000}) {
      SCOPED_TRACE(n);
      Random random(static_cast<uint32_t>(n));
      Guarded<float> x(n);
      for (size_t i = 0; i < n; ++i) x[i] = random.uniform(-30, 30);
      // Ties, values far outside, and what is not a number.
      const float special[] = {0.05f,
                               0.15f,
                               0.25f,
                               1e30f,
                               -1e30f,
                               __builtin_nanf(""),
                               __builtin_inff(),
                               -__builtin_inff()};
      for (size_t i = 0; i < n && i < 8; ++i) x[i] = special[i];
      Guarded<uint8_t> actual(n, 1), expected(n, 2);
      table().quantize(x.data(), actual.data(), n, params);
      reference_kernels().quantize(x.data(), expected.data(), n, params);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(actual[i], expected[i]) << x[i];
      Guarded<float> back(n), expected_back(n);
      table().dequantize(actual.data(), back.data(), n, params);
      reference_kernels().dequantize(expected.data(), expected_back.data(), n, params);
      expect_all(back.data(), expected_back.data(), n, kExact);
    }
  }
}

TEST_P(QuantizeTest, MinMaxIncludesZeroAndTellsOfNan) {
  for (size_t n : {0, 1, 3, 8, 17, 100}) {
    for (const float offset : {-5.0f, 0.0f, 5.0f}) {
      Random random(static_cast<uint32_t>(n));
      Guarded<float> x(n);
      for (size_t i = 0; i < n; ++i) x[i] = random.uniform(-1, 1) + offset;
      if (n > 2) x[n - 2] = __builtin_nanf("");
      float low = 9, high = 9, expected_low = 8, expected_high = 8;
      EXPECT_EQ(table().min_max(x.data(), n, &low, &high), n <= 2);
      EXPECT_EQ(reference_kernels().min_max(x.data(), n, &expected_low, &expected_high), n <= 2);
      EXPECT_EQ(low, expected_low);
      EXPECT_EQ(high, expected_high);
    }
  }
}

TEST_P(QuantizeTest, BinaryForEveryBroadcast) {
  struct Case {
    size_t outer, inner, a_outer, a_inner, b_outer, b_inner;
  };
  const Case cases[] = {{1, 37, 0, 1, 0, 1}, {1, 21, 0, 1, 0, 0},  {1, 9, 0, 0, 0, 1},
                        {1, 5, 0, 0, 0, 0},  {5, 11, 11, 1, 0, 1}, {5, 11, 11, 1, 1, 0},
                        {3, 0, 0, 1, 0, 1}};
  for (const Case& c : cases) {
    for (size_t kind = 0; kind < kind_count<QBinaryKind>(); ++kind) {
      for (const QuantParams& out : kParams) {
        Random random(6);
        const auto operand = [&](size_t outer, size_t inner) {
          const size_t n = c.inner ? (c.outer - 1) * outer + (c.inner - 1) * inner + 1 : 1;
          Guarded<uint8_t> values(n);
          const std::vector<uint8_t> bytes = random.bytes(n);
          std::copy(bytes.begin(), bytes.end(), values.data());
          return values;
        };
        Guarded<uint8_t> a = operand(c.a_outer, c.a_inner);
        Guarded<uint8_t> b = operand(c.b_outer, c.b_inner);
        QBinaryParams params;
        params.a = {0.04f, 100, false};
        params.b = {0.06f, -3, true};
        params.out = out;
        params.qmin = out.is_signed ? -128 : 3;
        params.qmax = out.is_signed ? 100 : 255;
        const size_t ldo = c.inner + 1;
        const BinaryShape shape{c.outer, c.inner, c.a_outer, c.a_inner, c.b_outer, c.b_inner, ldo};
        Guarded<uint8_t> actual(c.outer * ldo, 7), expected(c.outer * ldo, 7);
        table().qbinary[kind](a.data(), b.data(), actual.data(), shape, params);
        reference_kernels().qbinary[kind](a.data(), b.data(), expected.data(), shape, params);
        ASSERT_EQ(std::memcmp(actual.data(), expected.data(), actual.size()), 0);
      }
    }
  }
}

TEST_P(QuantizeTest, LookupReadsBytesAsUnsigned) {
  uint8_t entries[256];
  for (int i = 0; i < 256; ++i) entries[i] = static_cast<uint8_t>(255 - i);
  for (size_t n : {0, 1, 15, 16, 33, 300}) {
    Random random(7);
    const std::vector<uint8_t> x = random.bytes(n);
    Guarded<uint8_t> y(n);
    table().lookup(x.data(), y.data(), n, entries);
    for (size_t i = 0; i < n; ++i) ASSERT_EQ(y[i], 255 - x[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, QuantizeTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
