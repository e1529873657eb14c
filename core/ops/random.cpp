// RandomNormal, RandomUniform and their forms like another tensor, Bernoulli, Multinomial. With an
// attribute `seed` a node draws the same numbers in every run; without one, others each time.
#include "core/base/random.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <numbers>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** Draws of nodes without a seed take another stream each. */
Random generator(const Node& node) {
  static std::atomic<uint64_t> streams{0};
  if (!node.has("seed")) return Random(0x9e3779b97f4a7c15u, ++streams);
  return Random(std::bit_cast<uint32_t>(node.float_attribute("seed", 0.0f)));
}

/** Standard normal by the method of Box and Muller (1958). */
double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1.0 - static_cast<double>(random.uniform())));
  return radius * std::cos(2 * std::numbers::pi * static_cast<double>(random.uniform()));
}

/** Fills output 0 with draw(). */
template <typename Draw>
void fill(EvalContext& context, DType dtype, const Shape& shape, const Draw& draw) {
  Tensor values = Tensor::allocate(DType::f64, shape);
  for (double& value : values.mutable_data<double>()) value = draw();
  convert_into(values, context.output(0, dtype, shape));
}

void draw_shape(EvalContext& context, DType dtype, const Shape& shape) {
  const Node& node = context.node();
  Random random = generator(node);
  if (node.op.starts_with("RandomNormal")) {
    const double mean = node.float_attribute("mean", 0.0f);
    const double scale = node.float_attribute("scale", 1.0f);
    return fill(context, dtype, shape, [&] { return mean + scale * normal(random); });
  }
  const double low = node.float_attribute("low", 0.0f);
  const double high = node.float_attribute("high", 1.0f);
  fill(context, dtype, shape,
       [&] { return low + (high - low) * static_cast<double>(random.uniform()); });
}

Dims shape_attribute(const Node& node) {
  Dims dims;
  for (int64_t dim : node.ints_attribute("shape")) {
    if (dim < 0) {
      fail(Code::INVALID_GRAPH, node.label(), "Expected dimensions of at least 0 for ",
           node.label(), " but received ", dim);
    }
    dims.emplace_back(dim);
  }
  return dims;
}

void infer_shape(InferContext& context) {
  const Node& node = context.node();
  context.set_output(0, dtype_attribute(node, "dtype", DType::f32), shape_attribute(node));
}

void evaluate_shape(EvalContext& context) {
  const Node& node = context.node();
  draw_shape(context, dtype_attribute(node, "dtype", DType::f32),
             concrete(shape_attribute(node)).value());
}

void infer_like(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, dtype_attribute(context.node(), "dtype", context.dtype(0)),
                     context.dims(0));
}

void evaluate_like(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  draw_shape(context, dtype_attribute(context.node(), "dtype", x.dtype()), x.shape());
}

// y = 1 with probability x, else 0
void evaluate_bernoulli(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor x = convert(context.input(0), DType::f64);
  Random random = generator(node);
  const double* probability = x.data<double>().data();
  fill(context, dtype_attribute(node, "dtype", context.input(0).dtype()), x.shape(),
       [&] { return static_cast<double>(random.uniform()) < *probability++ ? 1.0 : 0.0; });
}

int64_t samples(const Node& node) {
  const int64_t count = node.int_attribute("sample_size", 1);
  if (count >= 1) return count;
  fail(Code::INVALID_GRAPH, node.label(), "Expected a sample_size of at least 1 for ", node.label(),
       " but received ", count);
}

void infer_multinomial(InferContext& context) {
  require_inputs(context.node(), 1);
  const auto& dims = context.dims(0);
  const Dim batch = dims && dims->size() == 2 ? dims->front() : Dim();
  context.set_output(0, dtype_attribute(context.node(), "dtype", DType::i32),
                     Dims{batch, Dim(samples(context.node()))});
}

// y[b, :] = classes drawn with probability proportional to exp(x[b, class])
//   x [batch, classes]   y [batch, samples]
void evaluate_multinomial(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor x = convert(context.input(0), DType::f64);
  const Shape& shape = x.shape();
  if (shape.rank() != 2 || shape[1] < 1) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [batch,classes] for ", node.label(),
         " but received ", to_string(shape));
  }
  Random random = generator(node);
  const int64_t classes = shape[1], count = samples(node);
  Tensor drawn = Tensor::allocate(DType::i64, {shape[0], count});
  std::vector<double> sums(static_cast<size_t>(classes));
  for (int64_t b = 0; b < shape[0]; ++b) {
    const double* row = x.data<double>().data() + b * classes;
    const double peak = *std::max_element(row, row + classes);
    double total = 0;
    for (int64_t c = 0; c < classes; ++c) {
      sums[static_cast<size_t>(c)] = total += std::exp(row[c] - peak);
    }
    for (int64_t i = 0; i < count; ++i) {
      const double at = static_cast<double>(random.uniform()) * total;
      const auto found = std::upper_bound(sums.begin(), sums.end() - 1, at) - sums.begin();
      drawn.mutable_data<int64_t>()[static_cast<size_t>(b * count + i)] = found;
    }
  }
  convert_into(drawn, context.output(0, dtype_attribute(node, "dtype", DType::i32), drawn.shape()));
}

}  // namespace

void register_random(OpTable& table) {
  for (const char* name : {"RandomNormal", "RandomUniform"}) {
    table.add({.name = name,
               .infer = infer_shape,
               .evaluate = evaluate_shape,
               .traits = Trait::nondeterministic});
  }
  for (const char* name : {"RandomNormalLike", "RandomUniformLike"}) {
    table.add({.name = name,
               .infer = infer_like,
               .evaluate = evaluate_like,
               .traits = Trait::nondeterministic});
  }
  table.add({.name = "Bernoulli",
             .infer = infer_like,
             .evaluate = evaluate_bernoulli,
             .traits = Trait::nondeterministic});
  table.add({.name = "Multinomial",
             .infer = infer_multinomial,
             .evaluate = evaluate_multinomial,
             .traits = Trait::nondeterministic});
}

}  // namespace whittle
