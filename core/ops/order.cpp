// What depends on the order of elements along an axis: ArgMax, ArgMin, TopK, CumSum.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** Calls lane(values, first) for each line along the axis: element j is at first + j * inner. */
template <typename Value, typename Lane>
void for_each_lane(const Tensor& x, const AxisSplit& split, Lane lane) {
  std::vector<Value> values(static_cast<size_t>(split.axis));
  // Turning the sign bit makes the order of int64 that of uint64 bit patterns.
  const bool flips = x.dtype() == DType::u64;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i = 0; i < split.inner; ++i) {
      const int64_t first = o * split.axis * split.inner + i;
      load_block(x, first, split.inner, split.axis, values.data());
      if constexpr (std::is_same_v<Value, int64_t>) {
        for (Value& value : values) value ^= flips ? INT64_MIN : 0;
      }
      lane(values, first);
    }
  }
}

/** Before in descending order; NaN counts as larger than every number. */
template <typename Value>
bool is_larger(Value a, Value b) {
  if constexpr (std::is_same_v<Value, double>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

bool keeps_dims(const Node& node) { return node.int_attribute("keepdims", 1) != 0; }

void infer_arg(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> result;
  if (const auto& dims = context.dims(0)) {
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*dims), node.label());
    result = reduced_dims(*dims, std::span(&axis, 1), keeps_dims(node));
  }
  context.set_output(0, DType::i64, std::move(result));
}

// The index of the extreme element; the first of equal ones, or with select_last_index the last.
void evaluate_arg(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const bool wants_max = node.op == "ArgMax";
  const bool wants_last = node.int_attribute("select_last_index", 0) != 0;
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const Shape shape = reduced_shape(x.shape(), std::span(&axis, 1), keeps_dims(node));
  Tensor& y = context.output(0, DType::i64, shape);
  if (x.shape()[axis] == 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected elements along axis ", axis, " for ",
         node.label(), " but received ", to_string(x.shape()));
  }
  int64_t* out = y.mutable_data<int64_t>().data();
  with_value_type(x.dtype(), [&]<typename Value>() {
    for_each_lane<Value>(x, split_at(x.shape(), axis, node), [&](const auto& values, int64_t) {
      size_t best = 0;
      for (size_t j = 1; j < values.size(); ++j) {
        const bool better = wants_max ? is_larger(values[j], values[best])
                                      : is_larger(values[best], values[j]);
        if (better || (wants_last && values[j] == values[best])) best = j;
      }
      *out++ = static_cast<int64_t>(best);
    });
  });
}

int64_t top_count(const Node& node, const Tensor& k, const Dim& extent) {
  const auto values = to_int64s(k, node.label());
  const bool fits = values.size() == 1 && values[0] >= 0 &&
                    (!extent.known() || values[0] <= extent.value);
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected one k in [0,", extent.value, "] for ",
         node.label(), " but received ", to_string(Shape(values)));
  }
  return values[0];
}

void infer_top_k(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> dims = context.dims(0);
  if (dims) {
    const int axis = normalize_axis(node.int_attribute("axis", -1), rank_of(*dims), node.label());
    Dim& dim = (*dims)[static_cast<size_t>(axis)];
    const Tensor& k = context.input(1).constant;
    dim = k.defined() ? Dim(top_count(node, k, dim)) : Dim();
  }
  context.set_output(0, context.dtype(0), dims);
  context.set_output(1, DType::i64, std::move(dims));
}

// The k largest (or smallest) elements in order, equal ones by index, and where they were.
void evaluate_top_k(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 1);
  const int axis = normalize_axis(node.int_attribute("axis", -1), x.shape().rank(), node.label());
  const bool largest = node.int_attribute("largest", 1) != 0;
  const int64_t k = top_count(node, context.input(1), x.shape()[axis]);
  const AxisSplit split = split_at(x.shape(), axis, node);
  Shape shape = x.shape();
  shape[axis] = k;
  Tensor& values_out = context.output(0, x.dtype(), shape);
  Tensor& indices_out = context.output(1, DType::i64, shape);
  std::vector<int64_t> order(static_cast<size_t>(split.axis));
  const int64_t flip = x.dtype() == DType::u64 ? INT64_MIN : 0;
  with_value_type(x.dtype(), [&]<typename Value>() {
    for_each_lane<Value>(x, split, [&](const std::vector<Value>& values, int64_t first) {
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        const Value va = values[static_cast<size_t>(a)];
        const Value vb = values[static_cast<size_t>(b)];
        const bool before = largest ? is_larger(va, vb) : is_larger(vb, va);
        const bool after = largest ? is_larger(vb, va) : is_larger(va, vb);
        return before || (!after && a < b);
      });
      const int64_t out = first / (split.axis * split.inner) * k * split.inner +
                          first % (split.axis * split.inner);
      for (int64_t j = 0; j < k; ++j) {
        const int64_t index = order[static_cast<size_t>(j)];
        Value value = values[static_cast<size_t>(index)];
        if constexpr (std::is_same_v<Value, int64_t>) value ^= flip;
        store_block(values_out, out + j * split.inner, 1, 1, &value);
        indices_out.mutable_data<int64_t>()[static_cast<size_t>(out + j * split.inner)] = index;
      }
    });
  });
}

// y[j] = sum of x[i], i <= j; exclusive: i < j; reverse: from the other end.
void evaluate_cum_sum(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const bool exclusive = node.int_attribute("exclusive", 0) != 0;
  const bool reverse = node.int_attribute("reverse", 0) != 0;
  const AxisSplit split = split_at(x.shape(), to_int64s(context.input(1), node.label()).at(0), node);
  Tensor& y = context.output(0, x.dtype(), x.shape());
  with_value_type(x.dtype(), [&]<typename Value>() {
    std::vector<Value> values(static_cast<size_t>(split.axis));
    for (int64_t lane = 0; lane < split.outer * split.inner; ++lane) {
      const int64_t first = lane / split.inner * split.axis * split.inner + lane % split.inner;
      load_block(x, first, split.inner, split.axis, values.data());
      if (reverse) std::reverse(values.begin(), values.end());
      Value total{};
      for (Value& value : values) {
        const Value before = total;
        total += value;
        value = exclusive ? before : total;
      }
      if (reverse) std::reverse(values.begin(), values.end());
      store_block(y, first, split.inner, split.axis, values.data());
    }
  });
}

}  // namespace

void register_order(OpTable& table) {
  table.add({.name = "ArgMax", .infer = infer_arg, .evaluate = evaluate_arg});
  table.add({.name = "ArgMin", .infer = infer_arg, .evaluate = evaluate_arg});
  table.add({.name = "TopK", .infer = infer_top_k, .evaluate = evaluate_top_k});
  table.add({.name = "CumSum", .infer = infer_same, .evaluate = evaluate_cum_sum});
}

}  // namespace whittle
