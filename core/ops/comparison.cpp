// Comparisons of two broadcast operands: z = x <op> y, a boolean.
#include <string_view>

#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/elementwise.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

struct Row {
  std::string_view name;
  bool less;     // the answer when x < y
  bool equal;    // when x == y
  bool greater;  // when x > y; the answer is false when one is NaN
};

constexpr Row kRows[] = {
    {"Equal", false, true, false},         {"Greater", false, false, true},
    {"GreaterOrEqual", false, true, true}, {"Less", true, false, false},
    {"LessOrEqual", true, true, false},
};

template <typename T>
bool answer(const Row& row, T x, T y) {
  return x < y ? row.less : x == y ? row.equal : x > y && row.greater;
}

void compare_strings(const Tensor inputs[2], Tensor& z) {
  Shape shape = z.shape();
  Shape strides[] = {broadcast_strides(inputs[0].shape(), shape),
                     broadcast_strides(inputs[1].shape(), shape)};
  collapse_axes(shape, strides);
  int64_t out = 0;
  for_each_row(shape, strides, [&](const int64_t* offsets) {
    for (int64_t i = 0; i < shape.back(); ++i) {
      const auto a = static_cast<size_t>(offsets[0] + i * strides[0].back());
      const auto b = static_cast<size_t>(offsets[1] + i * strides[1].back());
      z.mutable_raw()[out++] = std::byte(inputs[0].strings()[a] == inputs[1].strings()[b]);
    }
  });
}

void evaluate_row(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor inputs[] = {context.input(0), context.input(1)};
  const DType dtype = inputs[0].dtype();
  if (inputs[1].dtype() != dtype) {
    fail(Code::TYPE_MISMATCH, node.label(), "Expected ", dtype_name(dtype),
         " for the second operand of ", node.label(), " but received ",
         dtype_name(inputs[1].dtype()));
  }
  Tensor& z = context.output(0, DType::boolean, broadcast_inputs(context));
  for (const Row& row : kRows) {
    if (row.name != node.op) continue;
    if (dtype == DType::string && node.op == "Equal") {
      compare_strings(inputs, z);
    } else if (is_integer(dtype)) {
      // Turning the sign bit makes the order of int64 that of uint64 bit patterns.
      const int64_t flip = dtype == DType::u64 ? INT64_MIN : 0;
      map_elements(inputs, z, IntegerBlock([&](int64_t* const* v, int64_t n) {
                     for (int64_t i = 0; i < n; ++i) {
                       v[0][i] = answer(row, v[0][i] ^ flip, v[1][i] ^ flip);
                     }
                   }));
    } else if (dtype == DType::string) {
      fail_type(dtype, node);
    } else {
      map_elements(inputs, z, RealBlock([&](double* const* v, int64_t n) {
                     for (int64_t i = 0; i < n; ++i) v[0][i] = answer(row, v[0][i], v[1][i]);
                   }));
    }
  }
}

}  // namespace

void register_comparison(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name,
               .infer = infer_broadcast_bool,
               .evaluate = evaluate_row,
               .traits = Trait::elementwise});
  }
}

}  // namespace whittle
