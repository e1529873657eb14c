// Attention of ai.onnx (opset 23 to 25), with grouped heads, masks, windows and a cache of keys and
// values.
#include <algorithm>
#include <cmath>

#include "core/ops/support/attend.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

enum Input : size_t { kQ, kK, kV, kMask, kPastKey, kPastValue, kLengths };

int64_t heads_attribute(const Node& node, std::string_view name, int rank) {
  const int64_t heads = node.int_attribute(name, 0);
  if (rank == 3 && heads < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected attribute '", name, "' for ", node.label(),
         " but received ", heads);
  }
  return heads;
}

Dim sum(const Dim& a, const Dim& b) {
  return a.known() && b.known() ? Dim(a.value + b.value) : Dim();
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const DType dtype = context.dtype(kQ);
  for (size_t i = 0; i < 4; ++i) context.set_output(i, i == 2 ? context.dtype(kV) : dtype);
  const auto &q = context.dims(kQ), &k = context.dims(kK), &v = context.dims(kV);
  if (!q || !k || !v) return;
  const int rank = rank_of(*q);
  if ((rank != 3 && rank != 4) || rank_of(*k) != rank || rank_of(*v) != rank) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected q, k and v of 3 or 4 axes for ",
         node.label(), " but received ", to_string(*q), ", ", to_string(*k), " and ",
         to_string(*v));
  }
  const int64_t kv_heads = heads_attribute(node, "kv_num_heads", rank);
  const HeadDims query = head_dims(*q, heads_attribute(node, "q_num_heads", rank));
  const HeadDims key = head_dims(*k, kv_heads);
  const HeadDims value = head_dims(*v, kv_heads);
  Dim width;
  if (query.heads.known() && value.size.known()) width = query.heads.value * value.size.value;
  context.set_output(0, dtype,
                     rank == 4 ? Dims{query.batch, query.heads, query.rows, value.size}
                               : Dims{query.batch, query.rows, width});
  Dim past(0);
  if (context.has_input(kPastKey)) {
    const auto& dims = context.dims(kPastKey);
    past = dims && dims->size() == 4 ? (*dims)[2] : Dim();
  }
  const Dim keys = sum(past, key.rows);
  context.set_output(1, context.dtype(kK), Dims{key.batch, key.heads, keys, key.size});
  context.set_output(2, context.dtype(kV), Dims{value.batch, value.heads, keys, value.size});
  context.set_output(3, dtype, Dims{query.batch, query.heads, query.rows, keys});
}

/** Keys or values: those of the past, then the new ones, as [batch, heads, rows, size]. */
struct Cache {
  Tensor values;
  int64_t past = 0;
};

Cache join(EvalContext& context, size_t input, size_t past_input, size_t output, int64_t heads) {
  const Node& node = context.node();
  const Tensor fresh = float_input(context, input);
  const bool inside = fresh.shape().rank() == 3;
  Shape shape = fresh.shape();
  View from = view_of(shape);
  if (inside) {
    const int64_t size = shape[2] / heads;
    if (size * heads != shape[2]) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a width of ", heads, " heads for ",
           node.label(), " but received ", to_string(shape));
    }
    shape = Shape{shape[0], heads, shape[1], size};
    from.strides = Shape{shape[2] * shape[1] * size, size, shape[1] * size, 1};
  }
  const Shape fresh_shape = shape;
  Cache cache;
  Tensor past;
  if (context.has_input(past_input)) {
    past = float_input(context, past_input);
    Shape expected = shape;
    if (past.shape().rank() == 4) expected[2] = past.shape()[2];
    if (!(past.shape() == expected)) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a past of ", to_string(expected), " for ",
           node.label(), " but received ", to_string(past.shape()));
    }
    cache.past = past.shape()[2];
    shape[2] += cache.past;
  }
  cache.values = Tensor::allocate(DType::f32, shape);
  View to = view_of(shape);
  if (past.defined()) copy_view(cache.values, to, past, view_of(past.shape()), past.shape());
  to.offset = cache.past * shape[3];
  copy_view(cache.values, to, fresh, from, fresh_shape);
  if (context.wants_output(output)) {
    convert_into(cache.values, context.output(output, context.input(input).dtype(), shape));
  }
  return cache;
}

/** What the fourth output shows. Before ONNX corrected the order, 1 meant the biased scores; where
 * nothing is capped the corrected meaning is that of 0, which nobody needs 1 for. */
Attention::Stage stage_of(const Node& node, bool capped) {
  using Stage = Attention::Stage;
  switch (node.int_attribute("qk_matmul_output_mode", 0)) {
    case 0:
      return Stage::raw;
    case 1:
      return capped ? Stage::capped : Stage::biased;
    case 2:
      return Stage::biased;
    case 3:
      return Stage::probabilities;
    default:
      fail(Code::INVALID_GRAPH, node.label(),
           "Expected 0 to 3 for attribute 'qk_matmul_output_mode' of ", node.label(),
           " but received ", node.int_attribute("qk_matmul_output_mode", 0));
  }
}

// y = softmax(softcap(q k^T scale) + mask) v for each head (attend.h)
//   q, k, v [batch, heads, rows, size] or [batch, rows, heads * size], y like q
//   past and present [batch, heads, rows, size]   lengths [batch]: keys that are no padding
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Tensor q = float_input(context, kQ);
  const int rank = q.shape().rank();
  if ((rank != 3 && rank != 4) || context.input(kK).shape().rank() != rank ||
      context.input(kV).shape().rank() != rank) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected q, k and v of 3 or 4 axes for ",
         node.label(), " but received ", to_string(q.shape()), ", ",
         to_string(context.input(kK).shape()), " and ", to_string(context.input(kV).shape()));
  }
  Attention task;
  task.batch = q.shape()[0];
  task.queries = q.shape()[rank - 2];
  task.heads = rank == 4 ? q.shape()[1] : heads_attribute(node, "q_num_heads", rank);
  const int64_t stated = heads_attribute(node, "kv_num_heads", rank);
  const Cache keys = join(context, kK, kPastKey, 1, stated);
  const Cache values = join(context, kV, kPastValue, 2, stated);
  const Shape& k = keys.values.shape();
  const Shape& v = values.values.shape();
  task.kv_heads = k[1];
  task.keys = k[2];
  task.size = k[3];
  task.value_size = v[3];
  if (k[0] != task.batch || v[0] != task.batch || v[1] != k[1] || v[2] != k[2] || k[1] < 1 ||
      task.heads % k[1] != 0 ||
      (rank == 4 ? q.shape()[3] : q.shape()[2]) !=
          (rank == 4 ? task.size : task.size * task.heads)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected q, k and v that fit together for ",
         node.label(), " but received ", to_string(q.shape()), ", ", to_string(k), " and ",
         to_string(v));
  }
  const float* q_data = q.data<float>().data();
  task.q = rank == 4 ? heads_outside(q_data, task.heads, task.queries, task.size)
                     : heads_inside(q_data, task.heads, task.queries, task.size);
  task.k = heads_outside(keys.values.data<float>().data(), task.kv_heads, task.keys, task.size);
  task.v =
      heads_outside(values.values.data<float>().data(), task.kv_heads, task.keys, task.value_size);
  task.scale = node.float_attribute("scale", 1 / std::sqrt(static_cast<float>(task.size)));
  task.softcap = node.float_attribute("softcap", 0.0f);
  const Shape scores{task.batch, task.heads, task.queries, task.keys};
  if (context.has_input(kMask)) {
    task.biases.push_back(score_bias(node, context.input(kMask), scores));
  }
  task.offsets.assign(static_cast<size_t>(task.batch), keys.past);
  if (context.has_input(kLengths)) {
    require_elements(context, context.input(kLengths), task.batch, "lengths");
    task.limits = to_int64s(context.input(kLengths), node.label());
    for (size_t b = 0; b < task.limits.size() && keys.past == 0; ++b) {
      task.offsets[b] = task.limits[b] - task.queries;
    }
  }
  task.left = node.int_attribute("left_window_size", -1);
  task.right = node.int_attribute("right_window_size", -1);
  if (node.int_attribute("is_causal", 0) != 0) task.right = 0;
  Tensor captured;
  if (context.wants_output(3)) {
    captured = Tensor::allocate(DType::f32, scores);
    task.scores = captured.mutable_data<float>().data();
    task.stage = stage_of(node, task.softcap > 0);
  }
  Shape shape = q.shape();
  shape[rank - 1] = rank == 4 ? task.value_size : task.value_size * task.heads;
  fill_widened(context, 0, context.input(kQ).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    task.y = rank == 4 ? heads_outside(out, task.heads, task.queries, task.value_size)
                       : heads_inside(out, task.heads, task.queries, task.value_size);
    task.run(context.kernels(), context.pool());
  });
  if (captured.defined()) {
    convert_into(captured, context.output(3, context.input(kQ).dtype(), scores));
  }
}

Cost cost(const NodeFacts& facts) {
  if (facts.inputs.size() < 3 || facts.outputs.size() < 1) return {};
  const auto &q = facts.inputs[kQ].dims, &k = facts.inputs[kK].dims, &y = facts.outputs[0].dims;
  if (!q || !k || !y || !concrete(*q) || !concrete(*k) || !concrete(*y)) return {};
  int64_t keys = concrete(*k)->dims()[k->size() - 2];
  if (facts.inputs.size() > kPastKey && facts.inputs[kPastKey].dims) {
    const auto past = concrete(*facts.inputs[kPastKey].dims);
    if (past && past->rank() == 4) keys += (*past)[2];
  }
  return {checked_mul(keys, checked_add(concrete(*q)->elements(), concrete(*y)->elements(), "MACs"),
                      "MACs")};
}

}  // namespace

void register_attention(OpTable& table) {
  table.add({.name = "Attention", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
