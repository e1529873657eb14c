// Gather, GatherElements and GatherND: pick elements by index. Negative indices count from the end.
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/indices.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_gather(InferContext& context) {
  const auto& data = context.dims(0);
  const auto& indices = context.dims(1);
  std::optional<Dims> result;
  if (data && indices) {
    const Node& node = context.node();
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*data), node.label());
    result = Dims(data->begin(), data->begin() + axis);
    result->insert(result->end(), indices->begin(), indices->end());
    result->insert(result->end(), data->begin() + axis + 1, data->end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// y[o, j, i] = x[o, indices[j], i]
void evaluate_gather(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 1);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const AxisSplit split = split_at(x.shape(), axis, node);
  const auto indices = read_indices(context.input(1), split.axis, node);
  Shape shape(x.shape().dims().first(static_cast<size_t>(axis)));
  for (int64_t dim : context.input(1).shape()) shape.push_back(dim);
  for (int64_t dim : x.shape().dims().subspan(static_cast<size_t>(axis) + 1)) shape.push_back(dim);
  Tensor& y = context.output(0, x.dtype(), shape);
  int64_t out = 0;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t index : indices) {
      copy_elements(y, out, x, (o * split.axis + index) * split.inner, split.inner);
      out += split.inner;
    }
  }
}

void infer_gather_elements(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(1));
}

// y[p] = x[p with its `axis` replaced by indices[p]]
void evaluate_gather_elements(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const auto offsets = read_element_indices(context.input(1), x.shape(), node);
  Tensor& y = context.output(0, x.dtype(), context.input(1).shape());
  for (size_t i = 0; i < offsets.size(); ++i) {
    copy_elements(y, static_cast<int64_t>(i), x, offsets[i], 1);
  }
}

void infer_gather_nd(InferContext& context) {
  const auto& data = context.dims(0);
  const auto& indices = context.dims(1);
  const auto batch = context.node().int_attribute("batch_dims", 0);
  std::optional<Dims> result;
  if (data && indices && !indices->empty() && indices->back().known()) {
    const int64_t taken = batch + indices->back().value;
    if (taken > rank_of(*data)) {
      fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected indices of at most ",
           data->size(), " axes for ", context.node().label(), " but received ",
           to_string(*indices));
    }
    result = Dims(indices->begin(), indices->end() - 1);
    result->insert(result->end(), data->begin() + taken, data->end());
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// y[b, j, rest] = x[b, indices[b, j, 0], ..., indices[b, j, k - 1], rest]
void evaluate_gather_nd(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const int batch_dims = static_cast<int>(node.int_attribute("batch_dims", 0));
  const TupleIndices at = read_tuple_indices(context.input(1), x.shape(), batch_dims, node);
  Shape shape = at.outer;
  for (int64_t dim : at.slice) shape.push_back(dim);
  Tensor& y = context.output(0, x.dtype(), shape);
  const int64_t count = at.slice.elements();
  for (size_t i = 0; i < at.offsets.size(); ++i) {
    copy_elements(y, static_cast<int64_t>(i) * count, x, at.offsets[i], count);
  }
}

}  // namespace

void register_gather(OpTable& table) {
  const auto add = [&](std::string_view name, void (*infer)(InferContext&),
                       void (*evaluate)(EvalContext&)) {
    table.add({.name = name, .infer = infer, .evaluate = evaluate, .traits = Trait::moves_data});
  };
  add("Gather", infer_gather, evaluate_gather);
  add("GatherElements", infer_gather_elements, evaluate_gather_elements);
  add("GatherND", infer_gather_nd, evaluate_gather_nd);
}

}  // namespace whittle
