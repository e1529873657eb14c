// Elementwise operators of one input: y = f(x), with up to two float attributes.
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/elementwise.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** The operator's attributes, by their place in Row::attributes. */
struct Parameters {
  double a;
  double b;
};

struct FloatAttribute {
  std::string_view name;
  float fallback;
};

struct Row {
  std::string_view name;
  double (*real)(double x, const Parameters& p);
  int64_t (*integer)(int64_t x) = nullptr;  // null: floats only; uint64 never
  FloatAttribute attributes[2] = {};
};

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/** log(1 + e^x), without overflow for large x. */
double softplus(double x) {
  return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}

double hard_sigmoid(double x, double alpha, double beta) {
  return std::fmax(0, std::fmin(1, alpha * x + beta));
}

double elu(double x, double alpha) {
  return x >= 0 ? x : alpha * std::expm1(x);
}

double relu(double x) {
  return x > 0 || std::isnan(x) ? x : 0;
}

using P = const Parameters&;

constexpr Row kRows[] = {
    {"Abs", [](double x, P) { return std::fabs(x); },
     [](int64_t x) { return x < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x; }},
    {"Acos", [](double x, P) { return std::acos(x); }},
    {"Acosh", [](double x, P) { return std::acosh(x); }},
    {"Asin", [](double x, P) { return std::asin(x); }},
    {"Asinh", [](double x, P) { return std::asinh(x); }},
    {"Atan", [](double x, P) { return std::atan(x); }},
    {"Atanh", [](double x, P) { return std::atanh(x); }},
    {"Ceil", [](double x, P) { return std::ceil(x); }},
    // max(0, x) + min(0, alpha (e^(x / alpha) - 1))
    {"Celu",
     [](double x, P p) { return x >= 0 ? x : p.a * std::expm1(x / p.a); },
     nullptr,
     {{"alpha", 1.0f}}},
    {"Cos", [](double x, P) { return std::cos(x); }},
    {"Cosh", [](double x, P) { return std::cosh(x); }},
    {"Elu", [](double x, P p) { return elu(x, p.a); }, nullptr, {{"alpha", 1.0f}}},
    {"Erf", [](double x, P) { return std::erf(x); }},
    {"Exp", [](double x, P) { return std::exp(x); }},
    {"Floor", [](double x, P) { return std::floor(x); }},
    {"HardSigmoid",
     [](double x, P p) { return hard_sigmoid(x, p.a, p.b); },
     nullptr,
     {{"alpha", 0.2f}, {"beta", 0.5f}}},
    {"HardSwish", [](double x, P) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); }},
    {"LeakyRelu", [](double x, P p) { return x < 0 ? p.a * x : x; }, nullptr, {{"alpha", 0.01f}}},
    {"Log", [](double x, P) { return std::log(x); }},
    {"Mish", [](double x, P) { return x * std::tanh(softplus(x)); }},
    {"Neg", [](double x, P) { return -x; },
     [](int64_t x) { return static_cast<int64_t>(-static_cast<uint64_t>(x)); }},
    {"Reciprocal", [](double x, P) { return 1 / x; }},
    {"Relu", [](double x, P) { return relu(x); }, [](int64_t x) { return x > 0 ? x : 0; }},
    {"Round", [](double x, P) { return std::nearbyint(x); }},  // half to even
    {"Selu",
     [](double x, P p) { return p.b * elu(x, p.a); },
     nullptr,
     {{"alpha", 1.67326319217681884765625f}, {"gamma", 1.05070102214813232421875f}}},
    // bias is subtracted outside of [-lambd, lambd], inside is 0
    {"Shrink",
     [](double x, P p) { return x < -p.b  ? x + p.a
                                : x > p.b ? x - p.a
                                          : 0; },
     nullptr,
     {{"bias", 0.0f}, {"lambd", 0.5f}}},
    {"Sigmoid", [](double x, P) { return sigmoid(x); }},
    {"Sign", [](double x, P) { return x > 0   ? 1.0
                                      : x < 0 ? -1.0
                                              : x; },
     [](int64_t x) { return static_cast<int64_t>(x > 0) - (x < 0); }},
    {"Sin", [](double x, P) { return std::sin(x); }},
    {"Sinh", [](double x, P) { return std::sinh(x); }},
    {"Softplus", [](double x, P) { return softplus(x); }},
    {"Softsign", [](double x, P) { return x / (1 + std::fabs(x)); }},
    {"Sqrt", [](double x, P) { return std::sqrt(x); }},
    {"Swish", [](double x, P p) { return x * sigmoid(p.a * x); }, nullptr, {{"alpha", 1.0f}}},
    {"Tan", [](double x, P) { return std::tan(x); }},
    {"Tanh", [](double x, P) { return std::tanh(x); }},
    {"ThresholdedRelu", [](double x, P p) { return x > p.a ? x : 0; }, nullptr, {{"alpha", 1.0f}}},
};

const Row& row_of(const Node& node) {
  for (const Row& row : kRows) {
    if (row.name == node.op) return row;
  }
  fail(Code::INTERNAL, node.label(), "Expected an elementwise operator but received ", node.op);
}

void evaluate_row(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Row& row = row_of(node);
  Parameters p{};
  if (!row.attributes[0].name.empty()) {
    p.a = node.float_attribute(row.attributes[0].name, row.attributes[0].fallback);
  }
  if (!row.attributes[1].name.empty()) {
    p.b = node.float_attribute(row.attributes[1].name, row.attributes[1].fallback);
  }
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  const std::span<const Tensor> inputs(&x, 1);
  if (is_integer(x.dtype()) && x.dtype() != DType::u64 && row.integer != nullptr) {
    map_elements(inputs, y, IntegerBlock([&](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) v[0][i] = row.integer(v[0][i]);
                 }));
    return;
  }
  if (is_integer(x.dtype())) fail_type(x.dtype(), node);
  map_elements(inputs, y, RealBlock([&](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] = row.real(v[0][i], p);
               }));
}

// Gelu: x / 2 (1 + erf(x / sqrt 2)), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for the erf.
void evaluate_gelu(EvalContext& context) {
  require_inputs(context.node(), 1);
  const bool by_tanh = context.node().string_attribute("approximate", "none") == "tanh";
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  const double scale = std::sqrt(2 / std::numbers::pi);
  map_elements(std::span(&x, 1), y, RealBlock([&](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) {
                   const double t = v[0][i];
                   const double s = by_tanh ? std::tanh(scale * (t + 0.044715 * t * t * t))
                                            : std::erf(t / std::numbers::sqrt2);
                   v[0][i] = t / 2 * (1 + s);
                 }
               }));
}

void infer_predicate(InferContext& context) {
  context.set_output(0, DType::boolean, context.dims(0));
}

void evaluate_is_nan(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, DType::boolean, x.shape());
  map_elements(std::span(&x, 1), y, RealBlock([](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] = std::isnan(v[0][i]);
               }));
}

void evaluate_is_inf(EvalContext& context) {
  require_inputs(context.node(), 1);
  const bool positive = context.node().int_attribute("detect_positive", 1) != 0;
  const bool negative = context.node().int_attribute("detect_negative", 1) != 0;
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, DType::boolean, x.shape());
  map_elements(std::span(&x, 1), y, RealBlock([&](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) {
                   v[0][i] = std::isinf(v[0][i]) && (v[0][i] > 0 ? positive : negative);
                 }
               }));
}

}  // namespace

void register_unary(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name,
               .infer = infer_same,
               .evaluate = evaluate_row,
               .traits = Trait::elementwise});
  }
  table.add({.name = "Gelu",
             .infer = infer_same,
             .evaluate = evaluate_gelu,
             .traits = Trait::elementwise});
  table.add({.name = "IsNaN",
             .infer = infer_predicate,
             .evaluate = evaluate_is_nan,
             .traits = Trait::elementwise});
  table.add({.name = "IsInf",
             .infer = infer_predicate,
             .evaluate = evaluate_is_inf,
             .traits = Trait::elementwise});
}

}  // namespace whittle
