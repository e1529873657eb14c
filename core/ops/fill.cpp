// Tensors made from nothing but numbers: Constant, ConstantOfShape, Range, EyeLike, OneHot.
#include <cmath>
#include <cstring>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

Tensor constant_value(const Node& node) {
  const auto list = [](const auto& values) {
    return Tensor::of(Shape{static_cast<int64_t>(values.size())},
                      std::span(values.data(), values.size()));
  };
  if (node.has("value")) return node.tensor_attribute("value");
  if (node.has("value_float")) return Tensor::scalar(node.float_attribute("value_float", 0));
  if (node.has("value_int")) return Tensor::scalar(node.int_attribute("value_int", 0));
  if (node.has("value_floats")) return list(node.floats_attribute("value_floats"));
  if (node.has("value_ints")) return list(node.ints_attribute("value_ints"));
  Tensor strings;
  if (node.has("value_string")) {
    strings = Tensor::allocate(DType::string, Shape{});
    strings.mutable_strings()[0] = node.string_attribute("value_string", "");
  } else {
    const auto values = node.strings_attribute("value_strings");
    strings = Tensor::allocate(DType::string, Shape{static_cast<int64_t>(values.size())});
    strings.mutable_strings() = values;
  }
  return strings;
}

void infer_constant(InferContext& context) {
  const Tensor value = constant_value(context.node());
  context.set_output(0, value.dtype(), to_dims(value.shape()));
  if (context.output_count() > 0) context.outputs()[0].constant = value;
}

void evaluate_constant(EvalContext& context) {
  context.forward(0, constant_value(context.node()));
}

/** The fill of ConstantOfShape; a float 0 by default. */
Tensor fill_value(const Node& node) {
  return node.has("value") ? node.tensor_attribute("value") : Tensor::zeros(DType::f32, {1});
}

void infer_constant_of_shape(InferContext& context) {
  const auto target = context.integers(0);
  const auto& length = context.dims(0);
  std::optional<Dims> dims;
  if (target) {
    dims = Dims(target->begin(), target->end());
  } else if (length && length->size() == 1 && length->front().known() &&
             length->front().value <= kMaxRank) {
    dims = unknown_dims(static_cast<int>(length->front().value));
  }
  context.set_output(0, fill_value(context.node()).dtype(), std::move(dims));
}

void evaluate_constant_of_shape(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor value = fill_value(node);
  const Shape shape(to_int64s(context.input(0), node.label()));
  Tensor& y = context.output(0, value.dtype(), shape);
  Shape still = shape;
  for (int i = 0; i < still.rank(); ++i) still[i] = 0;
  copy_view(y, view_of(shape), value, {0, still}, shape);
}

/** Number of elements of Range: max(ceil((limit - start) / delta), 0). */
int64_t range_length(const Node& node, const Tensor& start, const Tensor& limit,
                     const Tensor& delta) {
  double values[3];
  int i = 0;
  for (const Tensor* scalar : {&start, &limit, &delta}) {
    if (scalar->elements() != 1) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected scalars for ", node.label(),
           " but received ", to_string(scalar->shape()));
    }
    load_block(*scalar, 0, 1, 1, &values[i++]);
  }
  const double length = std::ceil((values[1] - values[0]) / values[2]);
  constexpr double kMost = 1 << 30;
  if (!(length <= kMost)) {
    fail(Code::LIMIT_EXCEEDED, node.label(), "Expected at most ", kMost, " elements for ",
         node.label(), " but received ", length);
  }
  return length > 0 ? static_cast<int64_t>(length) : 0;
}

void infer_range(InferContext& context) {
  Dims dims = unknown_dims(1);
  const Tensor& start = context.input(0).constant;
  const Tensor& limit = context.input(1).constant;
  const Tensor& delta = context.input(2).constant;
  if (start.defined() && limit.defined() && delta.defined()) {
    dims[0] = range_length(context.node(), start, limit, delta);
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// y[i] = start + i * delta
void evaluate_range(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const int64_t length =
      range_length(node, context.input(0), context.input(1), context.input(2));
  const DType dtype = context.input(0).dtype();
  Tensor& y = context.output(0, dtype, {length});
  with_value_type(dtype, [&]<typename Value>() {
    Value start{};
    Value delta{};
    load_block(context.input(0), 0, 1, 1, &start);
    load_block(context.input(2), 0, 1, 1, &delta);
    for (int64_t i = 0; i < length; ++i) {
      const Value value = start + static_cast<Value>(i) * delta;
      store_block(y, i, 1, 1, &value);
    }
  });
}

DType eye_type(const Node& node, DType input) { return dtype_attribute(node, "dtype", input); }

void infer_eye_like(InferContext& context) {
  const DType input = context.dtype(0);
  const DType dtype = input == DType::undefined && !context.node().has("dtype")
                          ? DType::undefined
                          : eye_type(context.node(), input);
  context.set_output(0, dtype, context.dims(0));
}

// y[i, j] = 1 where j = i + k, else 0
void evaluate_eye_like(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Shape shape = context.input(0).shape();
  require_rank(node, shape, 2);
  const int64_t k = node.int_attribute("k", 0);
  const DType dtype = eye_type(node, context.input(0).dtype());
  const Tensor one = convert(Tensor::scalar<float>(1), dtype);
  Tensor& y = context.output(0, dtype, shape);
  std::memset(y.mutable_raw(), 0, static_cast<size_t>(y.bytes()));
  for (int64_t i = 0; i < shape[0]; ++i) {
    const int64_t j = i + k;
    if (j >= 0 && j < shape[1]) copy_elements(y, i * shape[1] + j, one, 0, 1);
  }
}

void infer_one_hot(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  if (dims) {
    const Node& node = context.node();
    const int axis =
        normalize_axis(node.int_attribute("axis", -1), rank_of(*dims) + 1, node.label());
    Dim depth;
    if (context.input(1).constant.defined()) {
      depth = static_cast<int64_t>(to_floats(context.input(1).constant, node.label()).at(0));
    }
    dims->insert(dims->begin() + axis, depth);
  }
  context.set_output(0, context.dtype(2), std::move(dims));
}

// y[o, d, i] = indices[o, i] == d ? values[1] : values[0]; indices in [-depth, depth), others: all off
void evaluate_one_hot(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor indices = convert(context.input(0), DType::i64);
  const auto depth = static_cast<int64_t>(to_floats(context.input(1), node.label()).at(0));
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

void register_fill(OpTable& table) {
  table.add({.name = "Constant", .infer = infer_constant, .evaluate = evaluate_constant});
  table.add({.name = "ConstantOfShape",
             .infer = infer_constant_of_shape,
             .evaluate = evaluate_constant_of_shape});
  table.add({.name = "Range", .infer = infer_range, .evaluate = evaluate_range});
  table.add({.name = "EyeLike", .infer = infer_eye_like, .evaluate = evaluate_eye_like});
  table.add({.name = "OneHot", .infer = infer_one_hot, .evaluate = evaluate_one_hot});
}

}  // namespace whittle
