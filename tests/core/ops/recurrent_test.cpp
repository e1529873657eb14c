#include <gtest/gtest.h>

#include <cmath>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

TEST(RNN, RunsForwardsAndBackwards) {
  const Tensor x = floats({2, 1, 1}, {1, 2});
  const Tensor w = floats({1, 1, 1}, {1});
  const Tensor r = floats({1, 1, 1}, {10});
  const Attributes linear = {{"hidden_size", int64_t{1}},
                             {"activations", std::vector<std::string>{"Affine"}}};
  const auto forward = run_op({.op = "RNN", .attributes = linear, .outputs = 2}, {x, w, r});
  expect_tensor(forward[0], {2, 1, 1, 1}, {1, 12});
  expect_tensor(forward[1], {1, 1, 1}, {12});
  Attributes reverse = linear;
  reverse["direction"] = std::string("reverse");
  const auto backward = run_op({.op = "RNN", .attributes = reverse, .outputs = 2}, {x, w, r});
  expect_tensor(backward[0], {2, 1, 1, 1}, {21, 2});
  expect_tensor(backward[1], {1, 1, 1}, {21});
}

TEST(RNN, StopsAtEachSequencesLength) {
  const Tensor x = floats({3, 2, 1}, {1, 1, 1, 1, 1, 1});
  const Tensor one = floats({1, 1, 1}, {1});
  const Attributes linear = {{"hidden_size", int64_t{1}},
                             {"activations", std::vector<std::string>{"Affine"}}};
  const Tensor lengths = Tensor::of<int32_t>({2}, {3, 1});
  const auto out =
      run_op({.op = "RNN", .attributes = linear, .outputs = 2}, {x, one, one, Tensor{}, lengths});
  expect_tensor(out[0], {3, 1, 2, 1}, {1, 1, 2, 0, 3, 0});
  expect_tensor(out[1], {1, 2, 1}, {3, 1});
}

TEST(GRU, LinearBeforeResetMovesTheReset) {
  // One unit, no input: x = 0, so every gate sees h and the biases only.
  const Tensor x = floats({1, 1, 1}, {0});
  const Tensor w = floats({1, 3, 1}, {0, 0, 0});
  const Tensor r = floats({1, 3, 1}, {0.5f, -1, 2});
  const Tensor b = floats({1, 6}, {0.1f, 0.2f, 0.3f, 0, 0, 0.7f});
  const Tensor h = floats({1, 1, 1}, {0.4f});
  const float z = sigmoid(0.5f * 0.4f + 0.1f);
  const float reset = sigmoid(-0.4f + 0.2f);
  const auto expected = [&](float inner) { return (1 - z) * std::tanh(inner) + z * 0.4f; };
  const auto run = [&](int64_t linear) {
    return run_op({.op = "GRU",
                   .attributes = {{"hidden_size", int64_t{1}}, {"linear_before_reset", linear}},
                   .outputs = 2},
                  {x, w, r, b, Tensor{}, h})[1];
  };
  expect_tensor(run(0), {1, 1, 1}, {expected(2 * reset * 0.4f + 0.3f + 0.7f)}, kTranscendental);
  expect_tensor(run(1), {1, 1, 1}, {expected(reset * (2 * 0.4f + 0.7f) + 0.3f)}, kTranscendental);
}

TEST(LSTM, OneStepByHand) {
  const Tensor x = floats({1, 1, 1}, {0.5f});
  const Tensor w = floats({1, 4, 1}, {1, 2, 3, 4});  // i, o, f, c
  const Tensor r = floats({1, 4, 1}, {0.1f, 0.2f, 0.3f, 0.4f});
  const Tensor h = floats({1, 1, 1}, {0.6f});
  const Tensor c = floats({1, 1, 1}, {-0.7f});
  const Tensor p = floats({1, 3}, {0.5f, 0.25f, -0.5f});  // i, o, f
  const auto out = run_op({.op = "LSTM", .attributes = {{"hidden_size", int64_t{1}}}, .outputs = 3},
                          {x, w, r, Tensor{}, Tensor{}, h, c, p});
  const float in = sigmoid(0.5f + 0.06f + 0.5f * -0.7f);
  const float forget = sigmoid(1.5f + 0.18f - 0.5f * -0.7f);
  const float cell = forget * -0.7f + in * std::tanh(2.0f + 0.24f);
  const float hidden = sigmoid(1.0f + 0.12f + 0.25f * cell) * std::tanh(cell);
  expect_tensor(out[0], {1, 1, 1, 1}, {hidden}, kTranscendental);
  expect_tensor(out[1], {1, 1, 1}, {hidden}, kTranscendental);
  expect_tensor(out[2], {1, 1, 1}, {cell}, kTranscendental);
}

TEST(LSTM, BidirectionalIsBothDirectionsSideBySide) {
  const int64_t hidden = 3;
  const Tensor x = noise({4, 2, 5});
  const Tensor w = noise({2, 4 * hidden, 5}, 2);
  const Tensor r = noise({2, 4 * hidden, hidden}, 3);
  const Tensor b = noise({2, 8 * hidden}, 4);
  const auto half = [](const Tensor& both, int64_t which) {
    Shape shape = both.shape();
    shape[0] = 1;
    const auto size = static_cast<size_t>(shape.elements());
    return Tensor::of<float>(shape,
                             both.data<float>().subspan(static_cast<size_t>(which) * size, size));
  };
  const auto run = [&](const char* direction, std::vector<Tensor> inputs) {
    return run_op({.op = "LSTM",
                   .attributes = {{"hidden_size", hidden}, {"direction", std::string(direction)}},
                   .outputs = 3},
                  inputs);
  };
  const auto both = run("bidirectional", {x, w, r, b});
  const auto forward = run("forward", {x, half(w, 0), half(r, 0), half(b, 0)});
  const auto reverse = run("reverse", {x, half(w, 1), half(r, 1), half(b, 1)});
  expect_same(half(both[1], 0), forward[1]);
  expect_same(half(both[1], 1), reverse[1]);
  expect_same(half(both[2], 1), reverse[2]);
}

TEST(LSTM, BatchFirstIsTheSameTransposed) {
  const int64_t hidden = 2;
  const Tensor w = noise({1, 4 * hidden, 3}, 2);
  const Tensor r = noise({1, 4 * hidden, hidden}, 3);
  const Attributes first = {{"hidden_size", hidden}, {"layout", int64_t{1}}};
  const Attributes steps = {{"hidden_size", hidden}};
  // A single sequence: both layouts hold the same numbers in the same order.
  const Tensor x = noise({1, 4, 3});
  const auto a = run_op({.op = "LSTM", .attributes = first, .outputs = 3}, {x, w, r});
  const auto b =
      run_op({.op = "LSTM", .attributes = steps, .outputs = 3}, {x.reshaped({4, 1, 3}), w, r});
  EXPECT_EQ(to_string(a[0].shape()), "[1,4,1,2]");
  expect_same(a[0].reshaped({4, 1, 1, 2}), b[0]);
  expect_same(a[2].reshaped({1, 1, 2}), b[2]);
}

TEST(DynamicQuantizeLSTM, StaysNearTheFloatOne) {
  const int64_t hidden = 4;
  const Tensor x = noise({3, 1, 5});
  // Weights on the int8 grid, transposed for the quantized operator.
  Tensor w = Tensor::allocate(DType::f32, {1, 4 * hidden, 5});
  Tensor wq = Tensor::allocate(DType::i8, {1, 5, 4 * hidden});
  Tensor r = Tensor::allocate(DType::f32, {1, 4 * hidden, hidden});
  Tensor rq = Tensor::allocate(DType::i8, {1, hidden, 4 * hidden});
  const auto fill = [](Tensor& weights, Tensor& codes, int64_t out, int64_t in) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) {
        const auto code = static_cast<int8_t>((o * 37 + i * 91) % 255 - 127);
        weights.mutable_data<float>()[static_cast<size_t>(o * in + i)] =
            static_cast<float>(code) * 0.01f;
        codes.mutable_data<int8_t>()[static_cast<size_t>(i * out + o)] = code;
      }
    }
  };
  fill(w, wq, 4 * hidden, 5);
  fill(r, rq, 4 * hidden, hidden);
  const Attributes attributes = {{"hidden_size", hidden}};
  const Tensor expected =
      run_op({.op = "LSTM", .attributes = attributes, .outputs = 3}, {x, w, r})[0];
  const Tensor scale = floats({1}, {0.01f});
  const Tensor zero = Tensor::of<int8_t>({1}, {0});
  const Tensor received = run_op(
      {.op = "DynamicQuantizeLSTM",
       .attributes = attributes,
       .domain = "com.microsoft",
       .outputs = 3},
      {x, wq, rq, Tensor{}, Tensor{}, Tensor{}, Tensor{}, Tensor{}, scale, zero, scale, zero})[0];
  const Close kActivationStep{0.02f, 0.0f};
  expect_same(received, expected, kActivationStep);
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  const Tensor x = noise({2, 1, 3});
  const Attributes one = {{"hidden_size", int64_t{1}}};
  EXPECT_EQ(error_of({.op = "LSTM", .attributes = one}, {x, noise({1, 4, 2}), noise({1, 4, 1})}),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "GRU", .attributes = one}, {x, noise({1, 4, 3}), noise({1, 4, 1})}),
            Code::SHAPE_MISMATCH);
  Attributes odd = one;
  odd["activations"] = std::vector<std::string>{"Sine"};
  EXPECT_EQ(error_of({.op = "RNN", .attributes = odd}, {x, noise({1, 1, 3}), noise({1, 1, 1})}),
            Code::UNSUPPORTED);
}

}  // namespace
}  // namespace whittle::test
