#include <gtest/gtest.h>

#include <cmath>

#include "core/linalg/svd.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/conv_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

json forced(int rank) {
  return recipe_of({{{"technique", "spatial-svd"},
                     {"rank", rank},
                     {"breakEven", false},
                     {"faster", false},
                     {"keep", true}}});
}

TEST(SpatialSvd, FullRankChangesNothing) {
  for (const test::ConvCase& each : test::conv_cases()) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each);
    const auto result = test::compress(model, forced(1000));
    EXPECT_EQ(count_ops(result.model.graph, "Conv"), 2);
    test::expect_same_output(*model, result.model);
  }
}

TEST(SpatialSvd, TheErrorIsTheTailOfTheSingularValues) {
  const test::ConvCase each = test::conv_cases()[0];  // [10, 6, 3, 3]
  const Tensor weight = test::random_tensor(each.weight, 3);
  // [(c, i), (m, j)], whatever the order of rows and columns.
  std::vector<float> unfolded(10 * 6 * 9);
  for (int m = 0; m < 10; ++m) {
    for (int c = 0; c < 6; ++c) {
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) {
          unfolded[static_cast<size_t>((c * 3 + i) * 30 + m * 3 + j)] =
              weight.data<float>()[static_cast<size_t>(((m * 6 + c) * 3 + i) * 3 + j)];
        }
      }
    }
  }
  const Svd parts = svd(unfolded, 18, 30);
  double tail = 0;
  double total = 0;
  for (size_t i = 0; i < parts.s.size(); ++i) {
    total += std::pow(parts.s[i], 2);
    tail += i < 5 ? 0 : std::pow(parts.s[i], 2);
  }
  const auto result = test::compress(test::one_conv(each, weight), forced(5));
  EXPECT_NEAR(test::first_detail(result)["relativeError"].get<double>(), std::sqrt(tail / total),
              1e-5);
  EXPECT_EQ(test::first_detail(result)["fullRank"], 18);
}

TEST(SpatialSvd, RecoversSeparableKernels) {
  // Gaussian-like windows: one vertical filter for each input, one horizontal for each output.
  Tensor weight = Tensor::allocate(DType::f32, {32, 16, 5, 5});
  const Tensor v = test::random_tensor({16, 5}, 1);
  const Tensor h = test::random_tensor({32, 5}, 2);
  for (int64_t i = 0; i < weight.elements(); ++i) {
    const int64_t vertical = i / 25 % 16 * 5 + i / 5 % 5;
    const int64_t horizontal = i / 400 * 5 + i % 5;
    weight.mutable_data<float>()[static_cast<size_t>(i)] =
        v.data<float>()[static_cast<size_t>(vertical)] *
        h.data<float>()[static_cast<size_t>(horizontal)];
  }
  const auto model = test::one_conv({"separable", {1, 16, 12, 12}, {32, 16, 5, 5}, {}}, weight);
  const auto result = test::compress(
      model, recipe_of({{{"technique", "spatial-svd"}, {"error", 1e-3}, {"multiple", 1}}}));
  EXPECT_EQ(test::first_detail(result)["rank"], 1);
  test::expect_same_output(*model, result.model);
}

TEST(SpatialSvd, RepeatsItselfAlsoByRandomProjection) {
  const test::ConvCase large{"large", {1, 32, 10, 10}, {48, 32, 3, 3}, {}};
  const auto model = test::one_conv(large);
  for (bool randomized : {false, true}) {
    const auto first = test::compress(
        model,
        recipe_of({{{"technique", "spatial-svd"}, {"ratio", 0.4}, {"randomized", randomized}}}));
    ASSERT_EQ(first.report["steps"][0]["layers"]["touched"], 1);
    const auto second = test::compress(model, json::parse(first.report["recipe"].dump()));
    EXPECT_EQ(write_model(first.model), write_model(second.model));
  }
}

TEST(SpatialSvd, LeavesWindowsAlongOneAxisAlone) {
  const auto model = test::one_conv({"flat", {1, 8, 9, 9}, {8, 8, 1, 3}, {}});
  const auto result = test::compress(model, forced(2));
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "0/1: its window lies along one axis");
}

TEST(SpatialSvd, RefitsTheLastConvolutionOnData) {
  const auto model = test::narrow_channels();
  json step = {{"technique", "spatial-svd"}, {"keep", true}};
  step["layers"] = {{{"name", "conv"}, {"rank", 16}, {"minimize", "outputs"}}};
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
