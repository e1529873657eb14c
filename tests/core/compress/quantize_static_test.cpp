#include <gtest/gtest.h>

#include "core/compress/quantize/support/placement.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

/** conv -> BN -> relu -> maxpool -> conv + shortcut -> relu -> concat -> gap -> flatten -> gemm. */
std::shared_ptr<const Model> small_network() {
  test::ModelMaker maker;
  const auto weights = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    return maker.constant(name, test::random_tensor(shape, seed, 0.3f));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 12, 12});
  const ValueId c1 =
      maker.node("Conv", "conv1", {x, weights("w1", {8, 3, 3, 3}, 1), weights("b1", {8}, 2)},
                 {{"auto_pad", std::string("SAME_UPPER")}});
  const ValueId bn =
      maker.node("BatchNormalization", "bn",
                 {c1, weights("gamma", {8}, 3), weights("beta", {8}, 4), weights("mean", {8}, 5),
                  maker.constant("var", Tensor::of<float>({8}, {1, 2, 3, 1, 2, 3, 1, 2}))});
  const ValueId r1 = maker.node("Relu", "relu1", {bn});
  const ValueId pool = maker.node(
      "MaxPool", "pool", {r1},
      {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  const ValueId c2 = maker.node("Conv", "conv2", {pool, weights("w2", {8, 8, 3, 3}, 6)},
                                {{"pads", std::vector<int64_t>{0, 1, 2, 1}}});
  const ValueId sum = maker.node("Add", "sum", {c2, pool});
  const ValueId r2 = maker.node("Relu", "relu2", {sum});
  const ValueId c3 =
      maker.node("Conv", "conv3", {r2, weights("w3", {8, 1, 3, 3}, 7), weights("b3", {8}, 8)},
                 {{"group", int64_t{8}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId low = maker.constant("low", Tensor::scalar(0.0f));
  const ValueId high = maker.constant("high", Tensor::scalar(6.0f));
  const ValueId clip = maker.node("Clip", "relu6", {c3, low, high});
  const ValueId cat = maker.node("Concat", "cat", {clip, r2}, {{"axis", int64_t{1}}});
  const ValueId gap = maker.node("GlobalAveragePool", "gap", {cat});
  const ValueId flat = maker.node("Flatten", "flat", {gap});
  maker.output(maker.node("Gemm", "fc", {flat, weights("w4", {10, 16}, 9), weights("b4", {10}, 10)},
                          {{"transB", int64_t{1}}}));
  return maker.finish();
}

TEST(QuantizeStatic, LeavesNoFloatOperatorBetweenIntegerLayers) {
  const auto model = small_network();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-static"}}}));
  const Graph& graph = result.model.graph;
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "4/4");
  // Every activation is folded into the range of what it clips.
  EXPECT_EQ(count_ops(graph, "Relu") + count_ops(graph, "Clip"), 0);
  EXPECT_EQ(count_ops(graph, "BatchNormalization"), 0);
  std::map<ValueId, const Node*> producers;
  for (const Node& node : graph.nodes) {
    for (ValueId out : node.outputs) producers[out] = &node;
  }
  for (const Node& node : graph.nodes) {
    if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") continue;
    for (ValueId input : node.inputs) {
      if (graph.value(input).is_constant() || input == graph.inputs[0]) continue;
      EXPECT_EQ(producers.at(input)->op, "DequantizeLinear") << node.label();
    }
  }
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "fc_out");
}

TEST(QuantizeStatic, WorksWithSignedActivationsAndPerTensorWeights) {
  const auto model = small_network();
  const auto signed_result =
      test::compress(model, recipe_of({{{"technique", "quantize-static"}, {"activations", "s8"}}}));
  EXPECT_GT(test::output_sqnr_db(*model, signed_result.model), 25);
  const auto per_tensor =
      test::compress(model, recipe_of({{{"technique", "quantize-static"}, {"weights", "tensor"}}}));
  EXPECT_GT(test::output_sqnr_db(*model, per_tensor.model), 20);
}

TEST(QuantizeStatic, RepeatsItsResultFromTheReportWithoutData) {
  const auto model = small_network();
  const auto first =
      test::compress(model, recipe_of({{{"technique", "quantize-static"},
                                        {"layers", {{{"name", "conv2"}, {"skip", true}}}}}}));
  EXPECT_EQ(first.report["steps"][0]["layers"]["text"], "3/4: 1 not selected");
  const json repeat = json::parse(first.report["recipe"].dump());
  const auto second = test::compress(model, repeat, 0);
  EXPECT_EQ(write_model(first.model), write_model(second.model));
}

TEST(QuantizeStatic, KeepsTheEndsInFloatOnRequest) {
  const auto model = small_network();
  const auto result = test::compress(
      model, recipe_of({{{"technique", "quantize-static"}, {"firstLast", "float"}}}));
  const Graph& graph = result.model.graph;
  EXPECT_EQ(graph.value(test::node_named(graph, "conv1").inputs[0]).name, "x");
  EXPECT_TRUE(graph.value(test::node_named(graph, "fc").inputs[1]).is_constant());
}

TEST(QuantizeStatic, FitsBiasesOfDeadChannels) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 4, 5, 5});
  Tensor weight = test::random_tensor({3, 4, 1, 1}, 1);
  for (int i = 0; i < 4; ++i) weight.mutable_data<float>()[static_cast<size_t>(i)] = 0;
  for (int i = 4; i < 8; ++i) weight.mutable_data<float>()[static_cast<size_t>(i)] *= 1e-9f;
  const ValueId w = maker.constant("w", weight);
  const ValueId b = maker.constant("b", Tensor::of<float>({3}, {2.5f, -1.5f, 0.25f}));
  maker.output(maker.node("Conv", "conv", {x, w, b}));
  const auto model = maker.finish();
  const auto result =
      test::compress(model, recipe_of({{{"technique", "quantize-static"}, {"keep", true}}}));
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 35);
}

TEST(QuantizeStatic, JoinsAMatMulAndItsBias) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 32});
  const ValueId w = maker.constant("w", test::random_tensor({32, 24}, 1, 0.3f));
  const ValueId b = maker.constant("b", test::random_tensor({24}, 2, 0.3f));
  const ValueId h = maker.node(
      "Relu", "relu", {maker.node("Add", "bias", {maker.node("MatMul", "fc1", {x, w}), b})});
  maker.output(
      maker.node("MatMul", "fc2", {h, maker.constant("w2", test::random_tensor({24, 8}, 3))}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-static"}}}));
  EXPECT_EQ(count_ops(result.model.graph, "Gemm"), 1);
  EXPECT_EQ(count_ops(result.model.graph, "Add") + count_ops(result.model.graph, "Relu"), 0);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 30);
}

TEST(QuantizeStatic, RefusesHostileData) {
  const auto model = small_network();
  const json recipe = recipe_of({{{"technique", "quantize-static"}}});
  CompressOptions options;
  options.have_data = true;
  const auto run = [&](std::optional<Sample> sample) {
    CompressJob job(model, recipe, options);
    bool given = false;
    for (JobStatus status = job.step(); !status.done;) {
      const bool give = status.want == Want::sample && !given && sample;
      given = given || give;
      status = job.step(give ? sample : std::nullopt);
    }
  };
  const auto code_of = [&](std::optional<Sample> sample) {
    try {
      run(std::move(sample));
    } catch (const Error& error) {
      return error.code;
    }
    return Code::INTERNAL;
  };
  EXPECT_EQ(code_of(std::nullopt), Code::EMPTY_DATA);
  Sample sample;
  sample.feeds = test::random_feeds(*model, 1);
  sample.feeds["x"].mutable_data<float>()[3] = NAN;
  EXPECT_EQ(code_of(sample), Code::INVALID_DATA);
  sample.feeds["x"] = test::random_tensor({1, 4, 12, 12}, 1);
  EXPECT_EQ(code_of(sample), Code::SHAPE_MISMATCH);
}

}  // namespace
}  // namespace whittle
