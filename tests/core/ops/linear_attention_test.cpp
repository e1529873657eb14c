// LinearAttention, CausalConvWithState and FlexAttention against what defines them.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

constexpr int64_t kTokens = 5, kHeads = 2, kSize = 3, kValueSize = 4;

OpCase linear_attention(const char* rule) {
  return {"LinearAttention",
          {{"update_rule", std::string(rule)}, {"q_num_heads", kHeads}, {"kv_num_heads", kHeads}},
          "",
          2};
}

float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/** y_t = scale * sum over s <= t of exp(decays from s + 1 to t) (q_t k_s) v_s for each head. */
std::vector<float> quadratic(const Tensor& q, const Tensor& k, const Tensor& v,
                             const std::vector<float>& decay) {
  std::vector<float> y(kTokens * kHeads * kValueSize, 0.0f);
  const float scale = 1 / std::sqrt(static_cast<float>(kSize));
  for (int64_t h = 0; h < kHeads; ++h) {
    for (int64_t t = 0; t < kTokens; ++t) {
      float faded = 0;
      for (int64_t s = t; s >= 0; --s) {
        const float* query = q.data<float>().data() + (t * kHeads + h) * kSize;
        const float* key = k.data<float>().data() + (s * kHeads + h) * kSize;
        const float weight = scale * std::exp(faded) * dot(query, key, kSize);
        for (int64_t e = 0; e < kValueSize; ++e) {
          y[static_cast<size_t>((t * kHeads + h) * kValueSize + e)] +=
              weight * v.data<float>()[static_cast<size_t>((s * kHeads + h) * kValueSize + e)];
        }
        faded += decay[static_cast<size_t>(s * kHeads + h)];
      }
    }
  }
  return y;
}

TEST(LinearAttention, SumsOverThePast) {
  const Tensor q = noise({1, kTokens, kHeads * kSize}, 1), k = noise(q.shape(), 2);
  const Tensor v = noise({1, kTokens, kHeads * kValueSize}, 3);
  const std::vector<float> none(kTokens * kHeads, 0.0f);
  expect_tensor(run_op(linear_attention("linear"), {q, k, v})[0], v.shape(),
                quadratic(q, k, v, none), kConformance);
  Tensor decay = noise({1, kTokens, kHeads}, 4);
  for (float& value : decay.mutable_data<float>()) value = -std::fabs(value);
  expect_tensor(run_op(linear_attention("gated"), {q, k, v, {}, decay})[0], v.shape(),
                quadratic(q, k, v, to_floats(decay, "")), kConformance);
}

TEST(LinearAttention, TheDeltaRuleOverwritesWhatAKeySaid) {
  // Of one key twice, with beta 1: what is read is the second value alone.
  OpCase which = linear_attention("delta");
  which.attributes["q_num_heads"] = which.attributes["kv_num_heads"] = int64_t{1};
  which.attributes["scale"] = 1.0f;
  const Tensor k = floats({1, 2, 2}, {0.6f, 0.8f, 0.6f, 0.8f});
  const Tensor v = floats({1, 2, 2}, {5, 7, -1, 2});
  const Tensor beta = floats({1, 2, 1}, {1, 1});
  expect_tensor(run_op(which, {k, k, v, {}, {}, beta})[0], v.shape(), {5, 7, -1, 2}, kConformance);
}

TEST(LinearAttention, TokenByTokenIsAllAtOnce) {
  const OpCase which = linear_attention("gated_delta");
  const auto make = [](int64_t width, uint64_t seed) { return noise({1, kTokens, width}, seed); };
  const std::vector<Tensor> inputs = {make(kHeads * kSize, 1),      make(kHeads * kSize, 2),
                                      make(kHeads * kValueSize, 3), {},
                                      make(kHeads * kSize, 5),      make(kHeads, 6)};
  const std::vector<Tensor> whole = run_op(which, inputs);
  Tensor state;
  for (int64_t t = 0; t < kTokens; ++t) {
    std::vector<Tensor> token;
    for (const Tensor& input : inputs) {
      if (!input.defined()) {
        token.push_back(state);
        continue;
      }
      const auto width = static_cast<size_t>(input.shape()[2]);
      token.push_back(
          Tensor::of<float>({1, 1, input.shape()[2]},
                            input.data<float>().subspan(static_cast<size_t>(t) * width, width)));
    }
    const std::vector<Tensor> step = run_op(which, token);
    const auto width = static_cast<size_t>(kHeads * kValueSize);
    const auto expected = whole[0].data<float>().subspan(static_cast<size_t>(t) * width, width);
    expect_tensor(step[0], {1, 1, kHeads * kValueSize}, {expected.begin(), expected.end()},
                  kConformance);
    state = step[1];
  }
  expect_same(state, whole[1], kConformance);
  EXPECT_EQ(error_of(linear_attention("other"), inputs), Code::INVALID_GRAPH);
}

TEST(CausalConv, IsAConvolutionOfPastAndPresent) {
  const Tensor x = noise({2, 3, 6}, 1), weight = noise({3, 1, 4}, 2), bias = noise({3}, 3);
  const OpCase which{"CausalConvWithState", {}, "", 2};
  const std::vector<Tensor> whole = run_op(which, {x, weight, bias});
  const OpCase conv{"Conv", {{"group", int64_t{3}}, {"pads", std::vector<int64_t>{3, 0}}}};
  expect_same(whole[0], run_op1(conv, {x, weight, bias}), kConformance);
  // In two parts, the state handed on.
  const auto part = [&](int64_t start, int64_t end) {
    return run_op1({"Slice"}, {x, int64s({start}), int64s({end}), int64s({2})});
  };
  const std::vector<Tensor> first = run_op(which, {part(0, 2), weight, bias});
  const std::vector<Tensor> second = run_op(which, {part(2, 6), weight, bias, first[1]});
  expect_same(run_op1({"Concat", {{"axis", int64_t{2}}}}, {first[0], second[0]}), whole[0],
              kConformance);
  expect_same(second[1], whole[1]);
  const OpCase silu{"CausalConvWithState", {{"activation", std::string("silu")}}, "", 2};
  expect_same(run_op(silu, {x, weight, bias})[0], run_op1({"Swish"}, {whole[0]}), kConformance);
}

TEST(FlexAttention, WithoutModifiersIsAttention) {
  const Tensor q = noise({2, 4, 3, 5}, 1), k = noise({2, 2, 6, 5}, 2), v = noise({2, 2, 6, 4}, 3);
  const OpCase flex{"FlexAttention", {}, "ai.onnx.preview"};
  expect_same(run_op1(flex, {q, k, v}), run_op1({"Attention"}, {q, k, v}), kConformance);
}

}  // namespace
}  // namespace whittle::test
