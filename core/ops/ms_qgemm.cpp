#include "core/ops/op.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/quant.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** Shape and strides of the product: a is [m, k] or transposed, b is [k, n] or transposed. */
struct Geometry {
  int64_t m = 0, k = 0, n = 0;
  int64_t a_row = 0, a_col = 0;
  int64_t b_row = 0, b_col = 0;
};

Geometry geometry_of(const Node& node, const Shape& a, const Shape& b) {
  if (a.rank() != 2 || b.rank() != 2) {
    fail(Code::SHAPE_MISMATCH, node.name, "Expected matrices for ", node.label(), " but received ",
         to_string(a), " and ", to_string(b));
  }
  const bool trans_a = node.int_attribute("transA", 0) != 0;
  const bool trans_b = node.int_attribute("transB", 0) != 0;
  Geometry g;
  g.m = trans_a ? a[1] : a[0];
  g.k = trans_a ? a[0] : a[1];
  g.n = trans_b ? b[0] : b[1];
  g.a_row = trans_a ? 1 : a[1];
  g.a_col = trans_a ? a[1] : 1;
  g.b_row = trans_b ? 1 : b[1];
  g.b_col = trans_b ? b[1] : 1;
  if ((trans_b ? b[1] : b[0]) != g.k) {
    fail(Code::SHAPE_MISMATCH, node.name, "Expected equal inner sizes for ", node.label(),
         " but received ", to_string(a), " and ", to_string(b));
  }
  return g;
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 6);
  std::optional<Dims> dims;
  if (context.dims(0) && context.dims(3) && context.dims(0)->size() == 2 &&
      context.dims(3)->size() == 2) {
    const size_t row = node.int_attribute("transA", 0) != 0 ? 1 : 0;
    const size_t column = node.int_attribute("transB", 0) != 0 ? 0 : 1;
    dims = Dims{(*context.dims(0))[row], (*context.dims(3))[column]};
  }
  const DType dtype = context.has_input(7) ? context.dtype(0) : DType::f32;
  context.set_output(0, dtype, dims);
}

// y[i, j] = saturate(round_half_even(sum * (alpha * a_scale * b_scale[j] / y_scale)) +
// y_zero_point); without y_scale y[i, j] = sum * (alpha * a_scale * b_scale[j]) in f32. sum is
// sum_k (a[i, k] - a_zero_point) (b[k, j] - b_zero_point[j]) + c[i, j] in int32, c broadcast.
//   inputs: a, a_scale, a_zero_point, b, b_scale, b_zero_point, c, y_scale, y_zero_point
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(3);
  const Geometry g = geometry_of(node, a.shape(), b.shape());
  const float alpha = node.float_attribute("alpha", 1.0f) * scalar_scale(context, 1);
  const int32_t a_zero = scalar_zero_point(context, 2);
  const std::vector<float> b_scale = channel_scales(context, 4, g.n);
  const std::vector<int32_t> b_zero = channel_zero_points(context, 5, g.n);
  const std::vector<int32_t> av = load_quantized(a, node);
  const std::vector<int32_t> bv = load_quantized(b, node);
  const Shape shape{g.m, g.n};
  std::vector<int32_t> c;
  Shape c_strides{0, 0};
  if (context.has_input(6)) {
    c = load_quantized(context.input(6), node);
    c_strides = broadcast_strides(context.input(6).shape(), shape);
  }
  const bool quantized = context.has_input(7);
  const float y_scale = quantized ? scalar_scale(context, 7) : 1.0f;
  const int32_t y_zero = quantized ? scalar_zero_point(context, 8) : 0;
  const QRange range = quantized ? quantized_range(a.dtype(), node) : QRange{};
  Tensor& y = context.output(0, quantized ? a.dtype() : DType::f32, shape);
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) {
      const auto column = static_cast<size_t>(j);
      uint32_t sum = 0;
      for (int64_t k = 0; k < g.k; ++k) {
        const int32_t x = av[static_cast<size_t>(i * g.a_row + k * g.a_col)] - a_zero;
        const int32_t w = bv[static_cast<size_t>(k * g.b_row + j * g.b_col)] - b_zero[column];
        sum += static_cast<uint32_t>(x * w);
      }
      if (!c.empty()) {
        sum += static_cast<uint32_t>(c[static_cast<size_t>(i * c_strides[0] + j * c_strides[1])]);
      }
      const float value = static_cast<float>(static_cast<int32_t>(sum));
      const float scale = alpha * b_scale[column];
      if (quantized) {
        store_quantized(y, i * g.n + j, saturate(value * (scale / y_scale), y_zero, range));
      } else {
        y.mutable_data<float>()[static_cast<size_t>(i * g.n + j)] = value * scale;
      }
    }
  }
}

Cost cost(const NodeFacts& facts) {
  const auto a = concrete(facts.inputs[0].dims.value_or(Dims{}));
  const auto b = concrete(facts.inputs[3].dims.value_or(Dims{}));
  if (!a || !b || a->rank() != 2 || b->rank() != 2) return {};
  const Geometry g = geometry_of(facts.node, *a, *b);
  return {g.m * g.k * g.n};
}

}  // namespace

void register_ms_qgemm(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "QGemm",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cost});
}

}  // namespace whittle
