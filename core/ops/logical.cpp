// Boolean and bitwise operators, and shifts. All compute in int64: a boolean is 0 or 1.
#include <string_view>

#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/elementwise.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

struct Row {
  std::string_view name;
  int64_t (*apply)(int64_t x, int64_t y);
};

constexpr int64_t bit_and(int64_t x, int64_t y) {
  return x & y;
}
constexpr int64_t bit_or(int64_t x, int64_t y) {
  return x | y;
}
constexpr int64_t bit_xor(int64_t x, int64_t y) {
  return x ^ y;
}

constexpr Row kRows[] = {
    {"And", bit_and},        {"Or", bit_or},        {"Xor", bit_xor},
    {"BitwiseAnd", bit_and}, {"BitwiseOr", bit_or}, {"BitwiseXor", bit_xor},
};

void evaluate_two(EvalContext& context, int64_t (*apply)(int64_t, int64_t)) {
  require_inputs(context.node(), 2);
  const Tensor inputs[] = {context.input(0), context.input(1)};
  Tensor& z = context.output(0, inputs[0].dtype(), broadcast_inputs(context));
  map_elements(inputs, z, IntegerBlock([&](int64_t* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] = apply(v[0][i], v[1][i]);
               }));
}

void evaluate_row(EvalContext& context) {
  for (const Row& row : kRows) {
    if (row.name == context.node().op) evaluate_two(context, row.apply);
  }
}

// BitShift. Signed numbers keep their sign to the right; a shift by the whole width or more, or by
// less than 0, leaves that sign or 0.
void evaluate_shift(EvalContext& context) {
  const DType dtype = context.input(0).dtype();
  const bool is_signed =
      dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32 || dtype == DType::i64;
  if (context.node().string_attribute("direction", "") == "LEFT") {
    evaluate_two(context, [](int64_t x, int64_t y) {
      const auto bits = static_cast<uint64_t>(x);
      return y < 0 || y > 63 ? 0 : static_cast<int64_t>(bits << y);
    });
  } else if (is_signed) {
    evaluate_two(context, [](int64_t x, int64_t y) { return x >> (y < 0 || y > 63 ? 63 : y); });
  } else {
    evaluate_two(context, [](int64_t x, int64_t y) {
      const auto bits = static_cast<uint64_t>(x);
      return y < 0 || y > 63 ? 0 : static_cast<int64_t>(bits >> y);
    });
  }
}

void evaluate_not(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  // ~x has the right low bits for every width; for a boolean only its lowest bit counts.
  const int64_t mask = x.dtype() == DType::boolean ? 1 : -1;
  Tensor& y = context.output(0, x.dtype(), x.shape());
  map_elements(std::span(&x, 1), y, IntegerBlock([&](int64_t* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) v[0][i] = ~v[0][i] & mask;
               }));
}

}  // namespace

void register_logical(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name,
               .infer = infer_broadcast,
               .evaluate = evaluate_row,
               .traits = Trait::elementwise});
  }
  table.add({.name = "BitShift",
             .infer = infer_broadcast,
             .evaluate = evaluate_shift,
             .traits = Trait::elementwise});
  for (const char* name : {"Not", "BitwiseNot"}) {
    table.add({.name = name,
               .infer = infer_same,
               .evaluate = evaluate_not,
               .traits = Trait::elementwise});
  }
}

}  // namespace whittle
