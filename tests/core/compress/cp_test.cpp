#include <gtest/gtest.h>

#include "core/onnx/writer.h"
#include "tests/core/compress/conv_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

/** A sum of `rank` terms, each a product along every mode. */
Tensor sum_of_terms(const Shape& shape, int64_t rank) {
  std::vector<Tensor> factors;
  for (int mode = 0; mode < shape.rank(); ++mode) {
    factors.push_back(
        test::random_tensor({shape[mode], rank}, static_cast<uint64_t>(50 + mode), 0.5f));
  }
  Tensor weight = Tensor::zeros(DType::f32, shape);
  for (int64_t i = 0; i < weight.elements(); ++i) {
    for (int64_t r = 0; r < rank; ++r) {
      double term = 1;
      int64_t rest = i;
      for (int mode = shape.rank(); mode-- > 0;) {
        term *= factors[static_cast<size_t>(mode)]
                    .data<float>()[static_cast<size_t>(rest % shape[mode] * rank + r)];
        rest /= shape[mode];
      }
      weight.mutable_data<float>()[static_cast<size_t>(i)] += static_cast<float>(term);
    }
  }
  return weight;
}

json forced(int rank) {
  return recipe_of({{{"technique", "cp"},
                     {"rank", rank},
                     {"breakEven", false},
                     {"faster", false},
                     {"keep", true}}});
}

TEST(Cp, TheChainIsTheConvolutionOfTheSumOfItsTerms) {
  for (const test::ConvCase& each : test::conv_cases()) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each, sum_of_terms(each.weight, 2));
    const auto result = test::compress(model, forced(3));
    EXPECT_EQ(count_ops(result.model.graph, "Conv"), 4);
    const json& detail = test::first_detail(result);
    // Two terms are found by three up to where the iteration stands still.
    EXPECT_LT(detail["relativeError"].get<double>(), 0.01);
    test::expect_same_output(*model, result.model, 30);
  }
}

/** The kernel that the chain amounts to, by an impulse at every input channel. */
TEST(Cp, TheReportedErrorIsThatOfTheChain) {
  const auto model = test::one_conv({"plain", {1, 6, 9, 8}, {10, 6, 3, 3}, {}});
  const auto result = test::compress(model, forced(8));
  const auto response = [](const Model& which) {
    std::vector<float> all;
    for (int64_t channel = 0; channel < 6; ++channel) {
      Tensor x = Tensor::zeros(DType::f32, {1, 6, 9, 8});
      x.mutable_data<float>()[static_cast<size_t>(channel * 72 + 4 * 8 + 4)] = 1;
      Model bare = which;  // without the Relu, and the bias taken out below
      bare.graph.outputs = {bare.graph.nodes.back().input(0)};
      Tensor nothing = Tensor::zeros(DType::f32, {1, 6, 9, 8});
      const auto with = to_floats(test::reference_outputs(bare, {{"x", x}})[0], "");
      const auto bias = to_floats(test::reference_outputs(bare, {{"x", nothing}})[0], "");
      for (size_t i = 0; i < with.size(); ++i) all.push_back(with[i] - bias[i]);
    }
    return all;
  };
  const double sqnr = test::sqnr_db(response(*model), response(result.model));
  EXPECT_NEAR(std::pow(10, -sqnr / 20), test::first_detail(result)["relativeError"].get<double>(),
              1e-5);
}

TEST(Cp, OneDepthwiseConvolutionForEachAxisOfTheWindow) {
  for (const auto& [each, links] :
       {std::pair{test::ConvCase{"1-D", {1, 6, 20}, {8, 6, 5}, {{"strides", test::Integers{2}}}},
                  3},
        std::pair{test::ConvCase{
                      "flat",
                      {1, 6, 9, 9},
                      {8, 6, 1, 3},
                      {{"strides", test::Integers{2, 2}}, {"pads", test::Integers{1, 1, 0, 1}}}},
                  3}}) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each, sum_of_terms(each.weight, 1));
    const auto result = test::compress(model, forced(1));
    EXPECT_EQ(count_ops(result.model.graph, "Conv"), links);
    test::expect_same_output(*model, result.model);
  }
}

TEST(Cp, RepeatsItself) {
  const test::ConvCase large{"large", {1, 32, 12, 12}, {48, 32, 3, 3}, {}};
  const auto model = test::one_conv(large);
  const auto first = test::compress(model, recipe_of({{{"technique", "cp"}, {"ratio", 0.2}}}));
  ASSERT_EQ(first.report["steps"][0]["layers"]["touched"], 1);
  const json& detail = test::first_detail(first);
  EXPECT_LE(detail["parameterRatio"].get<double>(), 0.2);
  EXPECT_EQ(detail["rank"].get<int>() % 8, 0);
  const json& recipe = first.report["recipe"];
  EXPECT_TRUE(recipe["steps"][0]["layers"][0].contains("start"));
  const auto second = test::compress(model, json::parse(recipe.dump()));
  EXPECT_EQ(write_model(first.model), write_model(second.model));
}

TEST(Cp, ReportsTermsThatCancelEachOther) {
  // a a b + a b a + b a a: terms of rank two come as close as one likes, without bound.
  Tensor weight = Tensor::zeros(DType::f32, {2, 2, 2});
  for (size_t i : {1u, 2u, 4u}) weight.mutable_data<float>()[i] = 1;
  const auto model = test::one_conv({"degenerate", {1, 2, 9}, {2, 2, 2}, {}}, weight);
  const auto result = test::compress(model, forced(2));
  EXPECT_GT(test::first_detail(result)["cancellation"].get<double>(), 8);
  const bool degenerate = test::first_detail(result)["degenerate"].get<bool>();
  EXPECT_EQ(result.report["steps"][0]["warnings"].size(), degenerate ? 1u : 0u);
}

TEST(Cp, RefitsTheLastConvolutionOnData) {
  const auto model = test::narrow_channels();
  json step = {{"technique", "cp"}, {"keep", true}};
  step["layers"] = {{{"name", "conv"}, {"rank", 24}, {"starts", 1}, {"minimize", "outputs"}}};
  const auto data = test::compress(model, recipe_of({step}));
  ASSERT_EQ(data.report["steps"][0]["layers"]["touched"], 1);
  EXPECT_EQ(test::first_detail(data)["minimized"], "outputs");
  step["layers"][0]["minimize"] = "weights";
  const auto plain = test::compress(model, recipe_of({step}));
  // Other inputs than those it was fitted on.
  EXPECT_GT(test::output_sqnr_db(*model, data.model, 1),
            test::output_sqnr_db(*model, plain.model, 1) + 1);
  // Without data the report's recipe makes the same file.
  const json repeat = json::parse(data.report["recipe"].dump());
  EXPECT_EQ(parse_recipe(repeat, all_techniques()).data_passes(), 0);
  EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(data.model));
}

}  // namespace
}  // namespace whittle
