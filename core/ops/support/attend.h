#pragma once

#include <span>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** Vectors of heads as they lie in memory: element e of row r of head h of image b is at
 * data[b * batch + h * head + r * row + e]. */
template <typename T>
struct HeadRows {
  T* data = nullptr;
  int64_t batch = 0;
  int64_t head = 0;
  int64_t row = 0;

  T* at(int64_t b, int64_t h, int64_t r = 0) const { return data + b * batch + h * head + r * row; }
};
/** Of a dense tensor [batch, heads, rows, size], and of one [batch, rows, heads, size]. */
template <typename T>
HeadRows<T> heads_outside(T* data, int64_t heads, int64_t rows, int64_t size) {
  return {data, heads * rows * size, rows * size, size};
}
template <typename T>
HeadRows<T> heads_inside(T* data, int64_t heads, int64_t rows, int64_t size) {
  return {data, rows * heads * size, size, heads * size};
}

/** What is added to scores: broadcast over [batch, heads, queries]; keys from `columns` on get
 * -infinity. */
struct ScoreBias {
  Tensor values;  // f32
  Shape strides;  // of batch, heads, queries; the last axis is dense
  int64_t columns = 0;
};
/** From a tensor of at most four axes that broadcasts to [batch, heads, queries, <= keys]; of
 * booleans, false becomes -infinity. Throws SHAPE_MISMATCH. */
ScoreBias score_bias(const Node& node, const Tensor& mask, const Shape& scores);

/**
 * Scaled dot product attention:
 *   s = softcap(q k^T * scale) + biases, -infinity for keys out of sight; y = softmax(s) v
 * with softcap(x) = cap tanh(x / cap). A query that sees no key gives zeros. Heads of q share those
 * of k and v in groups of heads / kv_heads.
 */
struct Attention {
  int64_t batch = 0, heads = 0, kv_heads = 0;
  int64_t queries = 0, keys = 0;
  int64_t size = 0, value_size = 0;  // of a head of q and k, and of v
  HeadRows<const float> q, k, v;
  HeadRows<float> y;
  float scale = 1.0f;
  float softcap = 0.0f;  // 0: none
  std::vector<ScoreBias> biases;
  /** Query i of image b is at position offsets[b] + i of the keys and sees those from `left` before
   * it to `right` behind it; -1: as many as there are. */
  std::vector<int64_t> offsets;
  int64_t left = -1, right = -1;
  std::vector<int64_t> limits;  // keys of each image that count; empty: all

  /** Where scores are copied to, [batch, heads, queries, keys], and when. */
  enum class Stage : uint8_t { raw, capped, biased, probabilities } stage = Stage::raw;
  float* scores = nullptr;

  void run(const KernelTable& kernels, ThreadPool& pool) const;

 private:
  void run_heads(const KernelTable& kernels, int64_t b, int64_t kv_head) const;
  void weigh_row(float* row, int64_t b, int64_t h, int64_t i) const;
  void copy_scores(Stage at, const float* row, int64_t b, int64_t h, int64_t i) const;
};

/** The batch, rows, heads and head size that 3-D or 4-D dims of q, k or v stand for. */
struct HeadDims {
  Dim batch, heads, rows, size;
};
HeadDims head_dims(const Dims& dims, int64_t heads);

/** MACs of attention whose result is output 0 and whose keys output 1 holds, [.., keys, size]; 0
 * while a shape is unknown. */
Cost cached_attention_cost(const NodeFacts& facts);

}  // namespace whittle
