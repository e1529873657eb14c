// Min, Max, Sum and Mean of any number of broadcast operands, and Clip.
#include <cmath>
#include <string_view>
#include <vector>

#include "core/ops/support/convert.h"
#include "core/ops/support/elementwise.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** NaN in either operand gives NaN. */
double smaller(double x, double y) {
  return x < y || std::isnan(x) ? x : y;
}
double larger(double x, double y) {
  return x > y || std::isnan(x) ? x : y;
}
double sum(double x, double y) {
  return x + y;
}
int64_t smaller_integer(int64_t x, int64_t y) {
  return x < y ? x : y;
}
int64_t larger_integer(int64_t x, int64_t y) {
  return x > y ? x : y;
}

struct Row {
  std::string_view name;
  double (*real)(double, double);
  int64_t (*integer)(int64_t, int64_t);  // null: floats only
};

constexpr Row kRows[] = {
    {"Max", larger, larger_integer},
    {"Mean", sum, nullptr},
    {"Min", smaller, smaller_integer},
    {"Sum", sum, nullptr},
};

void evaluate_row(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (context.has_input(i)) inputs.push_back(context.input(i));
  }
  const DType dtype = inputs[0].dtype();
  Tensor& y = context.output(0, dtype, broadcast_inputs(context));
  const Row* row = kRows;
  while (row->name != node.op) ++row;
  if (is_integer(dtype) && row->integer != nullptr) {
    // Turning the sign bit makes the order of int64 that of uint64 bit patterns.
    const int64_t flip = dtype == DType::u64 ? INT64_MIN : 0;
    map_elements(inputs, y, IntegerBlock([&](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) {
                     int64_t result = v[0][i] ^ flip;
                     for (size_t k = 1; k < inputs.size(); ++k) {
                       result = row->integer(result, v[k][i] ^ flip);
                     }
                     v[0][i] = result ^ flip;
                   }
                 }));
    return;
  }
  const double divisor = node.op == "Mean" ? static_cast<double>(inputs.size()) : 1;
  map_elements(inputs, y, RealBlock([&](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) {
                   double result = v[0][i];
                   for (size_t k = 1; k < inputs.size(); ++k) result = row->real(result, v[k][i]);
                   v[0][i] = result / divisor;
                 }
               }));
}

// Clip: min(max(x, low), high); low and high are scalars, either may be absent.
void evaluate_clip(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor inputs[] = {context.input(0), context.input(1), context.input(2)};
  const bool has_low = inputs[1].defined();
  const bool has_high = inputs[2].defined();
  const DType dtype = inputs[0].dtype();
  Tensor& y = context.output(0, dtype, inputs[0].shape());
  if (is_integer(dtype)) {
    const int64_t flip = dtype == DType::u64 ? INT64_MIN : 0;
    map_elements(inputs, y, IntegerBlock([&](int64_t* const* v, int64_t n) {
                   for (int64_t i = 0; i < n; ++i) {
                     int64_t x = v[0][i] ^ flip;
                     if (has_low) x = larger_integer(x, v[1][i] ^ flip);
                     if (has_high) x = smaller_integer(x, v[2][i] ^ flip);
                     v[0][i] = x ^ flip;
                   }
                 }));
    return;
  }
  map_elements(inputs, y, RealBlock([&](double* const* v, int64_t n) {
                 for (int64_t i = 0; i < n; ++i) {
                   if (has_low) v[0][i] = larger(v[0][i], v[1][i]);
                   if (has_high) v[0][i] = smaller(v[0][i], v[2][i]);
                 }
               }));
}

}  // namespace

void register_variadic(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name,
               .infer = infer_broadcast,
               .evaluate = evaluate_row,
               .traits = Trait::elementwise});
  }
  table.add({.name = "Clip",
             .infer = infer_same,
             .evaluate = evaluate_clip,
             .traits = Trait::elementwise});
}

}  // namespace whittle
