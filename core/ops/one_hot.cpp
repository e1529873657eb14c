// OneHot: an axis of depth elements that are off except where the index points.
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_one_hot(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  if (dims) {
    const Node& node = context.node();
    const int axis =
        normalize_axis(node.int_attribute("axis", -1), rank_of(*dims) + 1, node.label());
    Dim depth;
    if (context.input(1).constant.defined()) {
      depth = require_integer(node, convert(context.input(1).constant, DType::i64));
    }
    dims->insert(dims->begin() + axis, depth);
  }
  context.set_output(0, context.dtype(2), std::move(dims));
}

// y[o, d, i] = indices[o, i] == d ? values[1] : values[0]; indices in [-depth, depth), others: all
// off
void evaluate_one_hot(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor indices = convert(context.input(0), DType::i64);
  const auto depth = require_integer(node, convert(context.input(1), DType::i64));
  const Tensor& values = context.input(2);
  if (depth < 0 || values.elements() != 2) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a depth of at least 0 and two values for ",
         node.label(), " but received ", depth, " and ", to_string(values.shape()));
  }
  const Shape& given = indices.shape();
  const int axis = normalize_axis(node.int_attribute("axis", -1), given.rank() + 1, node.label());
  Shape shape;
  for (int i = 0; i <= given.rank(); ++i) {
    shape.push_back(i == axis ? depth : given[i < axis ? i : i - 1]);
  }
  Tensor& y = context.output(0, values.dtype(), shape);
  const int64_t inner = given.elements(axis, given.rank());
  for (int64_t p = 0; p < y.elements(); ++p) {
    const int64_t outer = p / (depth * inner);
    const int64_t d = p / inner % depth;
    int64_t index = indices.data<int64_t>()[static_cast<size_t>(outer * inner + p % inner)];
    if (index < 0) index += depth;
    copy_elements(y, p, values, index == d ? 1 : 0, 1);
  }
}

}  // namespace

void register_one_hot(OpTable& table) {
  table.add({.name = "OneHot", .infer = infer_one_hot, .evaluate = evaluate_one_hot});
}

}  // namespace whittle
