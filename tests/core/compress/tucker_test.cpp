#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/writer.h"
#include "tests/core/compress/conv_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

json forced(json options) {
  options["technique"] = "tucker";
  options["breakEven"] = false;
  options["faster"] = false;
  options["keep"] = true;
  return recipe_of({options});
}

TEST(Tucker, FullRanksChangeNothing) {
  for (const test::ConvCase& each : test::conv_cases()) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each);
    const auto result = test::compress(model, forced({{"rank", 1000}}));
    EXPECT_EQ(count_ops(result.model.graph, "Conv"), 3);
    test::expect_same_output(*model, result.model);
  }
}

TEST(Tucker, TakesWindowsOfOneAndThreeAxes) {
  for (const test::ConvCase& each :
       {test::ConvCase{"1-D", {1, 6, 20}, {8, 6, 5}, {{"strides", test::Integers{2}}}},
        test::ConvCase{"3-D", {1, 4, 5, 6, 7}, {6, 4, 2, 3, 2}, {}}}) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each);
    const auto result = test::compress(model, forced({{"rank", 1000}}));
    EXPECT_EQ(count_ops(result.model.graph, "Conv"), 3);
    test::expect_same_output(*model, result.model);
  }
}

TEST(Tucker, RecoversAKernelOfLowRankByEveryRule) {
  const test::ConvCase large{"large", {1, 32, 12, 12}, {48, 32, 3, 3}, {}};
  const auto model = test::one_conv(large, test::low_rank_kernel(48, 32, 3, 3, 8, 16));
  for (const json& rule : {json{{"energy", 0.999999}}, json{{"error", 0.001}}, json{{"vbmf", true}},
                           json{{"rankOut", 8}, {"rankIn", 16}}}) {
    SCOPED_TRACE(rule.dump());
    json step = rule;
    step["technique"] = "tucker";
    const auto result = test::compress(model, recipe_of({step}));
    ASSERT_EQ(result.report["steps"][0]["layers"]["touched"], 1);
    EXPECT_EQ(test::first_detail(result)["rankOut"], 8);
    EXPECT_EQ(test::first_detail(result)["rankIn"], 16);
    EXPECT_LT(test::first_detail(result)["relativeError"].get<double>(), 1e-6);
    test::expect_same_output(*model, result.model);
  }
}

TEST(Tucker, AModeAtFullRankGetsNoConvolutionOfItsOwn) {
  const test::ConvCase thin{"thin", {1, 3, 12, 12}, {32, 3, 3, 3}, {}};
  const auto model = test::one_conv(thin);
  const auto result = test::compress(model, forced({{"rankOut", 8}, {"rankIn", 3}}));
  EXPECT_EQ(count_ops(result.model.graph, "Conv"), 2);
  const Tensor core = *result.model.graph.constant(result.model.graph.nodes[0].input(1));
  EXPECT_EQ(core.shape(), (Shape{8, 3, 3, 3}));
  // What is left is the error that is reported, on the output of white inputs.
  const double error = test::first_detail(result)["relativeError"].get<double>();
  EXPECT_GT(error, 0.05);
  EXPECT_LE(error, test::first_detail(result)["hosvdError"].get<double>() + 1e-6);
}

TEST(Tucker, KeepsWithinTheRatioAndRepeatsItself) {
  const test::ConvCase large{"large", {1, 32, 12, 12}, {48, 32, 3, 3}, {}};
  const auto model = test::one_conv(large);
  const auto first = test::compress(model, recipe_of({{{"technique", "tucker"}, {"ratio", 0.4}}}));
  const json& detail = test::first_detail(first);
  EXPECT_LE(detail["parameterRatio"].get<double>(), 0.4);
  EXPECT_GT(detail["parameterRatio"].get<double>(), 0.25);
  EXPECT_LT(detail["macRatio"].get<double>(), 0.4);
  EXPECT_EQ(detail["rankOut"].get<int>() % 8, 0);
  EXPECT_EQ(detail["rankIn"].get<int>() % 8, 0);
  const auto second = test::compress(model, json::parse(first.report["recipe"].dump()));
  EXPECT_EQ(write_model(first.model), write_model(second.model));
}

TEST(Tucker, SaysWhyLayersAreLeftAlone) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {1, 16, 8, 8});
  const auto conv = [&](const std::string& name, const Shape& shape, Attributes attributes = {}) {
    const ValueId w = maker.constant(name + "_w", test::random_tensor(shape, 5));
    return maker.node("Conv", name, {x, w}, std::move(attributes));
  };
  maker.output(conv("pointwise", {8, 16, 1, 1}));
  maker.output(conv("depthwise", {16, 1, 3, 3}, {{"group", int64_t{16}}}));
  maker.output(conv("noise", {16, 16, 3, 3}));
  const ValueId computed = maker.node("Relu", "relu", {maker.input("w", {4, 16, 3, 3})});
  maker.output(maker.node("Conv", "computed", {x, computed}));
  const auto model = maker.finish();
  const auto result = test::compress(
      model, recipe_of({{{"technique", "tucker"}, {"energy", 0.999}, {"keep", true}}}));
  EXPECT_EQ(
      result.report["steps"][0]["layers"]["text"],
      "0/4: 1 its kernel is 1x1: svd takes it; 1 it is depthwise; 1 its weight is computed at "
      "run time; 1 rank past break-even");
  // What was tried says how far it was.
  const json& tried = result.report["steps"][0]["facts"]["leftAlone"]["noise"];
  EXPECT_GE(tried["parameterRatio"].get<double>(), 1);
}

TEST(Tucker, FactorizesASharedKernelOnce) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {1, 32, 8, 8});
  const ValueId w = maker.constant("w", test::random_tensor({32, 32, 3, 3}, 5));
  const Attributes same = {{"pads", test::Integers{1, 1, 1, 1}}};
  const ValueId once = maker.node("Conv", "first", {x, w}, same);
  maker.output(maker.node("Conv", "second", {once, w}, same));
  const auto model = maker.finish();
  json step = {{"technique", "tucker"}, {"rankOut", 8}, {"rankIn", 8}};
  const auto both = test::compress(model, recipe_of({step}));
  EXPECT_EQ(count_ops(both.model.graph, "Conv"), 6);
  EXPECT_EQ(both.model.graph.nodes[0].input(1), both.model.graph.nodes[3].input(1));
  step["layers"] = {{{"name", "first"}}};
  const auto one = test::compress(model, recipe_of({step}));
  EXPECT_EQ(one.report["steps"][0]["layers"]["text"],
            "0/2: 1 not selected; 1 its weight is shared with a layer that keeps it");
}

TEST(Tucker, LeavesALayerThatWouldNotBeFaster) {
  // On a plane this small and thin the extra passes over the data cost more than they save.
  const test::ConvCase thin{"thin", {1, 2, 16, 16}, {2, 2, 2, 2}, {}};
  const auto model = test::one_conv(thin, test::low_rank_kernel(2, 2, 2, 2, 1, 1));
  const auto result =
      test::compress(model, recipe_of({{{"technique", "tucker"}, {"rank", 1}, {"keep", true}}}));
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "0/1: it would not be faster");
}

TEST(Tucker, MinimizesTheErrorOfTheOutputs) {
  const auto model = test::narrow_channels();
  json step = {
      {"technique", "tucker"},
      {"keep", true},
      {"layers", {{{"name", "conv"}, {"rankIn", 4}, {"rankOut", 24}, {"minimize", "outputs"}}}}};
  const auto data = test::compress(model, recipe_of({step}));
  ASSERT_EQ(data.report["steps"][0]["layers"]["touched"], 1);
  const json& detail = test::first_detail(data);
  EXPECT_EQ(detail["minimized"], "outputs");
  EXPECT_GT(detail["relativeError"].get<double>(), 0.3);  // of the weights
  EXPECT_LT(detail["outputError"].get<double>(), 2e-3);
  test::expect_same_output(*model, data.model, 50);
  step["layers"][0]["minimize"] = "weights";
  const auto plain = test::compress(model, recipe_of({step}));
  EXPECT_LT(test::output_sqnr_db(*model, plain.model, 1), 15);
  // Without data the report's recipe makes the same file.
  const json repeat = json::parse(data.report["recipe"].dump());
  EXPECT_EQ(parse_recipe(repeat, all_techniques()).data_passes(), 0);
  EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(data.model));
}

TEST(Tucker, OnDataItIsNeverWorseThanByTheWeights) {
  // Grouped and strided, with white inputs: there is little to gain.
  const test::ConvCase each{"grouped",
                            {1, 32, 9, 9},
                            {48, 16, 3, 3},
                            {{"group", int64_t{2}}, {"strides", test::Integers{2, 1}}}};
  const auto model = test::one_conv(each);
  const auto data = test::compress(
      model,
      recipe_of(
          {{{"technique", "tucker"}, {"rankIn", 8}, {"rankOut", 8}, {"minimize", "outputs"}}}));
  const json& detail = test::first_detail(data);
  // Some hundred patches of 144 numbers are not quite white.
  EXPECT_LT(detail["outputError"].get<double>(), detail["hosvdError"].get<double>() + 0.02);
  const json repeat = json::parse(data.report["recipe"].dump());
  EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(data.model));
}

}  // namespace
}  // namespace whittle
