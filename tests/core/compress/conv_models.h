#pragma once

// Convolutions of every kind for the tests of factorization, and ways to compare models.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/runtime/session.h"
#include "tests/core/compress/small_models.h"

namespace whittle::test {

/** One convolution with a bias over x, and a name that says what is special about it. */
struct ConvCase {
  std::string name;
  Shape x;
  Shape weight;  // [outputs, inputs of a group, window...]
  Attributes attributes;
};

using Integers = std::vector<int64_t>;

inline std::vector<ConvCase> conv_cases() {
  return {
      {"plain", {1, 6, 9, 8}, {10, 6, 3, 3}, {{"pads", Integers{1, 1, 1, 1}}}},
      {"strided, padded unevenly",
       {2, 6, 11, 10},
       {8, 6, 3, 3},
       {{"pads", Integers{0, 2, 1, 1}}, {"strides", Integers{2, 3}}}},
      {"dilated",
       {1, 4, 13, 12},
       {8, 4, 3, 3},
       {{"dilations", Integers{3, 2}}, {"pads", Integers{3, 1, 2, 0}}}},
      {"grouped",
       {1, 12, 7, 7},
       {8, 6, 3, 3},
       {{"group", int64_t{2}}, {"pads", Integers{1, 1, 1, 1}}, {"strides", Integers{2, 1}}}},
      {"same upper",
       {1, 5, 9, 12},
       {7, 5, 4, 3},
       {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Integers{2, 2}}}},
      {"same lower", {1, 5, 9, 12}, {7, 5, 2, 3}, {{"auto_pad", std::string("SAME_LOWER")}}},
  };
}

inline std::shared_ptr<const Model> one_conv(const ConvCase& given, const Tensor& weight) {
  ModelMaker maker;
  const ValueId x = maker.input("x", to_dims(given.x));
  const ValueId w = maker.constant("w", weight);
  const ValueId b = maker.constant("b", random_tensor({given.weight[0]}, 4));
  maker.output(
      maker.node("Relu", "relu", {maker.node("Conv", "conv", {x, w, b}, given.attributes)}));
  return maker.finish();
}

inline std::shared_ptr<const Model> one_conv(const ConvCase& given) {
  return one_conv(given, random_tensor(given.weight, 3, 0.3f));
}

inline std::vector<float> session_output(const Model& model, const Feeds& feeds) {
  Session session(std::make_shared<const Model>(model), SessionOptions{});
  return to_floats(session.run(feeds)[0], "");
}

/** Both models give the same first output, by the reference and by the runtime. */
inline void expect_same_output(const Model& expected, const Model& actual, double least_db = 100) {
  const Feeds feeds = random_feeds(expected, 21);
  const std::vector<float> wanted = to_floats(reference_outputs(expected, feeds)[0], "");
  EXPECT_GT(sqnr_db(wanted, to_floats(reference_outputs(actual, feeds)[0], "")), least_db);
  EXPECT_GT(sqnr_db(wanted, session_output(actual, feeds)), least_db);
}

/** A kernel of low rank in both channel modes. */
inline Tensor low_rank_kernel(int64_t outputs, int64_t inputs, int64_t tall, int64_t wide,
                              int64_t rank_out, int64_t rank_in) {
  const Tensor out = random_tensor({outputs, rank_out}, 31);
  const Tensor core = random_tensor({rank_out, rank_in, tall * wide}, 32, 0.1f);
  const Tensor in = random_tensor({rank_in, inputs}, 33);
  Tensor kernel = Tensor::zeros(DType::f32, {outputs, inputs, tall, wide});
  std::span<float> to = kernel.mutable_data<float>();
  for (int64_t i = 0; i < kernel.elements(); ++i) {
    const int64_t t = i % (tall * wide);
    const int64_t c = i / (tall * wide) % inputs;
    const int64_t o = i / (tall * wide * inputs);
    double sum = 0;
    for (int64_t a = 0; a < rank_out; ++a) {
      for (int64_t b = 0; b < rank_in; ++b) {
        sum += static_cast<double>(out.data<float>()[static_cast<size_t>(o * rank_out + a)]) *
               core.data<float>()[static_cast<size_t>((a * rank_in + b) * tall * wide + t)] *
               in.data<float>()[static_cast<size_t>(b * inputs + c)];
      }
    }
    to[static_cast<size_t>(i)] = static_cast<float>(sum);
  }
  return kernel;
}

/** x [1, 4, 8, 8] -> 1x1 to 24 channels -> conv 3x3: what reaches conv has four dimensions of 24.
 */
inline std::shared_ptr<const Model> narrow_channels() {
  ModelMaker maker;
  const ValueId x = maker.input("x", {1, 4, 8, 8});
  const ValueId widen = maker.constant("widen_w", random_tensor({24, 4, 1, 1}, 5));
  const ValueId w = maker.constant("w", random_tensor({24, 24, 3, 3}, 6, 0.1f));
  maker.output(maker.node("Conv", "conv", {maker.node("Conv", "widen", {x, widen}), w},
                          {{"pads", Integers{1, 1, 1, 1}}}));
  return maker.finish();
}

/** The report's entry for the first touched layer of the first step. */
inline const nlohmann::json& first_detail(const Compressed& result) {
  return result.report["steps"][0]["details"][0]["detail"];
}

}  // namespace whittle::test
