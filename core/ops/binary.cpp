// Arithmetic of two broadcast operands: z = f(x, y).
#include <cmath>
#include <string_view>

#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/elementwise.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** Integers are computed modulo 2^64 and stored modulo their own width; `natural` serves uint64. */
struct Row {
  std::string_view name;
  double (*real)(double x, double y);
  int64_t (*integer)(int64_t x, int64_t y);
  uint64_t (*natural)(uint64_t x, uint64_t y);
};

int64_t wrap(uint64_t value) {
  return static_cast<int64_t>(value);
}

[[noreturn]] void fail_division() {
  fail(Code::INVALID_DATA, "", "Expected a divisor other than 0 for an integer division");
}

/** Truncates towards zero. */
int64_t divide(int64_t x, int64_t y) {
  if (y == 0) fail_division();
  return y == -1 ? wrap(-static_cast<uint64_t>(x)) : x / y;
}

uint64_t divide_natural(uint64_t x, uint64_t y) {
  if (y == 0) fail_division();
  return x / y;
}

/** Has the sign of the divisor (Python's %). */
int64_t floor_mod(int64_t x, int64_t y) {
  if (y == 0) fail_division();
  if (y == -1) return 0;
  const int64_t rest = x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

double real_floor_mod(double x, double y) {
  const double rest = std::fmod(x, y);
  if (rest == 0) return std::copysign(0.0, y);
  return (rest < 0) != (y < 0) ? rest + y : rest;
}

uint64_t natural_mod(uint64_t x, uint64_t y) {
  if (y == 0) fail_division();
  return x % y;
}

/** x^y by squaring, modulo 2^64; negative exponents truncate to 0 (except for bases 1 and -1). */
int64_t integer_power(int64_t x, int64_t y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1;
  for (auto base = static_cast<uint64_t>(x); y != 0; y /= 2, base *= base) {
    if (y % 2 == 1) result *= base;
  }
  return wrap(result);
}

constexpr Row kRows[] = {
    {"Add", [](double x, double y) { return x + y; },
     [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)); },
     [](uint64_t x, uint64_t y) { return x + y; }},
    {"Div", [](double x, double y) { return x / y; }, divide, divide_natural},
    {"Mod", real_floor_mod, floor_mod, natural_mod},
    {"Mul", [](double x, double y) { return x * y; },
     [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) * static_cast<uint64_t>(y)); },
     [](uint64_t x, uint64_t y) { return x * y; }},
    {"Sub", [](double x, double y) { return x - y; },
     [](int64_t x, int64_t y) { return wrap(static_cast<uint64_t>(x) - static_cast<uint64_t>(y)); },
     [](uint64_t x, uint64_t y) { return x - y; }},
};

// Mod with fmod = 1: C's remainder, with the sign of the dividend.
constexpr Row kFmod = {"Mod", [](double x, double y) { return std::fmod(x, y); },
                       [](int64_t x, int64_t y) {
                         if (y == 0) fail_division();
                         return y == -1 ? 0 : x % y;
                       },
                       natural_mod};

const Row& row_of(const Node& node) {
  if (node.op == "Mod" && node.int_attribute("fmod", 0) != 0) return kFmod;
  for (const Row& row : kRows) {
    if (row.name == node.op) return row;
  }
  fail(Code::INTERNAL, node.label(), "Expected an arithmetic operator but received ", node.op);
}

void require_same_type(const EvalContext& context) {
  const DType first = context.input(0).dtype();
  const DType second = context.input(1).dtype();
  if (first != second) {
    fail(Code::TYPE_MISMATCH, context.node().label(), "Expected ", dtype_name(first),
         " for the second operand of ", context.node().label(), " but received ",
         dtype_name(second));
  }
}

void evaluate_row(EvalContext& context) {
  require_inputs(context.node(), 2);
  require_same_type(context);
  const Row& row = row_of(context.node());
  const Tensor inputs[] = {context.input(0), context.input(1)};
  const DType dtype = inputs[0].dtype();
  Tensor& z = context.output(0, dtype, broadcast_inputs(context));
  if (!is_integer(dtype)) {
    map_elements(inputs, z, RealBlock([&](double* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) v[0][i] = row.real(v[0][i], v[1][i]);
                 }));
  } else if (dtype == DType::u64) {
    map_elements(inputs, z, IntegerBlock([&](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) {
                     v[0][i] = wrap(row.natural(static_cast<uint64_t>(v[0][i]),
                                                static_cast<uint64_t>(v[1][i])));
                   }
                 }));
  } else {
    map_elements(inputs, z, IntegerBlock([&](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) v[0][i] = row.integer(v[0][i], v[1][i]);
                 }));
  }
}

// Pow: the result has the type of the base; base and exponent may have different types.
void evaluate_pow(EvalContext& context) {
  require_inputs(context.node(), 2);
  const Tensor inputs[] = {context.input(0), context.input(1)};
  const DType dtype = inputs[0].dtype();
  const Shape shape = broadcast_inputs(context);
  Tensor& z = context.output(0, dtype, shape);
  if (is_integer(dtype) && is_integer(inputs[1].dtype())) {
    map_elements(inputs, z, IntegerBlock([](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) v[0][i] = integer_power(v[0][i], v[1][i]);
                 }));
    return;
  }
  // An integer base with a float exponent is raised in double, then truncated.
  Tensor real = is_integer(dtype) ? Tensor::allocate(DType::f64, shape) : z;
  map_elements(inputs, real, RealBlock([](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] = std::pow(v[0][i], v[1][i]);
               }));
  if (is_integer(dtype)) convert_into(real, z);
}

// PRelu: x where x >= 0, slope * x below; slope broadcasts to x.
void evaluate_prelu(EvalContext& context) {
  require_inputs(context.node(), 2);
  require_same_type(context);
  const Tensor inputs[] = {context.input(0), context.input(1)};
  Tensor& y = context.output(0, inputs[0].dtype(), inputs[0].shape());
  if (is_integer(y.dtype())) {
    map_elements(inputs, y, IntegerBlock([](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) v[0][i] *= v[0][i] < 0 ? v[1][i] : 1;
                 }));
    return;
  }
  map_elements(inputs, y, RealBlock([](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] *= v[0][i] < 0 ? v[1][i] : 1;
               }));
}

}  // namespace

void register_binary(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name,
               .infer = infer_broadcast,
               .evaluate = evaluate_row,
               .traits = Trait::elementwise});
  }
  table.add({.name = "Pow",
             .infer = infer_broadcast,
             .evaluate = evaluate_pow,
             .traits = Trait::elementwise});
  table.add({.name = "PRelu",
             .infer = infer_same,
             .evaluate = evaluate_prelu,
             .traits = Trait::elementwise});
}

}  // namespace whittle
