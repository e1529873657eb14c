// Pooling in float and 8 bits against the reference.

#include "tests/core/kernels/conv_cases.h"
#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

class PoolTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

// Calls run(case, shape) for every geometry and channel count.
template <typename Run>
void for_each_case(const Run& run) {
  for (const ConvCase& base : kConvCases) {
    for (size_t channels : {1, 4, 6, 19}) {
      ConvCase c = base;
      c.channels = channels;
      SCOPED_TRACE(std::string(c.name) + " channels " + std::to_string(channels));
      run(c.shape());
    }
  }
}

TEST_P(PoolTest, FloatMatchesReference) {
  for_each_case([&](const ConvShape& s) {
    Random random(1);
    Guarded<float> x(s.in_h * s.row_stride);
    for (size_t i = 0; i < x.size(); ++i) x[i] = random.uniform(-1, 1);
    x[x.size() / 2] = __builtin_nanf("");
    const size_t ldc = s.kc + 1;
    const size_t n = s.out_h * s.out_w * ldc;
    Guarded<float> actual(n, -7.0f), expected(n, -7.0f);
    const KernelTable& reference = reference_kernels();
    table().max_pool(s, x.data(), actual.data(), ldc, {0, s.out_h});
    reference.max_pool(s, x.data(), expected.data(), ldc, {0, s.out_h});
    expect_all(actual.data(), expected.data(), n, kExact);
    for (const bool include : {false, true}) {
      const AvgPoolParams params{include, s.pad_top, s.pad_left};
      table().avg_pool(s, params, x.data(), actual.data(), ldc, {0, s.out_h});
      reference.avg_pool(s, params, x.data(), expected.data(), ldc, {0, s.out_h});
      expect_all(actual.data(), expected.data(), n, DotBound{s.taps(), 1.0f});
    }
  });
}

TEST_P(PoolTest, EightBitIsExact) {
  for (const bool is_signed : {false, true}) {
    for_each_case([&](const ConvShape& s) {
      Random random(2);
      const std::vector<uint8_t> bytes = random.bytes(s.in_h * s.row_stride);
      Guarded<uint8_t> x(bytes.size());
      std::copy(bytes.begin(), bytes.end(), x.data());
      const size_t ldc = s.kc + 1;
      const size_t n = s.out_h * s.out_w * ldc;
      Guarded<uint8_t> actual(n, 77), expected(n, 77);
      const KernelTable& reference = reference_kernels();
      table().qmax_pool(s, is_signed, x.data(), actual.data(), ldc, {0, s.out_h});
      reference.qmax_pool(s, is_signed, x.data(), expected.data(), ldc, {0, s.out_h});
      ASSERT_EQ(std::memcmp(actual.data(), expected.data(), n), 0);
      const QuantParams in{0.05f, is_signed ? -128 : 255, is_signed};
      const QuantParams out{0.03f, is_signed ? 5 : 130, is_signed};
      for (const bool include : {false, true}) {
        const AvgPoolParams params{include, s.pad_top, s.pad_left};
        table().qavg_pool(s, params, in, out, x.data(), actual.data(), ldc, {0, s.out_h});
        reference.qavg_pool(s, params, in, out, x.data(), expected.data(), ldc, {0, s.out_h});
        ASSERT_EQ(std::memcmp(actual.data(), expected.data(), n), 0);
      }
    });
  }
}

TEST_P(PoolTest, GlobalAverages) {
  for (size_t channels : {1, 4, 7, 16, 21}) {
    for (size_t pixels : {1, 49, 1000}) {
      SCOPED_TRACE(std::to_string(channels) + " x " + std::to_string(pixels));
      Random random(3);
      const size_t ldx = channels + 1;
      const std::vector<float> x = random.floats(pixels * ldx);
      Guarded<float> actual(channels), expected(channels);
      table().global_avg_pool(x.data(), ldx, pixels, actual.data(), {0, channels});
      reference_kernels().global_avg_pool(x.data(), ldx, pixels, expected.data(), {0, channels});
      expect_all(actual.data(), expected.data(), channels, DotBound{pixels, 1.0f});
      const std::vector<uint8_t> q = random.bytes(pixels * ldx);
      for (const bool is_signed : {false, true}) {
        const QuantParams in{0.05f, is_signed ? -100 : 3, is_signed};
        const QuantParams out{0.02f, is_signed ? 127 : 0, is_signed};
        Guarded<uint8_t> a(channels), e(channels);
        table().qglobal_avg_pool(q.data(), ldx, pixels, in, out, a.data(), {0, channels});
        reference_kernels().qglobal_avg_pool(q.data(), ldx, pixels, in, out, e.data(),
                                             {0, channels});
        ASSERT_EQ(std::memcmp(a.data(), e.data(), channels), 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, PoolTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
