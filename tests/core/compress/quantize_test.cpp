#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/quantize/support/weights/affine.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "tests/core/compress/small_models.h"
#include "tests/support/tolerance.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

TEST(Affine, FollowsTheFormulas) {
  const Affine plain = affine_of_range(-1.0f, 3.0f, kUint8Limits);
  EXPECT_EQ(plain.scale, 4.0f / 255);
  EXPECT_EQ(plain.zero_point, 64);  // round(255 / 4)
  const Affine signed_range = affine_of_range(-1.0f, 3.0f, kInt8Limits);
  EXPECT_EQ(signed_range.zero_point, -64);
}

TEST(Affine, HoldsZeroExactlyWhateverTheRange) {
  const float ranges[][2] = {{0.3f, 5}, {-7, -2}, {0, 6}, {-1e-3f, 1e3f}, {0, 0}, {5, 5}};
  for (const auto& [low, high] : ranges) {
    for (QLimits limits : {kUint8Limits, kInt8Limits}) {
      const Affine affine = affine_of_range(low, high, limits);
      EXPECT_EQ(dequantize(quantize(0, affine, limits), affine), 0.0f) << low << " " << high;
      EXPECT_TRUE(std::isfinite(affine.scale) && affine.scale > 0);
    }
  }
}

TEST(Affine, RoundsHalfToEven) {
  const Affine unit{1.0f, 0};
  EXPECT_EQ(quantize(0.5f, unit, kInt8Limits), 0);
  EXPECT_EQ(quantize(1.5f, unit, kInt8Limits), 2);
  EXPECT_EQ(quantize(2.5f, unit, kInt8Limits), 2);
  EXPECT_EQ(quantize(-1.5f, unit, kInt8Limits), -2);
  EXPECT_EQ(quantize(1e9f, unit, kInt8Limits), 127);
}

TEST(Affine, WeightsStayWithinHalfAStepPerChannel) {
  const Tensor weight = test::random_tensor({5, 7, 3}, 11);
  for (int axis : {0, 1, 2}) {
    const QuantizedWeight q = quantize_channels(weight, axis, "w");
    ASSERT_EQ(q.scales.elements(), weight.shape()[axis]);
    const Shape strides = strides_of(weight.shape());
    for (int64_t i = 0; i < weight.elements(); ++i) {
      const int64_t channel = i / strides[axis] % weight.shape()[axis];
      const float scale = q.scales.data<float>()[static_cast<size_t>(channel)];
      const float back =
          scale * static_cast<float>(q.values.data<int8_t>()[static_cast<size_t>(i)]);
      EXPECT_LE(std::fabs(back - weight.data<float>()[static_cast<size_t>(i)]), scale * 0.5001f);
    }
  }
}

TEST(Affine, TakesZeroAndRefusesNaN) {
  const QuantizedWeight zero = quantize_channels(Tensor::zeros(DType::f32, {2, 3}), 0, "w");
  EXPECT_EQ(zero.scales.data<float>()[0], 1.0f);
  EXPECT_EQ(zero.values.data<int8_t>()[0], 0);
  const Tensor bad = Tensor::of<float>({1, 2}, {1.0f, NAN});
  EXPECT_THROW(quantize_channels(bad, 0, "w"), Error);
}

TEST(QuantizeWeights, PutsInt8BehindDequantizeLinear) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-weights"}}}));
  const Graph& graph = result.model.graph;
  EXPECT_EQ(count_ops(graph, "DequantizeLinear"), 2);
  const Node& fc1 = test::node_named(graph, "fc1");
  EXPECT_EQ(graph.value(fc1.inputs[1]).name, "w1");
  EXPECT_FALSE(graph.value(fc1.inputs[1]).is_constant());
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 38);
  EXPECT_LT(result.report["bytes"]["after"].get<int64_t>(),
            result.report["bytes"]["before"].get<int64_t>() / 2);
}

TEST(QuantizeWeights, ChangesNothingWhereNothingIsGained) {
  const auto model = test::two_layers(4, 3, 2);
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-weights"}}}));
  const json& step = result.report["steps"][0];
  EXPECT_EQ(step["kept"], false);
  EXPECT_EQ(step["layers"]["text"], "0/2: too small to gain from 8 bits");
  EXPECT_EQ(count_ops(result.model.graph, "DequantizeLinear"), 0);
  EXPECT_EQ(result.report["recipe"]["steps"].size(), 0u);
}

TEST(QuantizeDynamic, MakesIntegerProductsWithBiasAndTransposedWeights) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-dynamic"}}}));
  const Graph& graph = result.model.graph;
  EXPECT_EQ(count_ops(graph, "MatMulInteger"), 2);
  EXPECT_EQ(count_ops(graph, "DynamicQuantizeLinear"), 2);
  EXPECT_EQ(count_ops(graph, "Gemm"), 0);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 33);
}

TEST(QuantizeDynamic, FoldsAlphaAndBetaOfAGemm) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 32});
  const ValueId w = maker.constant("w", test::random_tensor({32, 16}, 1));
  const ValueId b = maker.constant("b", test::random_tensor({16}, 2));
  maker.output(maker.node("Gemm", "fc", {x, w, b}, {{"alpha", 0.5f}, {"beta", 3.0f}}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-dynamic"}}}));
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 33);
}

TEST(QuantizeDynamic, TakesConvolutionsOnRequestAndWarns) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {1, 3, 9, 9});
  const ValueId w = maker.constant("w", test::random_tensor({16, 3, 3, 3}, 1));
  const ValueId b = maker.constant("b", test::random_tensor({16}, 2));
  maker.output(maker.node(
      "Conv", "conv", {x, w, b},
      {{"strides", std::vector<int64_t>{2, 2}}, {"pads", std::vector<int64_t>{0, 1, 2, 1}}}));
  const auto model = maker.finish();
  const auto plain = test::compress(model, recipe_of({{{"technique", "quantize-dynamic"}}}));
  EXPECT_EQ(plain.report["steps"][0]["kept"], false);
  EXPECT_NE(plain.report["steps"][0]["warnings"][0].get<std::string>().find("quantize-static"),
            std::string::npos);
  const auto asked = test::compress(
      model,
      recipe_of({{{"technique", "quantize-dynamic"}, {"convolutions", true}, {"keep", true}}}));
  EXPECT_EQ(count_ops(asked.model.graph, "ConvInteger"), 1);
  EXPECT_GT(test::output_sqnr_db(*model, asked.model), 33);
}

TEST(QuantizeDynamic, KeepsTiedWeightsTied) {
  test::ModelMaker maker;
  const ValueId ids = maker.input("ids", {1, 5}, DType::i64);
  const ValueId table = maker.constant("table", test::random_tensor({40, 32}, 1));
  const ValueId rows = maker.node("Gather", "embed", {ids, table});
  maker.graph().nodes.back().inputs = {table, ids};
  const ValueId shape = maker.constant("shape", Tensor::of<int64_t>({2}, {5, 32}));
  const ValueId flat = maker.node("Reshape", "flat", {rows, shape});
  maker.output(maker.node("Gemm", "logits", {flat, table}, {{"transB", int64_t{1}}}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-dynamic"}}}));
  int64_t int8_weights = 0;
  for (const Value& value : result.model.graph.values) {
    int8_weights += value.is_constant() && value.constant.dtype() == DType::i8 ? 1 : 0;
  }
  EXPECT_EQ(int8_weights, 1);
  Feeds feeds;
  feeds["ids"] = Tensor::of<int64_t>({1, 5}, {0, 3, 7, 39, 3});
  EXPECT_GT(test::sqnr_db(to_floats(test::reference_outputs(*model, feeds)[0], ""),
                          to_floats(test::reference_outputs(result.model, feeds)[0], "")),
            33);
}

TEST(Fp16, StoresHalvesBehindCast) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, recipe_of({{{"technique", "fp16"}}}));
  EXPECT_EQ(count_ops(result.model.graph, "Cast"), 3);  // two weights and the longer bias
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 65);
}

TEST(Fp16, MakesAWholeGraphWithCastsAtItsBorders) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, recipe_of({{{"technique", "fp16"}, {"graph", true}}}));
  const Graph& graph = result.model.graph;
  EXPECT_EQ(count_ops(graph, "Cast"), 2);
  EXPECT_EQ(graph.value(graph.inputs[0]).dtype, DType::f32);
  EXPECT_EQ(graph.value(graph.outputs[0]).dtype, DType::f32);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "fc2_out");
  EXPECT_EQ(graph.value(test::node_named(graph, "fc1").inputs[1]).constant.dtype(), DType::f16);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 50);
}

TEST(Fp16, LeavesWeightsBeyondItsRangeAlone) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 32});
  const ValueId w = maker.constant("w", test::random_tensor({32, 16}, 1, 1e6f));
  maker.output(maker.node("MatMul", "fc", {x, w}));
  const auto result = test::compress(maker.finish(), recipe_of({{{"technique", "fp16"}}}));
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"],
            "0/1: weights reach 3.66679e+06, float16 ends at 65504");
}

TEST(RoundForCompression, KeepsTheRatioItPromisesAndTheFormat) {
  const auto model = test::two_layers();
  for (const char* method : {"grid", "mantissa"}) {
    const auto result = test::compress(
        model,
        recipe_of({{{"technique", "round-for-compression"}, {"method", method}, {"sqnr", 30}}}));
    EXPECT_EQ(result.model.graph.nodes.size(), model->graph.nodes.size());
    const Tensor& weight = result.model.graph.value(result.model.graph.find("w1")).constant;
    const Tensor& before = model->graph.value(model->graph.find("w1")).constant;
    const double kept = test::sqnr_db(to_floats(before, ""), to_floats(weight, ""));
    EXPECT_GE(kept, 30) << method;
    EXPECT_LE(kept, 38) << method;
  }
}

}  // namespace
}  // namespace whittle
