#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

TEST(SvdTechnique, FullRankChangesNothing) {
  const auto model = test::two_layers();
  const auto result = test::compress(
      model,
      recipe_of({{{"technique", "svd"}, {"rank", 1000}, {"breakEven", false}, {"keep", true}}}));
  EXPECT_EQ(count_ops(result.model.graph, "Gemm"), 4);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
}

TEST(SvdTechnique, LeavesLayersPastBreakEvenAlone) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, recipe_of({{{"technique", "svd"}, {"energy", 1.0}}}));
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "0/2: rank past break-even");
  EXPECT_EQ(result.report["steps"][0]["kept"], false);
  EXPECT_EQ(write_model(result.model), write_model(*model));
}

TEST(SvdTechnique, UndoesAStepThatAddsWork) {
  const auto model = test::two_layers();
  const auto result = test::compress(
      model, recipe_of({{{"technique", "svd"}, {"rank", 31}, {"breakEven", false}}}));
  EXPECT_EQ(result.report["steps"][0]["kept"], false);
}

TEST(SvdTechnique, ReportsTheRankAndRepeatsIt) {
  const auto model = test::two_layers(64, 80, 40);
  const auto first = test::compress(model, recipe_of({{{"technique", "svd"}, {"ratio", 0.5}}}));
  const json& step = first.report["steps"][0];
  EXPECT_EQ(step["layers"]["text"], "2/2");
  // floor(0.5 * 64 * 80 / (64 + 80))
  EXPECT_EQ(step["details"][0]["detail"]["rank"], 17);
  const auto second = test::compress(model, json::parse(first.report["recipe"].dump()));
  EXPECT_EQ(write_model(first.model), write_model(second.model));
}

TEST(SvdTechnique, TheErrorIsTheTailOfTheSingularValues) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {32, 32});
  const ValueId w = maker.constant("w", test::random_tensor({32, 32}, 5));
  maker.output(maker.node("MatMul", "fc", {x, w}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "svd"}, {"rank", 8}}}));
  const double relative =
      result.report["steps"][0]["details"][0]["detail"]["relativeError"].get<double>();
  // The identity as input: the output is the product of the factors itself.
  Tensor identity = Tensor::zeros(DType::f32, {32, 32});
  for (size_t i = 0; i < 32; ++i) identity.mutable_data<float>()[i * 33] = 1;
  const Feeds feeds = {{"x", identity}};
  const double sqnr = test::sqnr_db(to_floats(test::reference_outputs(*model, feeds)[0], ""),
                                    to_floats(test::reference_outputs(result.model, feeds)[0], ""));
  EXPECT_NEAR(std::pow(10, -sqnr / 20), relative, 1e-4);
}

}  // namespace
}  // namespace whittle
