// com.microsoft GroupQueryAttention: causal attention of decoders with a cache of keys and values,
// fewer of them than heads, and rotary positions.
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/ms_heads.h"
#include "core/ops/support/rotary.h"

namespace whittle {
namespace {

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLengths,
  kTotal,
  kCosines,
  kSines,
  kPositions,
  kScoreBias,
  kSink
};

/** Size of a head of q, whose input may hold keys and values too. */
int64_t head_size(const Node& node, int64_t width, bool packed) {
  int64_t heads = require_heads(node, "num_heads");
  if (packed) heads += 2 * require_heads(node, "kv_num_heads");
  if (width < heads || width % heads != 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a width of ", heads, " heads for ",
         node.label(), " but received ", width);
  }
  return width / heads;
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, context.dtype(kQuery));
  const auto& q = context.dims(kQuery);
  if (!q || q->size() != 3 || !(*q)[2].known()) return;
  const int64_t size = head_size(node, (*q)[2].value, !context.has_input(kKey));
  context.set_output(0, context.dtype(kQuery),
                     Dims{(*q)[0], (*q)[1], size * require_heads(node, "num_heads")});
  Dim keys;
  const auto total = context.integers(kTotal);
  if (total && total->size() == 1) {
    keys = total->front();
    if (context.has_input(kPastKey)) {
      const auto& past = context.dims(kPastKey);
      const bool known = past && past->size() == 4 && (*past)[2].known();
      keys = known ? Dim(std::max(keys.value, (*past)[2].value)) : Dim();
    }
  }
  const Dims present{(*q)[0], require_heads(node, "kv_num_heads"), keys, size};
  context.set_output(1, context.dtype(kQuery), present);
  context.set_output(2, context.dtype(kQuery), present);
}

/** What refers to the tokens of this run. */
struct Tokens {
  int64_t batch = 0, rows = 0, total = 0;
  std::vector<int64_t> starts;     // of each image: where its first token goes in the cache
  std::vector<int64_t> positions;  // [batch, rows], for the rotation
};

Tokens read_tokens(EvalContext& context, const Shape& query) {
  const Node& node = context.node();
  Tokens tokens;
  tokens.batch = query[0];
  tokens.rows = query[1];
  tokens.total = require_integer(node, context.input(kTotal));
  require_elements(context, context.input(kLengths), tokens.batch, "lengths");
  for (int64_t last : to_int64s(context.input(kLengths), node.label())) {
    // A first prompt may be filled up behind its end; later tokens follow what is there.
    const int64_t start = tokens.rows == tokens.total ? 0 : last + 1 - tokens.rows;
    if (start < 0 || start + tokens.rows > tokens.total) {
      fail(Code::INVALID_DATA, node.label(), "Expected ", tokens.rows, " tokens within ",
           tokens.total, " for ", node.label(), " but received them at ", start);
    }
    tokens.starts.push_back(start);
    for (int64_t r = 0; r < tokens.rows; ++r) tokens.positions.push_back(start + r);
  }
  if (context.has_input(kPositions)) {
    require_elements(context, context.input(kPositions), tokens.batch * tokens.rows, "positions");
    tokens.positions = to_int64s(context.input(kPositions), node.label());
  }
  return tokens;
}

/** Keys or values of the past with those of this run written into their places. */
Tensor update_cache(EvalContext& context, size_t input, const Tensor& fresh, const Tokens& tokens) {
  const Node& node = context.node();
  Shape shape = fresh.shape();  // [batch, heads, rows, size]
  shape[2] = tokens.total;
  Tensor past;
  if (context.has_input(input)) {
    past = float_input(context, input);
    Shape expected = shape;
    if (past.shape().rank() == 4) expected[2] = past.shape()[2];
    if (!(past.shape() == expected)) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a past of ", to_string(expected), " for ",
           node.label(), " but received ", to_string(past.shape()));
    }
    shape[2] = std::max(shape[2], past.shape()[2]);
  }
  const int64_t size = shape[3];
  Tensor cache = Tensor::zeros(DType::f32, shape);
  float* out = cache.mutable_data<float>().data();
  for (int64_t i = 0; i < shape[0] * shape[1]; ++i, out += shape[2] * size) {
    const int64_t start = tokens.starts[static_cast<size_t>(i / shape[1])];
    if (past.defined()) {
      // A buffer of the past may be longer than what it holds.
      const int64_t rows = past.shape()[2];
      std::copy_n(past.data<float>().data() + i * rows * size, std::min(rows, start) * size, out);
    }
    std::copy_n(fresh.data<float>().data() + i * tokens.rows * size, tokens.rows * size,
                out + start * size);
  }
  return cache;
}

void rotate(Tensor& heads, const RotaryTable& table, const Tokens& tokens, const Node& node) {
  const Shape& shape = heads.shape();
  std::vector<float> turned(static_cast<size_t>(shape[3]));
  float* row = heads.mutable_data<float>().data();
  for (int64_t i = 0; i < shape.elements(0, 3); ++i, row += shape[3]) {
    const int64_t token = i / (shape[1] * shape[2]) * shape[2] + i % shape[2];
    table.rotate(row, turned.data(), shape[3], tokens.positions[static_cast<size_t>(token)], node);
    std::copy(turned.begin(), turned.end(), row);
  }
}

// y = softmax(softcap(q k^T scale) + bias) v over the keys up to each query (attend.h)
//   query [batch, rows, heads * size], key and value [batch, rows, kv_heads * size], or all in one
//   query [batch, rows, (heads + 2 kv_heads) * size]   lengths [batch]: index of the last token
//   past, present [batch, kv_heads, keys, size]   y [batch, rows, heads * size]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  refuse_input(context, kSink, "head sink");
  if (node.int_attribute("smooth_softmax", 0) == 1 || context.wants_output(3)) {
    fail(Code::UNSUPPORTED, node.label(), "Expected no smooth softmax and no output of scores for ",
         node.label(), " but received one");
  }
  const Tensor query = float_input(context, kQuery);
  if (query.shape().rank() != 3) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [batch,rows,width] for ", node.label(),
         " but received ", to_string(query.shape()));
  }
  const bool packed = !context.has_input(kKey);
  Attention task;
  task.heads = require_heads(node, "num_heads");
  task.kv_heads = require_heads(node, "kv_num_heads");
  const int64_t width = query.shape()[2];
  const int64_t size = head_size(node, width, packed);
  const Tokens tokens = read_tokens(context, query.shape());
  task.batch = tokens.batch;
  task.queries = tokens.rows;
  task.size = task.value_size = size;
  if (task.heads % task.kv_heads != 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a multiple of ", task.kv_heads,
         " heads for ", node.label(), " but received ", task.heads);
  }
  const auto gather = [&](size_t input, int64_t heads, int64_t first) {
    const Tensor x = packed ? query : float_input(context, input);
    const int64_t row = packed ? width : heads * size;
    require_elements(context, x, tokens.batch * tokens.rows * row, "queries, keys or values");
    const HeadRows<const float> from{x.data<float>().data() + (packed ? first * size : 0),
                                     tokens.rows * row, size, row};
    return gather_heads(from, nullptr, tokens.batch, heads, tokens.rows, size);
  };
  Tensor queries = gather(kQuery, task.heads, 0);
  Tensor fresh = gather(kKey, task.kv_heads, task.heads);
  if (node.int_attribute("do_rotary", 0) != 0) {
    const RotaryTable table = RotaryTable::read(context, kCosines, kSines,
                                                node.int_attribute("rotary_interleaved", 0) != 0);
    rotate(queries, table, tokens, node);
    rotate(fresh, table, tokens, node);
  }
  const Tensor keys = update_cache(context, kPastKey, fresh, tokens);
  const Tensor values = update_cache(
      context, kPastValue, gather(kValue, task.kv_heads, task.heads + task.kv_heads), tokens);
  task.keys = tokens.total;
  task.q = heads_outside(queries.data<float>().data(), task.heads, task.queries, size);
  task.k = heads_outside(keys.data<float>().data(), task.kv_heads, keys.shape()[2], size);
  task.v = heads_outside(values.data<float>().data(), task.kv_heads, values.shape()[2], size);
  task.scale = node.float_attribute("scale", 0.0f);
  if (task.scale == 0) task.scale = 1 / std::sqrt(static_cast<float>(size));
  task.softcap = node.float_attribute("softcap", 0.0f);
  task.offsets = tokens.starts;
  task.right = 0;
  const int64_t window = node.int_attribute("local_window_size", -1);
  if (window > 0) task.left = window - 1;
  if (context.has_input(kScoreBias)) {
    task.biases.push_back(score_bias(node, context.input(kScoreBias),
                                     {task.batch, task.heads, task.queries, task.keys}));
  }
  const DType dtype = context.input(kQuery).dtype();
  fill_widened(context, 0, dtype, {task.batch, task.queries, task.heads * size}, [&](Tensor& y) {
    task.y = heads_inside(y.mutable_data<float>().data(), task.heads, task.queries, size);
    task.run(context.kernels(), context.pool());
  });
  if (context.wants_output(1)) convert_into(keys, context.output(1, dtype, keys.shape()));
  if (context.wants_output(2)) convert_into(values, context.output(2, dtype, values.shape()));
}

}  // namespace

void register_ms_group_query_attention(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "GroupQueryAttention",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cached_attention_cost});
}

}  // namespace whittle
