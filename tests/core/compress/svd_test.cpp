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
  options["technique"] = "svd";
  options["breakEven"] = false;
  options["faster"] = false;
  options["keep"] = true;
  return recipe_of({options});
}

TEST(SvdTechnique, FullRankChangesNothing) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, forced({{"rank", 1000}}));
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
  // 0.5 * 64 * 80 / (64 + 80) = 17.8, and the multiple of 8 below
  EXPECT_EQ(step["details"][0]["detail"]["rank"], 16);
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

TEST(SvdTechnique, TakesPointwiseConvolutions) {
  for (const test::ConvCase& each : {test::ConvCase{"plain", {1, 6, 5, 4}, {10, 6, 1, 1}, {}},
                                     test::ConvCase{"strided, padded, grouped",
                                                    {2, 12, 7, 6},
                                                    {8, 6, 1, 1},
                                                    {{"group", int64_t{2}},
                                                     {"strides", test::Integers{2, 1}},
                                                     {"pads", test::Integers{1, 0, 0, 2}}}},
                                     test::ConvCase{"1-D", {1, 6, 9}, {4, 6, 1}, {}}}) {
    SCOPED_TRACE(each.name);
    const auto model = test::one_conv(each);
    const auto full = test::compress(model, forced({{"rank", 1000}}));
    EXPECT_EQ(count_ops(full.model.graph, "Conv"), 2);
    test::expect_same_output(*model, full.model);
    const auto thin = test::compress(model, forced({{"rank", 2}}));
    EXPECT_GT(test::first_detail(thin)["relativeError"].get<double>(), 0.1);
  }
}

/** x [steps, batch, inputs] -> op with `gates` -> y */
std::shared_ptr<const Model> recurrent(const std::string& op, int64_t gates, int64_t directions) {
  const int64_t inputs = 10;
  const int64_t hidden = 7;
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {5, 2, inputs});
  const ValueId w =
      maker.constant("w", test::random_tensor({directions, gates * hidden, inputs}, 1, 0.3f));
  const ValueId r =
      maker.constant("r", test::random_tensor({directions, gates * hidden, hidden}, 2, 0.3f));
  const ValueId b =
      maker.constant("b", test::random_tensor({directions, 2 * gates * hidden}, 3, 0.3f));
  Attributes attributes = {{"hidden_size", hidden}};
  if (directions == 2) attributes["direction"] = std::string("bidirectional");
  maker.output(maker.node(op, "cell", {x, w, r, b}, attributes));
  return maker.finish();
}

TEST(SvdTechnique, BringsTheInputOfRecurrentLayersToFewerNumbers) {
  for (const auto& [op, gates] : {std::pair{"LSTM", 4}, std::pair{"GRU", 3}, std::pair{"RNN", 1}}) {
    for (int64_t directions : {1, 2}) {
      SCOPED_TRACE(concat(op, ' ', directions));
      const auto model = recurrent(op, gates, directions);
      const auto full = test::compress(model, forced({{"rank", 1000}}));
      EXPECT_EQ(count_ops(full.model.graph, "MatMul"), 1);
      test::expect_same_output(*model, full.model);
      const auto thin = test::compress(model, forced({{"rank", 3}}));
      const Node& cell = test::node_named(thin.model.graph, "cell");
      EXPECT_EQ(thin.model.graph.constant(cell.input(1))->shape(),
                (Shape{directions, gates * 7, 3}));
      // By the outputs it looks at the input of the layer too.
      const auto data = test::compress(model, forced({{"rank", 3}, {"minimize", "outputs"}}));
      EXPECT_GE(test::first_detail(data)["outputError"].get<double>(), 0);
    }
  }
}

TEST(SvdTechnique, MakesRowsOfEmbeddingsShort) {
  test::ModelMaker maker;
  const ValueId table = maker.constant("table", test::random_tensor({50, 12}, 1));
  const ValueId numbers = maker.input("numbers", {2, 3});  // rounded to indices, also from the end
  const ValueId ids = maker.node("Cast", "ids", {numbers}, {{"to", int64_t{7}}}, DType::i64);
  maker.output(maker.node("Gather", "embedding", {table, ids}));
  const auto model = maker.finish();
  const auto full = test::compress(model, forced({{"rank", 1000}}));
  EXPECT_EQ(count_ops(full.model.graph, "MatMul"), 1);
  test::expect_same_output(*model, full.model);
  // A look-up costs no arithmetic, its factors do: it is not replaced unless that is asked for.
  const auto usual = test::compress(model, recipe_of({{{"technique", "svd"}, {"rank", 4}}}));
  EXPECT_EQ(usual.report["steps"][0]["layers"]["text"], "0/1: it would not be faster");
}

/** x [batch, 6] -> a [6, 32] -> fc [32, 24]: what reaches fc lies in six dimensions of 32. */
std::shared_ptr<const Model> narrow_inputs() {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 6});
  const ValueId a = maker.constant("a", test::random_tensor({6, 32}, 5, 0.5f));
  const ValueId w = maker.constant("w", test::random_tensor({32, 24}, 6, 0.5f));
  maker.output(maker.node("MatMul", "fc", {maker.node("MatMul", "in", {x, a}), w}));
  return maker.finish();
}

TEST(SvdTechnique, MinimizesTheErrorOfTheOutputs) {
  const auto model = narrow_inputs();
  json step = {{"technique", "svd"},
               {"rank", 6},
               {"keep", true},
               {"layers", {{{"name", "fc"}, {"minimize", "outputs"}}}}};
  const auto data = test::compress(model, recipe_of({step}));
  ASSERT_EQ(data.report["steps"][0]["layers"]["touched"], 1);
  const json& detail = test::first_detail(data);
  EXPECT_EQ(detail["minimized"], "outputs");
  EXPECT_GT(detail["relativeError"].get<double>(), 0.3);  // of the weights
  EXPECT_LT(detail["outputError"].get<double>(), 1e-3);
  EXPECT_GT(detail["energy"].get<double>(), 1 - 1e-6);
  EXPECT_GT(test::output_sqnr_db(*model, data.model), 60);
  step["layers"][0]["minimize"] = "weights";
  const auto plain = test::compress(model, recipe_of({step}));
  EXPECT_LT(test::output_sqnr_db(*model, plain.model), 15);
  // Without data the report's recipe makes the same file.
  const json repeat = json::parse(data.report["recipe"].dump());
  EXPECT_EQ(parse_recipe(repeat, all_techniques()).data_passes(), 0);
  EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(data.model));
}

TEST(SvdTechnique, TheErrorOfTheOutputsIsThatOnTheData) {
  const auto model = test::two_layers(24, 40, 40);
  const auto result =
      test::compress(model,
                     recipe_of({{{"technique", "svd"},
                                 {"rank", 8},
                                 {"keep", true},
                                 {"layers", {{{"name", "fc1"}, {"minimize", "outputs"}}}}}}),
                     8, 64);
  // The energy that is said to be kept and the error that is measured agree.
  const json& detail = test::first_detail(result);
  EXPECT_NEAR(std::pow(detail["outputError"].get<double>(), 2), 1 - detail["energy"].get<double>(),
              1e-4);
}

TEST(SvdTechnique, RefusesABasisItCannotRead) {
  const auto model = test::two_layers();
  for (const json& broken :
       {json{{"name", "fc1"}, {"basis", "AAA"}}, json{{"name", "fc1"}, {"rank", 2}, {"basis", "A"}},
        json{{"name", "fc1"}, {"rank", 1}, {"basis", std::string(48 * 3, '-')}}}) {
    try {
      test::compress(model, recipe_of({{{"technique", "svd"}, {"layers", {broken}}}}));
      FAIL() << broken;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::INVALID_OPTION);
      EXPECT_EQ(error.where, "fc1");
    }
  }
}

TEST(SvdTechnique, RandomProjectionOfLargeMatricesIsCloseAndRepeats) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {1, 400});
  const Tensor left = test::random_tensor({400, 40}, 1, 0.2f);
  const Tensor right = test::random_tensor({40, 400}, 2, 0.2f);
  Tensor weight = Tensor::zeros(DType::f32, {400, 400});
  for (int i = 0; i < 400; ++i) {
    for (int r = 0; r < 40; ++r) {
      const float factor = left.data<float>()[static_cast<size_t>(i * 40 + r)];
      for (int j = 0; j < 400; ++j) {
        weight.mutable_data<float>()[static_cast<size_t>(i * 400 + j)] +=
            factor * right.data<float>()[static_cast<size_t>(r * 400 + j)];
      }
    }
  }
  maker.output(maker.node("MatMul", "fc", {x, maker.constant("w", weight)}));
  const auto model = maker.finish();
  const auto first = test::compress(model, recipe_of({{{"technique", "svd"}, {"ratio", 0.2}}}));
  EXPECT_EQ(test::first_detail(first)["rank"], 40);
  EXPECT_LT(test::first_detail(first)["relativeError"].get<double>(), 1e-5);
  const json repeat = json::parse(first.report["recipe"].dump());
  EXPECT_EQ(repeat["steps"][0]["layers"][0]["randomized"], true);
  EXPECT_EQ(write_model(test::compress(model, repeat).model), write_model(first.model));
}

}  // namespace
}  // namespace whittle
