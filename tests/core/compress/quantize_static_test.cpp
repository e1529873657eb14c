#include <gtest/gtest.h>

#include "core/compress/quantize/support/integer/placement.h"
#include "core/graph/traversal.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/static_network.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;
using test::small_network;

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
      const bool narrow = graph.value(input).dtype == DType::u8;
      EXPECT_TRUE(narrow || producers.at(input)->op == "DequantizeLinear") << node.label();
    }
  }
  // A Relu that quantizing does is gone, and so is its name where only 8-bit values are read: what
  // has a name of the original is what the original calls so.
  EXPECT_EQ(graph.value(test::node_named(graph, "conv1").outputs[0]).name.find("relu"),
            std::string::npos);
  // What only moves values has 8 bits on both sides, and no pair of its own.
  for (const char* move : {"pool", "flat"}) {
    const Node& node = test::node_named(graph, move);
    EXPECT_EQ(graph.value(node.inputs[0]).dtype, DType::u8) << move;
    EXPECT_EQ(graph.value(node.outputs[0]).dtype, DType::u8) << move;
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

TEST(QuantizeStatic, EveryCalibratorWorksAndRepeatsWithoutData) {
  const auto model = small_network();
  for (const char* calibrator : {"minmax", "average", "percentile", "entropy", "mse", "auto"}) {
    const auto first = test::compress(
        model, recipe_of({{{"technique", "quantize-static"}, {"calibrator", calibrator}}}));
    EXPECT_GT(test::output_sqnr_db(*model, first.model), 20) << calibrator;
    const json& rows = first.report["steps"][0]["facts"]["calibration"];
    ASSERT_GT(rows.size(), 4u);
    for (const json& row : rows) {
      EXPECT_LE(row["min"], row["interval"][0]);
      EXPECT_GE(row["max"], row["interval"][1]);
      if (calibrator == std::string("auto")) {
        EXPECT_EQ(row["sqnrDb"].size(), 5u);
        EXPECT_GE(row["sqnrDb"]["mse"], row["sqnrDb"]["minmax"].get<double>() - 0.05);
      }
    }
    const auto second = test::compress(model, first.report["recipe"], 0);
    EXPECT_EQ(write_model(first.model), write_model(second.model)) << calibrator;
  }
}

TEST(QuantizeStatic, LayersHaveFormatsOfTheirOwn) {
  const auto model = small_network();
  const auto result = test::compress(
      model, recipe_of({{{"technique", "quantize-static"},
                         {"weights", "tensor"},
                         {"layers",
                          {{{"name", "*"}},
                           {{"name", "conv2"}, {"weights", "channel"}},
                           {{"op", "Gemm"}, {"weightType", "u8"}, {"weightSymmetric", false}}}}}}));
  const Graph& graph = result.model.graph;
  const auto scale_of = [&](const std::string& layer) -> const Tensor& {
    const Node* dequantize = GraphIndex(graph).producer(test::node_named(graph, layer).inputs[1]);
    return *graph.constant(dequantize->inputs[1]);
  };
  EXPECT_EQ(scale_of("conv1").elements(), 1);
  EXPECT_EQ(scale_of("conv2").elements(), 8);
  EXPECT_EQ(scale_of("conv3").elements(), 8);  // depthwise
  const Node* fc = GraphIndex(graph).producer(test::node_named(graph, "fc").inputs[1]);
  EXPECT_EQ(graph.constant(fc->inputs[0])->dtype(), DType::u8);
  EXPECT_NE(to_floats(*graph.constant(fc->inputs[2]), "z")[0], 0);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 20);
  const auto repeated = test::compress(model, result.report["recipe"], 0);
  EXPECT_EQ(write_model(result.model), write_model(repeated.model));
  const auto unguarded = test::compress(model, recipe_of({{{"technique", "quantize-static"},
                                                           {"weights", "tensor"},
                                                           {"depthwise", "as-weights"}}}));
  const Graph& plain = unguarded.model.graph;
  const Node* conv3 = GraphIndex(plain).producer(test::node_named(plain, "conv3").inputs[1]);
  EXPECT_EQ(plain.constant(conv3->inputs[1])->elements(), 1);
}

TEST(QuantizeStatic, SymmetricActivationsHaveTheirZeroInTheMiddle) {
  const auto model = small_network();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-static"},
                                                        {"activations", "s8"},
                                                        {"activationSymmetric", true}}}));
  for (const Node& node : result.model.graph.nodes) {
    if (node.op != "QuantizeLinear") continue;
    const Tensor* zero = result.model.graph.constant(node.inputs[2]);
    EXPECT_EQ(to_floats(*zero, "zero")[0], 0);
  }
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 20);
}

TEST(QuantizeStatic, TiedWeightsStayTied) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 64});
  const ValueId tied = maker.constant("tied", test::random_tensor({64, 64}, 1, 0.2f));
  const ValueId a = maker.node("Relu", "relu", {maker.node("MatMul", "fc1", {x, tied})});
  const ValueId b = maker.node("MatMul", "fc2", {a, tied});
  // This one reads it the other way round: it stays float, on the same stored weight.
  maker.output(maker.node("Gemm", "fc3", {b, tied}, {{"transB", int64_t{1}}}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "quantize-static"}}}));
  EXPECT_EQ(result.report["steps"][0]["layers"]["text"],
            "2/3: 1 another layer reads its weight the other way round");
  int stored = 0;
  for (const Value& value : result.model.graph.values) {
    if (value.is_constant() && value.constant.elements() == 64 * 64) {
      ++stored;
      EXPECT_EQ(value.constant.dtype(), DType::i8);
    }
  }
  EXPECT_EQ(stored, 1);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 20);
}

/** Runs quantize-static on one sample, or none. */
Code code_of(const std::shared_ptr<const Model>& model, const json& recipe,
             std::optional<Sample> sample) {
  CompressOptions options;
  options.have_data = true;
  try {
    CompressJob job(model, recipe, options);
    bool given = false;
    for (JobStatus status = job.step(); !status.done;) {
      const bool give = status.want == Want::sample && !given && sample;
      given = given || give;
      status = job.step(give ? sample : std::nullopt);
    }
  } catch (const Error& error) {
    return error.code;
  }
  return Code::INTERNAL;  // it ran to its end
}

TEST(QuantizeStatic, RefusesHostileData) {
  const auto model = small_network();
  for (const char* calibrator : {"minmax", "auto"}) {
    const json recipe = recipe_of({{{"technique", "quantize-static"}, {"calibrator", calibrator}}});
    EXPECT_EQ(code_of(model, recipe, std::nullopt), Code::EMPTY_DATA);
    Sample sample;
    sample.feeds = test::random_feeds(*model, 1);
    for (const float hostile : {NAN, INFINITY, -INFINITY}) {
      sample.feeds["x"].mutable_data<float>()[3] = hostile;
      EXPECT_EQ(code_of(model, recipe, sample), Code::INVALID_DATA) << hostile;
    }
    sample.feeds["x"] = test::random_tensor({1, 4, 12, 12}, 1);
    EXPECT_EQ(code_of(model, recipe, sample), Code::SHAPE_MISMATCH);
    sample.feeds["x"] = Tensor::zeros(DType::i64, {1, 3, 12, 12});
    EXPECT_EQ(code_of(model, recipe, sample), Code::TYPE_MISMATCH);
    // Constant inputs, one sample: fine.
    sample.feeds["x"] = Tensor::zeros(DType::f32, {1, 3, 12, 12});
    EXPECT_EQ(code_of(model, recipe, sample), Code::INTERNAL);
    // Finite inputs whose activations are not.
    test::ModelMaker maker;
    const ValueId x = maker.input("x", {1, 1});
    const ValueId w = maker.constant("w", Tensor::of<float>({1, 1}, {2.0f}));
    const ValueId y = maker.node("MatMul", "fc1", {x, w});
    maker.output(maker.node("MatMul", "fc2", {y, w}));
    sample.feeds["x"] = Tensor::of<float>({1, 1}, {3e38f});
    EXPECT_EQ(code_of(maker.finish(), recipe, sample), Code::INVALID_DATA);
    // One value of many that is no number, wherever it lies: histograms count only some of them.
    test::ModelMaker large;
    const ValueId image = large.input("x", {1, 1, 300, 300});
    const ValueId root = large.node("Sqrt", "root", {image});
    const ValueId kernel = large.constant("w", Tensor::of<float>({1, 1, 1, 1}, {2.0f}));
    large.output(large.node("Conv", "conv", {root, kernel}));
    const auto with_root = large.finish();
    for (const size_t at : {size_t{0}, size_t{77'777}, size_t{89'999}}) {
      sample.feeds["x"] = Tensor::zeros(DType::f32, {1, 1, 300, 300});
      sample.feeds["x"].mutable_data<float>()[at] = -1;
      EXPECT_EQ(code_of(with_root, recipe, sample), Code::INVALID_DATA) << at;
    }
  }
}

TEST(QuantizeStatic, ACancelledRunLeavesNothingBehind) {
  const auto model = small_network();
  const auto before = write_model(*model);
  const json recipe =
      recipe_of({{{"technique", "quantize-static"}, {"calibrator", "auto"}, {"minSqnr", 20}}});
  // Early and late.
  for (int steps = 1;; steps += 1 + steps / 2) {
    CancelFlag cancel;
    CompressOptions options;
    options.have_data = true;
    options.cancel = &cancel;
    CompressJob job(model, recipe, options);
    Sample sample;
    sample.feeds = test::random_feeds(*model, 1);
    bool given = false;
    JobStatus status;
    for (int i = 0; i < steps && !status.done; ++i) {
      const bool give = status.want == Want::sample && !given;
      if (status.want == Want::rewind) given = false;
      given = given || give;
      status = job.step(give ? std::optional(sample) : std::nullopt);
    }
    if (status.done) break;
    cancel.cancel();
    EXPECT_THROW(job.step(sample), Error);
    EXPECT_THROW(job.result(), Error);
    EXPECT_EQ(write_model(*model), before);
  }
}

}  // namespace
}  // namespace whittle
