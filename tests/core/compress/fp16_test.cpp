// What stays float32: weights and activations that binary16 cannot hold.
#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/quantize/support/half/half.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

TEST(HalfLoss, CountsWhatLeavesTheRange) {
  HalfLoss loss;
  // 65519.9 is still rounded down to 65504; 2^-25 is the tie that rounds to zero.
  loss.add(std::vector<float>{65519.9f, 65520.0f, -1e6f, 0x1p-25f, 0x1.8p-25f, 0.0f, INFINITY});
  EXPECT_EQ(loss.overflows, 2);
  EXPECT_EQ(loss.underflows, 1);
  EXPECT_EQ(loss.nonzero, 5);
  EXPECT_EQ(loss.largest, 1e6);
}

TEST(HalfLoss, JudgesByRangeZerosAndRatio) {
  HalfLoss fine;
  fine.add(std::vector<float>{1.0f, -0.3f, 2000.0f});
  EXPECT_EQ(fine.obstacle("weights"), "");
  HalfLoss close;
  close.add(std::vector<float>{40000.0f});
  EXPECT_EQ(close.obstacle("activations"), "");
  EXPECT_EQ(close.obstacle("activations", 2), "activations reach 40000, float16 ends at 65504");
  HalfLoss epsilon;
  epsilon.add(std::vector<float>{1e-12f});
  EXPECT_EQ(epsilon.obstacle("weights"), "1 of 1 weights would become zero in float16");
  HalfLoss coarse;  // a few steps of the smallest subnormal
  for (int i = 1; i < 200; ++i)
    coarse.add(std::vector<float>{1.3e-7f + 1e-9f * static_cast<float>(i)});
  EXPECT_NE(coarse.obstacle("weights"), "");
}

/** x [batch, 8] -> MatMul that reaches 1e6 -> Relu -> MatMul back to about 1 -> Relu -> MatMul. */
std::shared_ptr<const Model> overflows_in_the_middle() {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 8});
  const ValueId up = maker.constant("up", test::random_tensor({8, 16}, 1, 3e4f));
  const ValueId down = maker.constant("down", test::random_tensor({16, 8}, 2, 1e-5f));
  const ValueId last = maker.constant("last", test::random_tensor({8, 8}, 3, 1.0f));
  const ValueId huge = maker.node("Relu", "huge", {maker.node("MatMul", "grow", {x, up})});
  const ValueId small = maker.node("Relu", "small", {maker.node("MatMul", "shrink", {huge, down})});
  maker.output(maker.node("MatMul", "fc", {small, last}));
  return maker.finish();
}

bool is_finite(const Model& model, const Model& like) {
  for (const Tensor& output : test::reference_outputs(model, test::random_feeds(like, 1234, 4))) {
    for (float value : to_floats(output, "output")) {
      if (!std::isfinite(value)) return false;
    }
  }
  return true;
}

json half_graph(const std::string& float32) {
  return recipe_of(
      {{{"technique", "fp16"}, {"graph", true}, {"float32", float32}, {"keep", true}}});
}

TEST(Fp16, KeepsWhatOverflowsOnCalibrationDataInFloat32) {
  const auto model = overflows_in_the_middle();
  const auto blind = test::compress(model, half_graph("none"), 0);
  EXPECT_FALSE(is_finite(blind.model, *model));
  const auto result = test::compress(model, half_graph("auto"));
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 55);
  const Graph& graph = result.model.graph;
  // grow, huge and shrink pass float32 on; small and fc are float16.
  EXPECT_EQ(graph.value(graph.find("grow_out")).dtype, DType::f32);
  EXPECT_EQ(graph.value(graph.find("huge_out")).dtype, DType::f32);
  EXPECT_EQ(graph.value(graph.find("small_out")).dtype, DType::f16);
  EXPECT_EQ(graph.value(graph.find("last")).constant.dtype(), DType::f16);
  EXPECT_EQ(graph.value(graph.find("up")).constant.dtype(), DType::f32);
  EXPECT_EQ(count_ops(graph, "Cast"), 2) << "shrink_out narrowed, the output widened";

  const json& step = result.report["recipe"]["steps"][0];
  EXPECT_EQ(step["float32"], "none");
  EXPECT_EQ(step["layers"].size(), 3u);
  const auto again = test::compress(model, result.report["recipe"], 0);
  EXPECT_EQ(write_model(again.model), write_model(result.model));
}

TEST(Fp16, ReportsRangesLayerByLayer) {
  const auto result = test::compress(overflows_in_the_middle(), half_graph("auto"));
  const json& details = result.report["steps"][0]["details"];
  ASSERT_EQ(details.size(), 1u);
  EXPECT_EQ(details[0]["name"], "fc");
  EXPECT_EQ(details[0]["detail"]["weights"]["overflows"], 0);
  EXPECT_GT(details[0]["detail"]["activations"]["largest"].get<double>(), 0);
  EXPECT_NE(result.report["steps"][0]["layers"]["reasons"][0]["reason"].get<std::string>().find(
                "float16 ends at 65504"),
            std::string::npos);
}

/** Layer normalization as exporters spell it out, with the values and epsilon given. */
std::shared_ptr<const Model> normalization(float scale, float epsilon) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 16});
  const ValueId w = maker.constant("w", test::random_tensor({16, 16}, 1, scale));
  const ValueId h = maker.node("MatMul", "fc", {x, w});
  const ValueId two = maker.constant("two", Tensor::scalar(2.0f));
  const ValueId square = maker.node("Pow", "square", {h, two});
  const ValueId axes = maker.constant("axes", Tensor::of<int64_t>({1}, {1}));
  const ValueId mean = maker.node("ReduceMean", "mean", {square, axes});
  const ValueId e = maker.constant("e", Tensor::scalar(epsilon));
  const ValueId root = maker.node("Sqrt", "root", {maker.node("Add", "plus", {mean, e})});
  maker.output(maker.node("Div", "normal", {h, root}));
  return maker.finish();
}

TEST(Fp16, KeepsOperatorsThatLeaveTheRangeWithoutData) {
  const auto model = normalization(100, 1e-5f);
  const auto result = test::compress(model, half_graph("listed"), 0);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 50);
  // The sum between mean and root stays too, so that only borders are cast: fc's output for the
  // square, the root for the quotient, input and output of the model.
  EXPECT_EQ(count_ops(result.model.graph, "Cast"), 4);
  const auto blind = test::compress(model, half_graph("none"), 0);
  EXPECT_LT(test::output_sqnr_db(*model, blind.model), 10);
}

TEST(Fp16, KeepsAnEpsilonThatWouldBecomeZero) {
  const auto model = normalization(1, 1e-12f);
  const auto result = test::compress(model, half_graph("listed"), 0);
  const Graph& graph = result.model.graph;
  EXPECT_EQ(graph.value(graph.find("e")).constant.dtype(), DType::f32);
}

TEST(Fp16, KeepsAnyOperatorARuleNames) {
  const auto model = normalization(1, 1e-5f);
  json recipe = half_graph("none");
  recipe["steps"][0]["layers"] = {{{"op", "Div"}, {"skip", true}}};
  const Graph graph = test::compress(model, recipe, 0).model.graph;
  EXPECT_EQ(graph.value(graph.find("normal_out")).dtype, DType::f32);
  EXPECT_EQ(graph.value(graph.find("root_out")).dtype, DType::f16);
}

TEST(Fp16, SequencesKeepWhatIsInside) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 8});
  const ValueId w = maker.constant("w", test::random_tensor({8, 8}, 1, 1.0f));
  const ValueId sizes = maker.constant("sizes", Tensor::of<int64_t>({2}, {3, 5}));
  const ValueId index = maker.constant("index", Tensor::scalar<int64_t>(1));
  const ValueId v = maker.constant("v", test::random_tensor({5, 4}, 2, 1.0f));
  const ValueId h = maker.node("MatMul", "fc1", {x, w});
  const ValueId parts =
      maker.node("SplitToSequence", "parts", {h, sizes}, {{"axis", int64_t{1}}}, DType::undefined);
  maker.output(maker.node("MatMul", "fc2", {maker.node("SequenceAt", "part", {parts, index}), v}));
  const auto model = maker.finish();
  const auto result = test::compress(model, half_graph("none"), 0);
  const Graph& graph = result.model.graph;
  EXPECT_EQ(graph.value(graph.find("fc1_out")).dtype, DType::f16);
  EXPECT_EQ(graph.value(graph.find("part_out")).dtype, DType::f32);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 50);
}

TEST(Fp16, AsksForDataOnlyWhereItLooksAtIt) {
  try {
    test::compress(overflows_in_the_middle(), half_graph("auto"), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::CALIBRATION_REQUIRED);
  }
  for (const json& technique : technique_schema()) {
    if (technique["name"] == "fp16") EXPECT_EQ(technique["needsData"], false);
  }
}

}  // namespace
}  // namespace whittle
