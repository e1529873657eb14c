// com.microsoft MultiHeadAttention: attention over projected queries, keys and values.
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/ms_heads.h"

namespace whittle {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kBias, kPadding, kScoreBias, kPastKey, kPastValue };

[[noreturn]] void fail_shape(const Node& node, const std::string& shape) {
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected heads that fit together for ", node.label(),
       " but received ", shape);
}

/** Where one of q, k and v lies. */
struct Source {
  Tensor values;
  HeadRows<const float> heads;
  int64_t rows = 0;
  int64_t size = 0;
  bool projected = true;  // the bias is still to be added
};

/** Part `part` of `parts` that lie interleaved, [batch, rows, heads, parts, size]. */
Source packed_source(const Node& node, const Tensor& x, int64_t heads, int64_t part,
                     int64_t parts) {
  const Shape& shape = x.shape();
  if (shape.rank() != 5 || shape[2] != heads || shape[3] != parts)
    fail_shape(node, to_string(shape));
  Source made;
  made.values = x;
  made.rows = shape[1];
  made.size = shape[4];
  const int64_t step = parts * made.size;
  made.heads = {x.data<float>().data() + part * made.size, made.rows * heads * step, step,
                heads * step};
  return made;
}

/** [batch, rows, heads * size], or [batch, heads, rows, size] of another attention's keys. */
Source plain_source(const Node& node, const Tensor& x, int64_t heads) {
  const Shape& shape = x.shape();
  Source made;
  made.values = x;
  const float* data = x.data<float>().data();
  if (shape.rank() == 4 && shape[1] == heads) {
    made.rows = shape[2];
    made.size = shape[3];
    made.projected = false;
    made.heads = heads_outside(data, heads, made.rows, made.size);
  } else if (shape.rank() == 3 && shape[2] % heads == 0) {
    made.rows = shape[1];
    made.size = shape[2] / heads;
    made.heads = heads_inside(data, heads, made.rows, made.size);
  } else {
    fail_shape(node, to_string(shape));
  }
  return made;
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const int64_t heads = require_heads(node, "num_heads");
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, context.dtype(kQuery));
  const auto& q = context.dims(kQuery);
  const auto& k = context.has_input(kKey) ? context.dims(kKey) : q;
  const auto& v = context.has_input(kValue) ? context.dims(kValue) : k;
  if (!q || !k || !v || q->size() < 3) return;
  const auto size_of = [&](const Dims& dims) {
    if (dims.size() != 3) return dims.back();
    return dims[2].known() ? Dim(dims[2].value / heads) : Dim();
  };
  const Dim size = size_of(*v);
  const Dim rows = k->size() == 4 ? (*k)[2] : (*k)[1];
  const Dim width = size.known() ? Dim(size.value * heads) : Dim();
  context.set_output(0, context.dtype(kQuery), Dims{(*q)[0], (*q)[1], width});
  Dim keys = rows;
  if (context.has_input(kPastKey)) {
    const auto& past = context.dims(kPastKey);
    const bool known = past && past->size() == 4 && (*past)[2].known() && rows.known();
    keys = known ? Dim((*past)[2].value + rows.value) : Dim();
  }
  context.set_output(1, context.dtype(kQuery), Dims{(*q)[0], heads, keys, size_of(*k)});
  context.set_output(2, context.dtype(kQuery), Dims{(*q)[0], heads, keys, size});
}

// y = softmax(q k^T scale + masks) v for each head (attend.h)
//   query [batch, rows, heads * size], or with key and value [batch, rows, heads, 3, size]
//   key, value [batch, keys, heads * size], together [batch, keys, heads, 2, size], or
//   [batch, heads, keys, size]   bias [width of q + of k + of v]   y [batch, rows, heads * size]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  for (size_t i = 8; i < 10; ++i) refuse_input(context, i, "shared cache");
  if (context.wants_output(3)) {
    fail(Code::UNSUPPORTED, node.label(), "Expected no output of scores for ", node.label(),
         " but received one");
  }
  Attention task;
  task.heads = task.kv_heads = require_heads(node, "num_heads");
  const Tensor query = float_input(context, kQuery);
  Source q, k, v;
  if (context.has_input(kKey)) {
    q = plain_source(node, query, task.heads);
    const Tensor key = float_input(context, kKey);
    const bool together = !context.has_input(kValue);
    k = together ? packed_source(node, key, task.heads, 0, 2) : plain_source(node, key, task.heads);
    v = together ? packed_source(node, key, task.heads, 1, 2)
                 : plain_source(node, float_input(context, kValue), task.heads);
  } else {
    q = packed_source(node, query, task.heads, 0, 3);
    k = packed_source(node, query, task.heads, 1, 3);
    v = packed_source(node, query, task.heads, 2, 3);
  }
  task.batch = query.shape()[0];
  task.queries = q.rows;
  task.size = q.size;
  task.value_size = v.size;
  if (k.size != q.size || k.rows != v.rows || k.values.shape()[0] != task.batch ||
      v.values.shape()[0] != task.batch) {
    fail_shape(node, to_string(k.values.shape()) + " and " + to_string(v.values.shape()));
  }
  const std::vector<float> bias = float_values(context, kBias);
  const int64_t width = task.heads * task.size;
  if (!bias.empty()) {
    require_elements(context, context.input(kBias), 2 * width + task.heads * v.size, "a bias");
  }
  const auto gather = [&](const Source& from, int64_t first, size_t past) {
    Tensor before;
    if (context.has_input(past) && past != kQuery) {
      before = float_input(context, past);
      const Shape expected{task.batch, task.heads,
                           before.shape().rank() == 4 ? before.shape()[2] : 0, from.size};
      if (!(before.shape() == expected)) fail_shape(node, to_string(before.shape()));
    }
    return gather_heads(from.heads, from.projected && !bias.empty() ? bias.data() + first : nullptr,
                        task.batch, task.heads, from.rows, from.size, before);
  };
  const Tensor queries = gather(q, 0, kQuery);
  const Tensor keys = gather(k, width, kPastKey);
  const Tensor values = gather(v, 2 * width, kPastValue);
  task.keys = keys.shape()[2];
  if (values.shape()[2] != task.keys) fail_shape(node, to_string(values.shape()));
  task.q = heads_outside(queries.data<float>().data(), task.heads, task.queries, task.size);
  task.k = heads_outside(keys.data<float>().data(), task.heads, task.keys, task.size);
  task.v = heads_outside(values.data<float>().data(), task.heads, task.keys, task.value_size);
  task.scale = node.float_attribute("scale", 0.0f);
  if (task.scale == 0) task.scale = 1 / std::sqrt(static_cast<float>(task.size));
  if (context.has_input(kPadding)) {
    task.biases.push_back(padding_bias(node, context.input(kPadding), task,
                                       node.float_attribute("mask_filter_value", -10000.0f)));
  }
  if (context.has_input(kScoreBias)) {
    task.biases.push_back(score_bias(node, context.input(kScoreBias),
                                     {task.batch, task.heads, task.queries, task.keys}));
  }
  if (node.int_attribute("unidirectional", 0) != 0) task.right = 0;
  task.offsets.assign(static_cast<size_t>(task.batch), task.keys - k.rows);
  const DType dtype = context.input(kQuery).dtype();
  const Shape shape{task.batch, task.queries, task.heads * task.value_size};
  fill_widened(context, 0, dtype, shape, [&](Tensor& y) {
    task.y =
        heads_inside(y.mutable_data<float>().data(), task.heads, task.queries, task.value_size);
    task.run(context.kernels(), context.pool());
  });
  if (context.wants_output(1)) convert_into(keys, context.output(1, dtype, keys.shape()));
  if (context.wants_output(2)) convert_into(values, context.output(2, dtype, values.shape()));
}

}  // namespace

void register_ms_multi_head_attention(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "MultiHeadAttention",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cached_attention_cost});
}

}  // namespace whittle
