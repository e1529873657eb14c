// com.microsoft Attention: projects its input to queries, keys and values, then attends.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/ms_heads.h"
#include "core/ops/support/packed_product.h"

namespace whittle {
namespace {

enum Input : size_t { kX, kWeights, kBias, kMask, kPast, kScoreBias, kPastLength };

/** Widths of q, k and v: attribute qkv_hidden_sizes, or thirds of the weights' columns. */
std::vector<int64_t> widths_of(const Node& node, int64_t columns) {
  const std::vector<int64_t> thirds(3, columns / 3);
  const std::vector<int64_t> widths = node.ints_attribute("qkv_hidden_sizes", thirds);
  const int64_t heads = require_heads(node, "num_heads");
  bool fits = widths.size() == 3 && widths[0] == widths[1] &&
              std::accumulate(widths.begin(), widths.end(), int64_t{0}) == columns;
  for (int64_t width : widths) fits = fits && width > 0 && width % heads == 0;
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", columns, " columns to be those of ",
         heads, " heads of q, k and v for ", node.label(), " but received other widths");
  }
  return widths;
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  context.set_output(0, context.dtype(kX));
  context.set_output(1, context.dtype(kX));
  const auto &x = context.dims(kX), &w = context.dims(kWeights);
  if (!x || x->size() != 3 || !w || w->size() != 2 || !(*w)[1].known()) return;
  const std::vector<int64_t> widths = widths_of(node, (*w)[1].value);
  context.set_output(0, context.dtype(kX), Dims{(*x)[0], (*x)[1], widths[2]});
  const int64_t heads = require_heads(node, "num_heads");
  Dim keys = (*x)[1];
  if (context.has_input(kPast)) {
    const auto& past = context.dims(kPast);
    const bool known = past && past->size() == 5 && (*past)[3].known() && keys.known();
    keys = known ? Dim((*past)[3].value + keys.value) : Dim();
  }
  context.set_output(1, context.dtype(kX), Dims{2, (*x)[0], heads, keys, widths[0] / heads});
}

// [q | k | v] = x w + bias; y = softmax(q k^T scale + masks) v for each head (attend.h)
//   x [batch, rows, inputs]   w [inputs, columns]   bias [columns]
//   past, present [2 (k and v), batch, heads, keys, size]   y [batch, rows, width of v]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  refuse_input(context, kPastLength, "shared cache");
  if (node.int_attribute("do_rotary", 0) != 0) {
    fail(Code::UNSUPPORTED, node.label(), "Expected no do_rotary for ", node.label(),
         " but received it");
  }
  const Tensor x = float_input(context, kX);
  const Tensor w = float_input(context, kWeights);
  if (x.shape().rank() != 3 || w.shape().rank() != 2 || w.shape()[0] != x.shape()[2]) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [batch,rows,inputs] and weights to it for ",
         node.label(), " but received ", to_string(x.shape()), " and ", to_string(w.shape()));
  }
  const int64_t columns = w.shape()[1];
  const std::vector<int64_t> widths = widths_of(node, columns);
  Attention task;
  task.batch = x.shape()[0];
  task.queries = x.shape()[1];
  task.heads = task.kv_heads = require_heads(node, "num_heads");
  task.size = widths[0] / task.heads;
  task.value_size = widths[2] / task.heads;
  Tensor projected = Tensor::allocate(DType::f32, {task.batch, task.queries, columns});
  PackedProduct(context.kernels(), w.data<float>().data(), columns, 1, w.shape()[0], columns)
      .run(context.pool(), x.data<float>().data(), x.shape()[2],
           projected.mutable_data<float>().data(), columns, task.batch * task.queries);
  const std::vector<float> bias = float_values(context, kBias);
  if (!bias.empty()) require_elements(context, context.input(kBias), columns, "a bias");

  Tensor past[2];
  if (context.has_input(kPast)) {
    const Tensor both = float_input(context, kPast);
    const int64_t before = both.shape().rank() == 5 ? both.shape()[3] : 0;
    const Shape half{task.batch, task.heads, before, task.size};
    if (task.value_size != task.size || both.elements() != 2 * half.elements()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a past of keys and values ",
           to_string(half), " for ", node.label(), " but received ", to_string(both.shape()));
    }
    for (int i = 0; i < 2; ++i) {
      past[i] = Tensor::allocate(DType::f32, half);
      std::copy_n(both.data<float>().data() + i * half.elements(), half.elements(),
                  past[i].mutable_data<float>().data());
    }
  }
  Tensor parts[3];
  int64_t first = 0;
  for (int i = 0; i < 3; ++i) {
    const HeadRows<const float> from{projected.data<float>().data() + first, task.queries * columns,
                                     widths[i] / task.heads, columns};
    parts[i] =
        gather_heads(from, bias.empty() ? nullptr : bias.data() + first, task.batch, task.heads,
                     task.queries, widths[i] / task.heads, i == 0 ? Tensor{} : past[i - 1]);
    first += widths[i];
  }
  task.keys = parts[1].shape()[2];
  task.q = heads_outside(parts[0].data<float>().data(), task.heads, task.queries, task.size);
  task.k = heads_outside(parts[1].data<float>().data(), task.heads, task.keys, task.size);
  task.v = heads_outside(parts[2].data<float>().data(), task.heads, task.keys, task.value_size);
  task.scale = node.float_attribute("scale", 0.0f);
  if (task.scale == 0) task.scale = 1 / std::sqrt(static_cast<float>(task.size));
  if (context.has_input(kMask)) {
    task.biases.push_back(padding_bias(node, context.input(kMask), task,
                                       node.float_attribute("mask_filter_value", -10000.0f)));
  }
  if (context.has_input(kScoreBias)) {
    task.biases.push_back(score_bias(node, context.input(kScoreBias),
                                     {task.batch, task.heads, task.queries, task.keys}));
  }
  if (node.int_attribute("unidirectional", 0) != 0) task.right = 0;
  task.offsets.assign(static_cast<size_t>(task.batch), task.keys - task.queries);
  const DType dtype = context.input(kX).dtype();
  fill_widened(context, 0, dtype, {task.batch, task.queries, widths[2]}, [&](Tensor& y) {
    task.y =
        heads_inside(y.mutable_data<float>().data(), task.heads, task.queries, task.value_size);
    task.run(context.kernels(), context.pool());
  });
  if (!context.wants_output(1)) return;
  const Shape present{2, task.batch, task.heads, task.keys, task.size};
  if (task.value_size != task.size) {
    fail(Code::UNSUPPORTED, node.label(), "Expected keys and values of one size for the cache of ",
         node.label(), " but received ", task.size, " and ", task.value_size);
  }
  fill_widened(context, 1, dtype, present, [&](Tensor& y) {
    auto out = y.mutable_data<float>().begin();
    for (int i = 1; i < 3; ++i) {
      const auto values = parts[i].data<float>();
      out = std::copy(values.begin(), values.end(), out);
    }
  });
}

Cost cost(const NodeFacts& facts) {
  if (facts.inputs.size() < 2 || !facts.inputs[0].dims || !facts.inputs[1].dims) return {};
  const auto x = concrete(*facts.inputs[0].dims);
  const auto w = concrete(*facts.inputs[1].dims);
  if (!x || !w || x->rank() != 3 || w->rank() != 2) return {};
  const std::vector<int64_t> widths = widths_of(facts.node, (*w)[1]);
  const int64_t projection = checked_mul(x->elements(), (*w)[1], "MACs");
  const int64_t scores = checked_mul((*x)[0] * (*x)[1], (*x)[1] * (widths[0] + widths[2]), "MACs");
  return {checked_add(projection, scores, "MACs")};
}

}  // namespace

void register_ms_attention(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "Attention",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cost});
}

}  // namespace whittle
