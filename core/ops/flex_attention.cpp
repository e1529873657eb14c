// FlexAttention of ai.onnx.preview: attention with subgraphs that change scores and probabilities.
#include <algorithm>
#include <cmath>

#include "core/ops/support/control_flow.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 3);
  const auto &q = context.dims(0), &v = context.dims(2);
  if (!q || !v || q->size() != 4 || v->size() != 4) {
    return context.set_output(0, context.dtype(0), unknown_dims(4));
  }
  context.set_output(0, context.dtype(0), Dims{(*q)[0], (*q)[1], (*q)[2], (*v)[3]});
}

/** `values` as the subgraph of that name, where there is one, changes them. */
Tensor modified(EvalContext& context, const char* attribute, Tensor values) {
  const Node& node = context.node();
  const auto body = node.graph_attribute(attribute);
  if (body == nullptr) return values;
  require_body_outputs(node, *body, 1);
  Tensor changed = context.run_subgraph(*body, {values})[0];
  if (changed.dtype() != values.dtype() || changed.shape() != values.shape()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", dtype_name(values.dtype()),
         to_string(values.shape()), " from ", attribute, " of ", node.label(), " but received ",
         dtype_name(changed.dtype()), to_string(changed.shape()));
  }
  return changed;
}

template <typename T>
struct Sizes {
  int64_t batch, heads, kv_heads, queries, keys, size, value_size;

  /** The matrix of keys or values that query matrix `i` of batch * heads goes with. */
  const T* shared(const Tensor& x, int64_t i) const {
    const int64_t head = i % heads / (heads / kv_heads);
    const int64_t matrix = x.shape()[2] * x.shape()[3];
    return x.data<T>().data() + (i / heads * kv_heads + head) * matrix;
  }
};

/** s[i, j] = q_i k_j scale for each head. */
template <typename T>
void score(const Sizes<T>& sizes, const Tensor& q, const Tensor& k, T scale, int64_t i, T* s) {
  const T* a = q.data<T>().data() + i * sizes.queries * sizes.size;
  const T* b = sizes.shared(k, i);
  for (int64_t row = 0; row < sizes.queries; ++row) {
    for (int64_t key = 0; key < sizes.keys; ++key) {
      T sum = 0;
      for (int64_t e = 0; e < sizes.size; ++e) {
        sum += a[row * sizes.size + e] * b[key * sizes.size + e];
      }
      s[row * sizes.keys + key] = sum * scale;
    }
  }
}

template <typename T>
void softmax_row(T* row, int64_t count) {
  const T peak = *std::max_element(row, row + count);
  T total = 0;
  for (int64_t i = 0; i < count; ++i) total += row[i] = std::exp(row[i] - peak);
  for (int64_t i = 0; i < count; ++i) row[i] /= total;
}

template <typename T>
void weigh(const Sizes<T>& sizes, const Tensor& p, const Tensor& v, int64_t i, T* y) {
  const T* weights = p.data<T>().data() + i * sizes.queries * sizes.keys;
  const T* values = sizes.shared(v, i);
  std::fill_n(y, sizes.queries * sizes.value_size, T{0});
  for (int64_t row = 0; row < sizes.queries; ++row) {
    for (int64_t key = 0; key < sizes.keys; ++key) {
      const T weight = weights[row * sizes.keys + key];
      for (int64_t e = 0; e < sizes.value_size; ++e) {
        y[row * sizes.value_size + e] += weight * values[key * sizes.value_size + e];
      }
    }
  }
}

template <typename T>
void evaluate_as(EvalContext& context, const Sizes<T>& sizes) {
  const Node& node = context.node();
  const Tensor q = convert(context.input(0), dtype_of<T>);
  const Tensor k = convert(context.input(1), dtype_of<T>);
  const Tensor v = convert(context.input(2), dtype_of<T>);
  const T scale = node.has("scale") ? static_cast<T>(node.float_attribute("scale", 1.0f))
                                    : 1 / std::sqrt(static_cast<T>(sizes.size));
  const int64_t matrices = sizes.batch * sizes.heads;
  Tensor scores =
      Tensor::allocate(dtype_of<T>, {sizes.batch, sizes.heads, sizes.queries, sizes.keys});
  T* s = scores.mutable_data<T>().data();
  context.pool().run(matrices, [&](int64_t i, int) {
    score(sizes, q, k, scale, i, s + i * sizes.queries * sizes.keys);
  });
  Tensor probabilities = modified(context, "score_mod", std::move(scores)).clone();
  T* p = probabilities.mutable_data<T>().data();
  context.pool().run(matrices * sizes.queries,
                     [&](int64_t row, int) { softmax_row(p + row * sizes.keys, sizes.keys); });
  probabilities = modified(context, "prob_mod", std::move(probabilities));
  Tensor y =
      Tensor::allocate(dtype_of<T>, {sizes.batch, sizes.heads, sizes.queries, sizes.value_size});
  T* out = y.mutable_data<T>().data();
  context.pool().run(matrices, [&](int64_t i, int) {
    weigh(sizes, probabilities, v, i, out + i * sizes.queries * sizes.value_size);
  });
  convert_into(y, context.output(0, context.input(0).dtype(), y.shape()));
}

// y = prob_mod(softmax(score_mod(q k^T scale))) v for each head, in double for double
//   q, k, v, y [batch, heads, rows, size]; heads of q share those of k and v in groups
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Shape &q = context.input(0).shape(), &k = context.input(1).shape(),
              &v = context.input(2).shape();
  const bool fits = q.rank() == 4 && k.rank() == 4 && v.rank() == 4 && k[0] == q[0] &&
                    v[0] == q[0] && k[1] >= 1 && v[1] == k[1] && q[1] % k[1] == 0 && k[2] >= 1 &&
                    v[2] == k[2] && k[3] == q[3];
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected q, k and v that fit together for ",
         node.label(), " but received ", to_string(q), ", ", to_string(k), " and ", to_string(v));
  }
  const bool in_double = context.input(0).dtype() == DType::f64 ||
                         dtype_attribute(node, "softmax_precision", DType::undefined) == DType::f64;
  if (in_double) {
    evaluate_as<double>(context, {q[0], q[1], k[1], q[2], k[2], q[3], v[3]});
  } else {
    evaluate_as<float>(context, {q[0], q[1], k[1], q[2], k[2], q[3], v[3]});
  }
}

}  // namespace

void register_flex_attention(OpTable& table) {
  table.add({.domain = "ai.onnx.preview",
             .name = "FlexAttention",
             .infer = infer,
             .evaluate = evaluate,
             .traits = Trait::control_flow});
}

}  // namespace whittle
