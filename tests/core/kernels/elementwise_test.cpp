// Unary and binary kernels against the reference: sweeps of the float range, special values, every
// tail length, in place, all broadcasts.

#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr float kNan = __builtin_nanf("");

class ElementwiseTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

std::vector<float> interesting_values() {
  std::vector<float> values = {
      0.0f,     -0.0f,   1.0f,        -1.0f,         0.5f,           -0.5f,   1.5f,    2.5f,
      -2.5f,    kNan,    kInfinity,   -kInfinity,    1e-40f,         -1e-40f, 1e-30f,  -1e-30f,
      3e38f,    -3e38f,  88.7f,       89.5f,         -87.5f,         -95.0f,  -103.9f, -104.5f,
      -0.0003f, 0.0005f, 16777216.0f, 2147483648.0f, 1.17549435e-38f};
  for (float v = -110.0f; v < 110.0f; v += 0.0371f) values.push_back(v);
  for (float v = -4.0f; v < 4.0f; v += 0.00137f) values.push_back(v);
  for (float v = 1e-38f; v < 1e38f; v *= 1.37f) {
    values.push_back(v);
    values.push_back(-v);
  }
  return values;
}

UnaryParams params_for(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::leaky_relu:
      return {0.01f, 0.0f};
    case UnaryKind::selu:
      return {1.67326319f, 1.05070102f};
    case UnaryKind::celu:
      return {0.7f, 0.0f};
    case UnaryKind::hard_sigmoid:
      return {0.2f, 0.5f};
    case UnaryKind::clip:
      return {-1.0f, 2.0f};
    case UnaryKind::silu:
      return {1.702f, 0.0f};
    default:
      return {};
  }
}

// Kinds made of single IEEE operations in the order the reference states.
bool is_exact(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::exp:
    case UnaryKind::log:
    case UnaryKind::elu:
    case UnaryKind::selu:
    case UnaryKind::celu:
    case UnaryKind::sigmoid:
    case UnaryKind::tanh:
    case UnaryKind::erf:
    case UnaryKind::gelu_erf:
    case UnaryKind::gelu_tanh:
    case UnaryKind::silu:
    case UnaryKind::softplus:
    case UnaryKind::mish:
      return false;
    default:
      return true;
  }
}

TEST_P(ElementwiseTest, UnaryMatchesReference) {
  const std::vector<float> x = interesting_values();
  std::vector<float> actual(x.size());
  std::vector<float> expected(x.size());
  for (size_t i = 0; i < kind_count<UnaryKind>(); ++i) {
    const UnaryKind kind = static_cast<UnaryKind>(i);
    SCOPED_TRACE("kind " + std::to_string(i));
    const UnaryParams params = params_for(kind);
    table().unary_for(kind)(x.data(), actual.data(), x.size(), params);
    reference_kernels().unary_for(kind)(x.data(), expected.data(), x.size(), params);
    for (size_t j = 0; j < x.size(); ++j) {
      const bool gated = kind == UnaryKind::gelu_erf || kind == UnaryKind::gelu_tanh ||
                         kind == UnaryKind::silu || kind == UnaryKind::mish;
      if (gated && std::isinf(x[j])) continue;  // 0 * infinity: sign of nothing
      const bool good =
          is_exact(kind) ? kExact(actual[j], expected[j]) : kTranscendental(actual[j], expected[j]);
      if (!good) {
        ADD_FAILURE() << "f(" << x[j] << ") = " << actual[j] << ", expected " << expected[j];
        break;
      }
    }
  }
}

TEST_P(ElementwiseTest, ExpIsWithinTwoUlps) {
  std::vector<float> x;
  for (float v = -103.0f; v < 88.7f; v += 0.00317f) x.push_back(v);
  std::vector<float> y(x.size());
  table().unary_for(UnaryKind::exp)(x.data(), y.data(), x.size(), {});
  for (size_t i = 0; i < x.size(); ++i) {
    const float expected = static_cast<float>(std::exp(static_cast<double>(x[i])));
    ASSERT_LE(ulp_distance(y[i], expected), 2u) << x[i];
  }
}

TEST_P(ElementwiseTest, UnaryTailsStayInsideAndInPlaceWorks) {
  Random random(1);
  for (size_t n = 0; n <= 19; ++n) {
    Guarded<float> x(n);
    Guarded<float> y(n);
    for (size_t i = 0; i < n; ++i) x[i] = random.uniform(-3, 3);
    for (size_t i = 0; i < kind_count<UnaryKind>(); ++i) {
      const UnaryParams params = params_for(static_cast<UnaryKind>(i));
      table().unary[i](x.data(), y.data(), n, params);
      std::vector<float> expected(n);
      reference_kernels().unary[i](x.data(), expected.data(), n, params);
      expect_all(y.data(), expected.data(), n, [](float a, float b) {
        return (std::isnan(a) && std::isnan(b)) || kTranscendental(a, b);
      });
      Guarded<float> z(n);
      for (size_t j = 0; j < n; ++j) z[j] = x[j];
      table().unary[i](z.data(), z.data(), n, params);
      expect_all(z.data(), y.data(), n, kExact);
    }
  }
}

struct Broadcast {
  const char* name;
  size_t outer, inner;
  size_t a_outer, a_inner, b_outer, b_inner;
};

const Broadcast kBroadcasts[] = {
    {"same_size", 1, 37, 0, 1, 0, 1},   {"scalar_b", 1, 21, 0, 1, 0, 0},
    {"scalar_a", 1, 9, 0, 0, 0, 1},     {"both_scalars", 1, 6, 0, 0, 0, 0},
    {"row_vector", 5, 11, 11, 1, 0, 1}, {"column_vector", 5, 11, 11, 1, 1, 0},
    {"one_wide", 6, 1, 1, 1, 0, 1},     {"strided", 3, 8, 10, 1, 12, 1},
    {"empty", 4, 0, 0, 1, 0, 1},        {"outer_of_vectors", 4, 7, 1, 0, 0, 1},
};

TEST_P(ElementwiseTest, BinaryMatchesReferenceForEveryBroadcast) {
  for (const Broadcast& c : kBroadcasts) {
    SCOPED_TRACE(c.name);
    Random random(2);
    const auto operand = [&](size_t outer, size_t inner) {
      const size_t n = c.inner ? (c.outer - 1) * outer + (c.inner - 1) * inner + 1 : 1;
      Guarded<float> values(n);
      for (size_t i = 0; i < n; ++i) values[i] = random.uniform(-2, 2);
      values[0] = kNan;
      return values;
    };
    Guarded<float> a = operand(c.a_outer, c.a_inner);
    Guarded<float> b = operand(c.b_outer, c.b_inner);
    if (c.inner > 5 && c.a_inner) a[3] = kInfinity;
    const size_t ldo = c.inner + 2;
    const BinaryShape shape{c.outer, c.inner, c.a_outer, c.a_inner, c.b_outer, c.b_inner, ldo};
    for (size_t kind = 0; kind < kind_count<BinaryKind>(); ++kind) {
      SCOPED_TRACE("kind " + std::to_string(kind));
      Guarded<float> out(c.outer * ldo, -7.0f);
      Guarded<float> expected(c.outer * ldo, -7.0f);
      table().binary[kind](a.data(), b.data(), out.data(), shape);
      reference_kernels().binary[kind](a.data(), b.data(), expected.data(), shape);
      expect_all(out.data(), expected.data(), out.size(), kExact);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, ElementwiseTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
