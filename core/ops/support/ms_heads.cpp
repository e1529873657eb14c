#include "core/ops/support/ms_heads.h"

#include <algorithm>

namespace whittle {

Tensor gather_heads(const HeadRows<const float>& from, const float* bias, int64_t batch,
                    int64_t heads, int64_t rows, int64_t size, const Tensor& past) {
  const int64_t before = past.defined() ? past.shape()[2] : 0;
  Tensor gathered = Tensor::allocate(DType::f32, {batch, heads, before + rows, size});
  float* out = gathered.mutable_data<float>().data();
  for (int64_t i = 0; i < batch * heads; ++i) {
    const int64_t h = i % heads;
    if (before > 0)
      out = std::copy_n(past.data<float>().data() + i * before * size, before * size, out);
    for (int64_t r = 0; r < rows; ++r, out += size) {
      const float* in = from.at(i / heads, h, r);
      for (int64_t e = 0; e < size; ++e) out[e] = in[e] + (bias ? bias[h * size + e] : 0.0f);
    }
  }
  return gathered;
}

ScoreBias padding_bias(const Node& node, const Tensor& mask, const Attention& task, float filter) {
  const Shape& shape = mask.shape();
  const std::vector<int64_t> values = to_int64s(mask, node.label());
  const bool ranges = shape.rank() == 1 && shape[0] == 2 * task.batch;
  const bool lengths = shape.rank() == 1 && shape[0] == task.batch;
  const bool flat = shape == Shape{task.batch, task.keys};
  if (!ranges && !lengths && !flat && !(shape == Shape{task.batch, task.queries, task.keys})) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a mask of lengths, [", task.batch, ",",
         task.keys, "] or [", task.batch, ",", task.queries, ",", task.keys, "] for ", node.label(),
         " but received ", to_string(shape));
  }
  const int64_t rows = shape.rank() == 3 ? task.queries : 1;
  ScoreBias bias;
  bias.columns = task.keys;
  bias.strides = Shape{rows * task.keys, 0, shape.rank() == 3 ? task.keys : 0};
  bias.values = Tensor::allocate(DType::f32, {task.batch * rows * task.keys});
  const auto out = bias.values.mutable_data<float>();
  for (size_t i = 0; i < out.size(); ++i) {
    const auto key = static_cast<int64_t>(i) % task.keys;
    const size_t b = i / static_cast<size_t>(task.keys);
    bool seen = false;
    if (ranges || lengths) {
      const int64_t first = ranges ? values[b + static_cast<size_t>(task.batch)] : 0;
      seen = key >= first && key < values[b];
    } else {
      seen = values[i] > 0;
    }
    out[i] = seen ? 0.0f : filter;
  }
  return bias;
}

int64_t require_heads(const Node& node, std::string_view attribute) {
  const int64_t heads = node.int_attribute(attribute, 0);
  if (heads < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a positive attribute '", attribute, "' of ",
         node.label(), " but received ", heads);
  }
  return heads;
}

void refuse_input(const EvalContext& context, size_t i, std::string_view what) {
  if (!context.has_input(i)) return;
  fail(Code::UNSUPPORTED, context.node().label(), "Expected no ", what, " for ",
       context.node().label(), " but received one");
}

}  // namespace whittle
