#include "core/ops/support/attend.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/support/convert.h"
#include "core/ops/support/packed_product.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

constexpr float kUnseen = -std::numeric_limits<float>::infinity();
constexpr int64_t kRows = 64;  // queries whose scores are in memory together

}  // namespace

ScoreBias score_bias(const Node& node, const Tensor& mask, const Shape& scores) {
  ScoreBias bias;
  const int rank = mask.shape().rank();
  if (rank < 1 || rank > 4 || mask.shape().back() > scores[3]) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a mask for scores ", to_string(scores),
         " of ", node.label(), " but received ", to_string(mask.shape()));
  }
  Shape rows = mask.shape();
  rows[rank - 1] = 1;
  bias.columns = mask.shape().back();
  Shape target = scores;
  target[3] = 1;
  if (!(broadcast(rows, target, node.label()) == target)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a mask for scores ", to_string(scores),
         " of ", node.label(), " but received ", to_string(mask.shape()));
  }
  const Shape strides = broadcast_strides(rows, target);
  for (int axis = 0; axis < 3; ++axis) bias.strides.push_back(strides[axis] * bias.columns);
  bias.values = convert(mask, DType::f32);
  if (mask.dtype() == DType::boolean) {
    for (float& value : bias.values.mutable_data<float>()) value = value != 0 ? 0.0f : kUnseen;
  }
  return bias;
}

void Attention::copy_scores(Stage at, const float* row, int64_t b, int64_t h, int64_t i) const {
  if (scores == nullptr || stage != at) return;
  std::copy_n(row, keys, scores + ((b * heads + h) * queries + i) * keys);
}

void Attention::weigh_row(float* row, int64_t b, int64_t h, int64_t i) const {
  for (int64_t j = 0; j < keys; ++j) row[j] *= scale;
  copy_scores(Stage::raw, row, b, h, i);
  if (softcap > 0) {
    for (int64_t j = 0; j < keys; ++j) row[j] = softcap * std::tanh(row[j] / softcap);
  }
  copy_scores(Stage::capped, row, b, h, i);
  for (const ScoreBias& bias : biases) {
    const float* add = bias.values.data<float>().data() + b * bias.strides[0] +
                       h * bias.strides[1] + i * bias.strides[2];
    for (int64_t j = 0; j < bias.columns; ++j) row[j] += add[j];
    std::fill(row + bias.columns, row + keys, kUnseen);
  }
  const auto at = static_cast<size_t>(b);
  const int64_t position = (offsets.empty() ? 0 : offsets[at]) + i;
  const int64_t first = left < 0 ? 0 : std::clamp<int64_t>(position - left, 0, keys);
  int64_t last = right < 0 ? keys : std::clamp<int64_t>(position + right + 1, 0, keys);
  if (!limits.empty()) last = std::clamp<int64_t>(limits[at], 0, last);
  std::fill(row, row + std::min(first, last), kUnseen);
  std::fill(row + last, row + keys, kUnseen);
  copy_scores(Stage::biased, row, b, h, i);
}

void Attention::run_heads(const KernelTable& kernels, int64_t b, int64_t kv_head) const {
  const PackedProduct by_keys(kernels, k.at(b, kv_head), 1, k.row, size, keys);
  const PackedProduct by_values(kernels, v.at(b, kv_head), v.row, 1, keys, value_size);
  std::vector<float> block(static_cast<size_t>(std::min(kRows, queries) * keys));
  const int64_t group = heads / kv_heads;
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
    for (int64_t first = 0; first < queries; first += kRows) {
      const int64_t rows = std::min(kRows, queries - first);
      by_keys.run(q.at(b, h, first), q.row, block.data(), keys, rows);
      RowsArgs args;
      args.x = args.y = block.data();
      args.ldx = args.ldy = args.cols = static_cast<size_t>(keys);
      for (int64_t r = 0; r < rows; ++r) {
        float* row = block.data() + r * keys;
        weigh_row(row, b, h, first + r);
        const auto index = static_cast<size_t>(r);
        if (std::any_of(row, row + keys, [](float score) { return score != kUnseen; })) {
          kernels.softmax(args, {index, index + 1});
        } else {
          std::fill(row, row + keys, 0.0f);
        }
        copy_scores(Stage::probabilities, row, b, h, first + r);
      }
      by_values.run(block.data(), keys, y.at(b, h, first), y.row, rows);
    }
  }
}

void Attention::run(const KernelTable& kernels, ThreadPool& pool) const {
  if (batch == 0 || queries == 0) return;
  pool.run(batch * kv_heads,
           [&](int64_t i, int) { run_heads(kernels, i / kv_heads, i % kv_heads); });
}

Cost cached_attention_cost(const NodeFacts& facts) {
  if (facts.outputs.size() < 2 || !facts.outputs[0].dims || !facts.outputs[1].dims) return {};
  const auto y = concrete(*facts.outputs[0].dims);
  const auto keys = concrete(*facts.outputs[1].dims);
  if (!y || !keys || keys->rank() != 4) return {};
  return {checked_mul(2 * (*keys)[2], y->elements(), "MACs")};
}

HeadDims head_dims(const Dims& dims, int64_t heads) {
  if (dims.size() == 4) return {dims[0], dims[1], dims[2], dims[3]};
  const Dim size = dims[2].known() && heads > 0 ? Dim(dims[2].value / heads) : Dim();
  return {dims[0], Dim(heads), dims[1], size};
}

}  // namespace whittle
