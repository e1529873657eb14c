// TopK: the k largest or smallest elements along an axis, in order, and where they were.
#include <algorithm>
#include <numeric>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/lanes.h"

namespace whittle {
namespace {

int64_t top_count(const Node& node, const Tensor& k, const Dim& extent) {
  const int64_t count = require_integer(node, k);
  if (count < 0 || (extent.known() && count > extent.value)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a k from 0 to the extent of the axis for ",
         node.label(), " but received ", count);
  }
  return count;
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
      const int64_t out =
          first / (split.axis * split.inner) * k * split.inner + first % (split.axis * split.inner);
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

}  // namespace

void register_top_k(OpTable& table) {
  table.add({.name = "TopK", .infer = infer_top_k, .evaluate = evaluate_top_k});
}

}  // namespace whittle
