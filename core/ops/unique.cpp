// Unique: distinct slices or elements. The number of them depends on the data.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_unique(InferContext& context) {
  std::optional<Dims> dims;
  if (!context.node().has("axis")) {
    dims = unknown_dims(1);
  } else if ((dims = context.dims(0))) {
    const Node& node = context.node();
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*dims), node.label());
    (*dims)[static_cast<size_t>(axis)] = Dim();
  }
  context.set_output(0, context.dtype(0), std::move(dims));
  for (size_t i = 1; i < 4; ++i) context.set_output(i, DType::i64, unknown_dims(1));
}

/** -1, 0 or 1 as slice a of x comes before, equals or comes after slice b. */
template <typename Value>
int compare_slices(const std::vector<Value>& values, const AxisSplit& split, int64_t a, int64_t b) {
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i = 0; i < split.inner; ++i) {
      const Value& va = values[static_cast<size_t>((o * split.axis + a) * split.inner + i)];
      const Value& vb = values[static_cast<size_t>((o * split.axis + b) * split.inner + i)];
      if (va < vb) return -1;
      if (vb < va) return 1;
    }
  }
  return 0;
}

void write_integers(EvalContext& context, size_t output, const std::vector<int64_t>& values) {
  Tensor& y = context.output(output, DType::i64, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), y.mutable_data<int64_t>().begin());
}

template <typename Value>
void unique(EvalContext& context, const Tensor& x, const AxisSplit& split, int axis,
            const std::vector<Value>& values) {
  const bool is_sorted = context.node().int_attribute("sorted", 1) != 0;
  std::vector<int64_t> order(static_cast<size_t>(split.axis));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return compare_slices(values, split, a, b) < 0; });
  // The first occurrence stands for its equals, which follow it in `order`.
  std::vector<int64_t> firsts;
  std::vector<int64_t> leader(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const bool is_new = i == 0 || compare_slices(values, split, firsts.back(), order[i]) != 0;
    if (is_new) firsts.push_back(order[i]);
    leader[static_cast<size_t>(order[i])] = firsts.back();
  }
  if (!is_sorted) std::sort(firsts.begin(), firsts.end());
  std::vector<int64_t> place(order.size());
  for (size_t i = 0; i < firsts.size(); ++i) {
    place[static_cast<size_t>(firsts[i])] = static_cast<int64_t>(i);
  }
  std::vector<int64_t> inverse;
  std::vector<int64_t> counts(firsts.size(), 0);
  for (int64_t first : leader) {
    inverse.push_back(place[static_cast<size_t>(first)]);
    ++counts[static_cast<size_t>(inverse.back())];
  }
  Shape shape = x.shape();
  shape[axis] = static_cast<int64_t>(firsts.size());
  Tensor& y = context.output(0, x.dtype(), shape);
  int64_t out = 0;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t first : firsts) {
      copy_elements(y, out, x, (o * split.axis + first) * split.inner, split.inner);
      out += split.inner;
    }
  }
  write_integers(context, 1, firsts);
  write_integers(context, 2, inverse);
  write_integers(context, 3, counts);
}

// Distinct slices along the axis (or elements of the flat tensor), the index of the first of each,
// for every slice the place of its equal, and how many there are of each.
void evaluate_unique(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const bool is_flat = !node.has("axis");
  const Tensor x =
      is_flat ? context.input(0).reshaped({context.input(0).elements()}) : context.input(0);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const AxisSplit split = split_at(x.shape(), axis, node);
  if (x.dtype() == DType::string) {
    unique(context, x, split, axis,
           std::vector<std::string>(x.strings().begin(), x.strings().end()));
    return;
  }
  with_value_type(x.dtype(), [&]<typename Value>() {
    std::vector<Value> values(static_cast<size_t>(x.elements()));
    load_block(x, 0, 1, x.elements(), values.data());
    unique(context, x, split, axis, values);
  });
}

}  // namespace

void register_unique(OpTable& table) {
  table.add({.name = "Unique", .infer = infer_unique, .evaluate = evaluate_unique});
}

}  // namespace whittle
