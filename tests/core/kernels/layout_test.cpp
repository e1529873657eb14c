// Transposes, binary16 conversion and resize rows against the reference.

#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

class LayoutTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

template <typename T, typename Fn>
void check_transpose(Fn actual_fn, Fn expected_fn) {
  for (size_t rows : {1, 3, 4, 8, 13, 17}) {
    for (size_t cols : {1, 4, 7, 8, 16, 21}) {
      SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(cols));
      const size_t ldx = cols + 1;
      const size_t ldy = rows + 2;
      Guarded<T> x(rows * ldx);
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i * 7 + 1);
      Guarded<T> actual(cols * ldy), expected(cols * ldy);
      actual_fn(x.data(), ldx, cols, actual.data(), ldy, {0, rows});
      expected_fn(x.data(), ldx, cols, expected.data(), ldy, {0, rows});
      ASSERT_EQ(std::memcmp(actual.data(), expected.data(), cols * ldy * sizeof(T)), 0);
    }
  }
}

TEST_P(LayoutTest, Transposes) {
  check_transpose<uint32_t>(table().transpose32, reference_kernels().transpose32);
  check_transpose<uint8_t>(table().transpose8, reference_kernels().transpose8);
}

TEST_P(LayoutTest, HalfWidensExactly) {
  std::vector<uint16_t> x(65537);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint16_t>(i);
  std::vector<float> actual(x.size()), expected(x.size());
  table().half_to_float(x.data(), actual.data(), x.size());
  reference_kernels().half_to_float(x.data(), expected.data(), x.size());
  expect_all(actual.data(), expected.data(), x.size(), kExact);
}

TEST_P(LayoutTest, HalfNarrowsExactly) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 8191) {
    const uint32_t word = static_cast<uint32_t>(bits);
    float v = 0;
    std::memcpy(&v, &word, sizeof(v));
    x.push_back(v);
  }
  for (float v : {65504.0f, 65519.9f, 65520.0f, 6.1e-5f, 5.96e-8f, 2.98e-8f, 1.0009766f}) {
    x.push_back(v);
    x.push_back(-v);
  }
  std::vector<uint16_t> actual(x.size()), expected(x.size());
  table().float_to_half(x.data(), actual.data(), x.size());
  reference_kernels().float_to_half(x.data(), expected.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(actual[i], expected[i]) << x[i];
}

TEST_P(LayoutTest, ResizeRowBlends) {
  const size_t out_w = 5;
  const uint32_t left[] = {0, 0, 1, 2, 3};
  const uint32_t right[] = {0, 1, 2, 3, 3};
  const float fx[] = {0.0f, 0.25f, 0.5f, 0.75f, 0.3f};
  for (size_t channels : {1, 3, 4, 9}) {
    Random random(4);
    Guarded<float> row0(4 * channels), row1(4 * channels);
    for (size_t i = 0; i < row0.size(); ++i) {
      row0[i] = random.uniform(-1, 1);
      row1[i] = random.uniform(-1, 1);
    }
    const ResizeRowArgs args{row0.data(), row1.data(), 0.6f, left, right, fx, out_w, channels};
    Guarded<float> actual(out_w * channels), expected(out_w * channels);
    table().resize_linear_row(args, actual.data());
    reference_kernels().resize_linear_row(args, expected.data());
    expect_all(actual.data(), expected.data(), actual.size(), kFewUlps);
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, LayoutTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
