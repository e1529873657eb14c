// Attention and RotaryEmbedding of ai.onnx, and com.microsoft's forms of them. The truth is the
// formula in double, and that one form says what another one says.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

constexpr int64_t kBatch = 2, kHeads = 4, kRows = 3, kKeys = 5, kSize = 8;

Tensor at_rows(const Tensor& x, int64_t batch, int64_t first, int64_t count, int64_t width) {
  const int64_t rows = x.elements() / batch / width;
  Tensor taken = Tensor::allocate(DType::f32, {batch, count, width});
  for (int64_t b = 0; b < batch; ++b) {
    const auto from = x.data<float>().begin() + (b * rows + first) * width;
    std::copy(from, from + count * width, taken.mutable_data<float>().begin() + b * count * width);
  }
  return taken;
}

/** [batch, rows, heads * size] as [batch, heads, rows, size]. */
Tensor heads_first(const Tensor& x, int64_t heads) {
  const int64_t batch = x.shape()[0], rows = x.shape()[1], size = x.shape()[2] / heads;
  Tensor turned = Tensor::allocate(DType::f32, {batch, heads, rows, size});
  auto out = turned.mutable_data<float>().begin();
  for (int64_t i = 0; i < batch * heads; ++i) {
    for (int64_t r = 0; r < rows; ++r) {
      const auto from =
          x.data<float>().begin() + ((i / heads * rows + r) * heads + i % heads) * size;
      out = std::copy(from, from + size, out);
    }
  }
  return turned;
}

/** Head h of query i of image b by the formula; bias(i, j) is added to the scores. */
template <typename Bias>
std::vector<float> formula(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads,
                           int64_t kv_heads, const Bias& bias, double softcap = 0) {
  const int64_t batch = q.shape()[0], rows = q.shape()[1], size = q.shape()[2] / heads;
  const int64_t keys = k.shape()[1], value_size = v.shape()[2] / kv_heads;
  std::vector<float> y;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t g = h / (heads / kv_heads);
        std::vector<double> weights;
        double sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          double score = 0;
          for (int64_t e = 0; e < size; ++e) {
            score +=
                static_cast<double>(
                    q.data<float>()[static_cast<size_t>(((b * rows + i) * heads + h) * size + e)]) *
                k.data<float>()[static_cast<size_t>(((b * keys + j) * kv_heads + g) * size + e)];
          }
          score /= std::sqrt(static_cast<double>(size));
          if (softcap > 0) score = softcap * std::tanh(score / softcap);
          weights.push_back(std::exp(score + bias(i, j)));
          sum += weights.back();
        }
        for (int64_t e = 0; e < value_size; ++e) {
          double value = 0;
          for (int64_t j = 0; j < keys; ++j) {
            value += weights[static_cast<size_t>(j)] *
                     v.data<float>()[static_cast<size_t>(
                         ((b * keys + j) * kv_heads + g) * value_size + e)];
          }
          y.push_back(sum == 0 ? 0.0f : static_cast<float>(value / sum));
        }
      }
    }
  }
  return y;
}

double none(int64_t, int64_t) {
  return 0;
}

double seen(bool visible) {
  return visible ? 0 : -INFINITY;
}

class AttentionTest : public ::testing::Test {
 protected:
  Tensor q = noise({kBatch, kRows, kHeads* kSize}, 1);
  Tensor k = noise({kBatch, kKeys, kHeads* kSize}, 2);
  Tensor v = noise({kBatch, kKeys, kHeads* kSize}, 3);
  Tensor few_k = noise({kBatch, kKeys, 2 * kSize}, 4);
  Tensor few_v = noise({kBatch, kKeys, 2 * kSize}, 5);
  Shape shape{kBatch, kRows, kHeads* kSize};

  static OpCase standard(int64_t kv_heads, Attributes more = {}, size_t outputs = 1) {
    more["q_num_heads"] = kHeads;
    more["kv_num_heads"] = kv_heads;
    return {"Attention", std::move(more), "", outputs};
  }
  static OpCase microsoft(const char* op, Attributes more = {}, size_t outputs = 1) {
    more["num_heads"] = kHeads;
    return {op, std::move(more), "com.microsoft", outputs};
  }
};

TEST_F(AttentionTest, SharedHeadsAndSoftcap) {
  expect_tensor(run_op1(standard(4), {q, k, v}), shape, formula(q, k, v, kHeads, 4, none),
                kNormalised);
  expect_tensor(run_op1(standard(2, {{"softcap", 0.5f}}), {q, few_k, few_v}), shape,
                formula(q, few_k, few_v, kHeads, 2, none, 0.5), kNormalised);
}

TEST_F(AttentionTest, LongSequencesGoInBlocks) {
  const Tensor long_q = noise({1, 150, kHeads * kSize}, 6);
  const Tensor long_k = noise({1, 130, kHeads * kSize}, 7);
  const Tensor long_v = noise({1, 130, kHeads * kSize}, 8);
  expect_tensor(run_op1(standard(4), {long_q, long_k, long_v}), {1, 150, kHeads * kSize},
                formula(long_q, long_k, long_v, kHeads, 4, none), kNormalised);
}

TEST_F(AttentionTest, CausalBehindAPastAndWindow) {
  const Tensor past_k = heads_first(at_rows(few_k, kBatch, 0, 2, 2 * kSize), 2);
  const Tensor past_v = heads_first(at_rows(few_v, kBatch, 0, 2, 2 * kSize), 2);
  const Tensor new_k = at_rows(few_k, kBatch, 2, 3, 2 * kSize);
  const Tensor new_v = at_rows(few_v, kBatch, 2, 3, 2 * kSize);
  const auto out =
      run_op(standard(2, {{"is_causal", int64_t{1}}, {"left_window_size", int64_t{1}}}, 3),
             {q, new_k, new_v, {}, past_k, past_v});
  // Query i is at position 2 + i.
  expect_tensor(out[0], shape,
                formula(q, few_k, few_v, kHeads, 2,
                        [](int64_t i, int64_t j) { return seen(j <= i + 2 && j >= i + 1); }),
                kNormalised);
  expect_same(out[1], heads_first(few_k, 2));
  expect_same(out[2], heads_first(few_v, 2));
}

TEST_F(AttentionTest, QueriesThatSeeNothingGiveZeros) {
  Tensor mask = Tensor::allocate(DType::boolean, {kRows, kKeys});
  for (int64_t i = 0; i < mask.elements(); ++i) {
    mask.mutable_data<bool>()[static_cast<size_t>(i)] = i >= kKeys && i % 2 == 0;
  }
  const auto bias = [](int64_t i, int64_t j) { return seen(i > 0 && (i * kKeys + j) % 2 == 0); };
  expect_tensor(run_op1(standard(4), {q, k, v, mask}), shape, formula(q, k, v, kHeads, 4, bias),
                kNormalised);
}

TEST_F(AttentionTest, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of(standard(3), {q, k, v}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({"Attention"}, {q, k, v}), Code::INVALID_GRAPH);
  EXPECT_EQ(error_of(standard(4), {q, k, v, noise({2, 2, 2, 2, 2})}), Code::SHAPE_MISMATCH);
}

TEST_F(AttentionTest, MultiHeadForms) {
  const std::vector<float> expected = formula(q, k, v, kHeads, 4, none);
  expect_tensor(run_op1(microsoft("MultiHeadAttention"), {q, k, v}), shape, expected, kNormalised);
  // Keys and values of another attention come heads first.
  expect_tensor(
      run_op1(microsoft("MultiHeadAttention"), {q, heads_first(k, kHeads), heads_first(v, kHeads)}),
      shape, expected, kNormalised);
  // A bias of q, k and v is what was left out of them.
  Tensor less = q.clone();
  for (float& value : less.mutable_data<float>()) value -= 0.25f;
  Tensor bias = Tensor::zeros(DType::f32, {3 * kHeads * kSize});
  for (int64_t i = 0; i < kHeads * kSize; ++i) {
    bias.mutable_data<float>()[static_cast<size_t>(i)] = 0.25f;
  }
  expect_tensor(run_op1(microsoft("MultiHeadAttention"), {less, k, v, bias}), shape, expected,
                kNormalised);
  const Tensor lengths = Tensor::of<int32_t>({2}, {4, 4});
  expect_tensor(run_op1(microsoft("MultiHeadAttention"), {q, k, v, {}, lengths}), shape,
                formula(q, k, v, kHeads, 4, [](int64_t, int64_t j) { return seen(j < 4); }),
                kNormalised);
}

TEST_F(AttentionTest, ProjectsFirst) {
  // Weights that copy the input three times.
  const int64_t width = kHeads * kSize;
  Tensor weights = Tensor::zeros(DType::f32, {width, 3 * width});
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t part = 0; part < 3; ++part) {
      weights.mutable_data<float>()[static_cast<size_t>(i * 3 * width + part * width + i)] = 1;
    }
  }
  const Tensor bias = Tensor::zeros(DType::f32, {3 * width});
  const auto out =
      run_op(microsoft("Attention", {{"unidirectional", int64_t{1}}}, 2), {q, weights, bias});
  expect_tensor(out[0], shape,
                formula(q, q, q, kHeads, 4, [](int64_t i, int64_t j) { return seen(j <= i); }),
                kNormalised);
  EXPECT_EQ(to_string(out[1].shape()), "[2,2,4,3,8]");
}

TEST_F(AttentionTest, GroupQueryWritesItsCache) {
  // Two tokens are there already; the cache has room for five.
  const Tensor past_k = heads_first(few_k, 2);
  const Tensor past_v = heads_first(few_v, 2);
  const Tensor one_q = at_rows(q, kBatch, 0, 1, kHeads * kSize);
  const Tensor one_k = noise({kBatch, 1, 2 * kSize}, 9);
  const Tensor one_v = noise({kBatch, 1, 2 * kSize}, 10);
  const Tensor lengths = Tensor::of<int32_t>({2}, {2, 2});
  const Tensor total = Tensor::of<int32_t>({1}, {3});
  const auto out = run_op(microsoft("GroupQueryAttention", {{"kv_num_heads", int64_t{2}}}, 3),
                          {one_q, one_k, one_v, past_k, past_v, lengths, total});
  Tensor all_k = at_rows(few_k, kBatch, 0, 3, 2 * kSize);
  Tensor all_v = at_rows(few_v, kBatch, 0, 3, 2 * kSize);
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t e = 0; e < 2 * kSize; ++e) {
      const auto to = static_cast<size_t>((b * 3 + 2) * 2 * kSize + e);
      const auto from = static_cast<size_t>(b * 2 * kSize + e);
      all_k.mutable_data<float>()[to] = one_k.data<float>()[from];
      all_v.mutable_data<float>()[to] = one_v.data<float>()[from];
    }
  }
  expect_tensor(out[0], {kBatch, 1, kHeads * kSize}, formula(one_q, all_k, all_v, kHeads, 2, none),
                kNormalised);
  EXPECT_EQ(to_string(out[1].shape()), "[2,2,5,8]");
}

TEST(RotaryEmbedding, TurnsByThePosition) {
  // Two positions, angles 0 and 90 degrees; the last two values stay.
  const Tensor cosines = floats({2, 2}, {1, 1, 0, 0});
  const Tensor sines = floats({2, 2}, {0, 0, 1, 1});
  const Tensor x = floats({1, 1, 1, 6}, {1, 2, 3, 4, 5, 6});
  const Tensor positions = Tensor::of<int64_t>({1, 1}, {1});
  const auto rotated = [&](Attributes attributes) {
    attributes["rotary_embedding_dim"] = int64_t{4};
    return run_op1({"RotaryEmbedding", std::move(attributes)}, {x, cosines, sines, positions});
  };
  expect_tensor(rotated({}), {1, 1, 1, 6}, {-3, -4, 1, 2, 5, 6});
  expect_tensor(rotated({{"interleaved", int64_t{1}}}), {1, 1, 1, 6}, {-2, 1, -4, 3, 5, 6});
  const OpCase microsoft{
      "RotaryEmbedding", {{"rotary_embedding_dim", int64_t{4}}}, "com.microsoft"};
  expect_tensor(run_op1(microsoft, {x, positions, cosines, sines}), {1, 1, 1, 6},
                {-3, -4, 1, 2, 5, 6});
  EXPECT_EQ(error_of(microsoft, {x, Tensor::of<int64_t>({1, 1}, {2}), cosines, sines}),
            Code::INVALID_DATA);
}

}  // namespace
}  // namespace whittle::test
