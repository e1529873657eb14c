#include <gtest/gtest.h>

#include "core/compress/quantize/support/placement.h"
#include "core/graph/traversal.h"
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
      const bool narrow = graph.value(input).dtype == DType::u8;
      EXPECT_TRUE(narrow || producers.at(input)->op == "DequantizeLinear") << node.label();
    }
  }
  // What only moves values has 8 bits on both sides, and no pair of its own.
  for (const char* move : {"pool", "flat"}) {
    const Node& node = test::node_named(graph, move);
    EXPECT_EQ(graph.value(node.inputs[0]).dtype, DType::u8) << move;
    EXPECT_EQ(graph.value(node.outputs[0]).dtype, DType::u8) << move;
  }
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "fc_out");
}

/** The shortcut of a CIFAR ResNet: every second pixel, zeros around the channels; and a shuffle
 * whose sizes are read from a value. */
std::shared_ptr<const Model> network_of_moves() {
  test::ModelMaker maker;
  const auto ints = [&](const std::string& name, std::vector<int64_t> values) {
    return maker.constant(name, Tensor::of<int64_t>({static_cast<int64_t>(values.size())},
                                                    std::span<const int64_t>(values)));
  };
  const auto conv = [&](const std::string& name, ValueId x, const Shape& shape, uint64_t seed,
                        Attributes attributes = {}) {
    const ValueId w = maker.constant("w_" + name, test::random_tensor(shape, seed, 0.3f));
    const ValueId b = maker.constant("b_" + name, test::random_tensor({shape[0]}, seed + 1));
    return maker.node("Conv", name, {x, w, b}, std::move(attributes));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 8});
  const ValueId c1 = conv("c1", x, {6, 3, 3, 3}, 1, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId slice = maker.node("Slice", "slice",
                                   {c1, ints("starts", {0, 0}), ints("ends", {8, 8}),
                                    ints("axes", {2, 3}), ints("steps", {2, 2})});
  const ValueId pad = maker.node("Pad", "pad", {slice, ints("pads", {0, 3, 0, 0, 0, 3, 0, 0})});
  const ValueId c2 =
      conv("c2", c1, {12, 6, 3, 3}, 3,
           {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}});
  const ValueId sum = maker.node("Add", "sum", {c2, pad});
  const ValueId sizes = maker.node("Shape", "shape", {sum}, {}, DType::i64);
  const ValueId up =
      maker.node("Resize", "up",
                 {sum, kNoValue, maker.constant("scales", Tensor::of<float>({4}, {1, 1, 2, 2}))},
                 {{"coordinate_transformation_mode", std::string("asymmetric")},
                  {"nearest_mode", std::string("floor")}});
  const ValueId pool = maker.node("MaxPool", "pool", {up},
                                  {{"kernel_shape", std::vector<int64_t>{2, 2}},
                                   {"strides", std::vector<int64_t>{2, 2}},
                                   {"dilations", std::vector<int64_t>{1, 1}}});
  const ValueId same = maker.node("Reshape", "same", {pool, sizes});
  maker.output(conv("c3", same, {4, 12, 1, 1}, 5, {{"group", int64_t{1}}}));
  return maker.finish();
}

TEST(QuantizeStatic, WhatMovesValuesMovesThemIn8Bits) {
  const auto model = network_of_moves();
  for (const char* type : {"u8", "s8"}) {
    const auto result = test::compress(
        model,
        recipe_of({{{"technique", "quantize-static"}, {"activations", type}, {"keep", true}}}));
    const Graph& graph = result.model.graph;
    const DType narrow = type == std::string("u8") ? DType::u8 : DType::i8;
    for (const char* name : {"slice", "pad", "shape", "up", "pool", "same"}) {
      EXPECT_EQ(graph.value(test::node_named(graph, name).inputs[0]).dtype, narrow) << name;
    }
    // The input, c1, c2 and the sum.
    EXPECT_EQ(count_ops(graph, "QuantizeLinear"), 4);
    // Zeros of an 8-bit value are its zero point.
    const Node& pad = test::node_named(graph, "pad");
    const Node* made = GraphIndex(graph).producer(test::node_named(graph, "slice").inputs[0]);
    EXPECT_EQ(pad.inputs[2], made->inputs[2]);
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
    EXPECT_FALSE(test::node_named(graph, "pool").has("dilations"));
    EXPECT_FALSE(test::node_named(graph, "c3").has("group"));
  }
}

TEST(QuantizeStatic, InterpolationIsAConvolutionForOnnxruntime) {
  for (const float factor : {2.0f, 0.5f, 1.5f}) {
    test::ModelMaker maker;
    const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 6});
    const ValueId c1 = maker.node(
        "Conv", "c1", {x, maker.constant("w1", test::random_tensor({32, 3, 3, 3}, 1, 0.3f))},
        {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    const ValueId scales = maker.constant("scales", Tensor::of<float>({4}, {1, 1, factor, factor}));
    const ValueId resized =
        maker.node("Resize", "resize", {c1, kNoValue, scales}, {{"mode", std::string("linear")}});
    maker.output(maker.node(
        "Conv", "c2", {resized, maker.constant("w2", test::random_tensor({64, 32, 1, 1}, 2))}));
    const auto model = maker.finish();
    json recipe = recipe_of({{{"technique", "quantize-static"}}});
    const auto ours = test::compress(model, recipe);
    recipe["target"] = "ort-web";
    const auto theirs = test::compress(model, recipe);
    EXPECT_TRUE(theirs.report["steps"][0]["kept"].get<bool>());
    EXPECT_EQ(test::node_named(ours.model.graph, "resize").op, "Resize");
    EXPECT_EQ(test::node_named(theirs.model.graph, "resize").op,
              factor == 1.5f ? "Resize" : "Conv");
    const double our_db = test::output_sqnr_db(*model, ours.model);
    EXPECT_GT(our_db, 25);
    // Only the result is quantized on top.
    EXPECT_NEAR(test::output_sqnr_db(*model, theirs.model), our_db, 1.5) << factor;
  }
}

TEST(QuantizeStatic, HardFunctionsAreSumsAndProductsForOnnxruntime) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 6});
  ValueId y = maker.node("Conv", "c1",
                         {x, maker.constant("w1", test::random_tensor({4, 3, 3, 3}, 1, 0.8f))});
  y = maker.node("HardSwish", "swish", {y});
  y = maker.node("Conv", "c2", {y, maker.constant("w2", test::random_tensor({5, 4, 1, 1}, 2))});
  y = maker.node("HardSigmoid", "gate", {y}, {{"alpha", 0.3f}});
  maker.output(
      maker.node("Conv", "c3", {y, maker.constant("w3", test::random_tensor({2, 5, 1, 1}, 3))}));
  const auto model = maker.finish();
  for (const char* type : {"u8", "s8"}) {
    json recipe =
        recipe_of({{{"technique", "quantize-static"}, {"activations", type}, {"keep", true}}});
    const auto ours = test::compress(model, recipe);
    EXPECT_EQ(test::node_named(ours.model.graph, "swish").op, "HardSwish");
    recipe["target"] = "ort-node";
    const auto theirs = test::compress(model, recipe);
    EXPECT_EQ(test::node_named(theirs.model.graph, "swish").op, "Mul");
    EXPECT_EQ(test::node_named(theirs.model.graph, "gate").op, "Add");
    const double our_db = test::output_sqnr_db(*model, ours.model);
    EXPECT_GT(our_db, 22);
    EXPECT_GT(test::output_sqnr_db(*model, theirs.model), our_db - 3) << type;
  }
}

TEST(QuantizeStatic, BiasesAreFloatUnlessAnOlderOnnxruntimeIsToReadThem) {
  const auto model = small_network();
  json recipe = recipe_of({{{"technique", "quantize-static"}}});
  const auto ours = test::compress(model, recipe);
  EXPECT_EQ(ours.model.graph.value(test::node_named(ours.model.graph, "fc").inputs[2]).dtype,
            DType::f32);
  recipe["target"] = "ort-web";
  const auto theirs = test::compress(model, recipe);
  const Graph& graph = theirs.model.graph;
  const Node* bias = GraphIndex(graph).producer(test::node_named(graph, "fc").inputs[2]);
  ASSERT_NE(bias, nullptr);
  EXPECT_EQ(graph.value(bias->inputs[0]).dtype, DType::i32);
  EXPECT_LT(write_model(ours.model).size(), write_model(theirs.model).size());
  EXPECT_GT(test::output_sqnr_db(*model, theirs.model), 25);
}

TEST(QuantizeStatic, TransposedConvolutions) {
  for (int64_t groups : {1, 2}) {
    test::ModelMaker maker;
    const ValueId x = maker.input("x", {Dim::named("batch"), 4, 6, 6});
    const ValueId w1 = maker.constant("w1", test::random_tensor({4, 6 / groups, 2, 2}, 1, 0.3f));
    const ValueId b1 = maker.constant("b1", test::random_tensor({6}, 2));
    const ValueId up = maker.node("ConvTranspose", "up", {x, w1, b1},
                                  {{"strides", std::vector<int64_t>{2, 2}}, {"group", groups}});
    const ValueId w2 = maker.constant("w2", test::random_tensor({5, 6, 1, 1}, 3, 0.3f));
    maker.output(maker.node("Conv", "out", {maker.node("Relu", "relu", {up}), w2}));
    const auto model = maker.finish();
    for (const char* granularity : {"channel", "tensor"}) {
      for (const char* target : {"whittle", "ort-web"}) {
        json recipe = recipe_of(
            {{{"technique", "quantize-static"}, {"weights", granularity}, {"keep", true}}});
        recipe["target"] = target;
        const auto result = test::compress(model, recipe);
        EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "2/2");
        const Graph& graph = result.model.graph;
        const Node* w = GraphIndex(graph).producer(test::node_named(graph, "up").inputs[1]);
        ASSERT_EQ(w->op, "DequantizeLinear");
        EXPECT_EQ(graph.value(w->inputs[1]).constant.elements(),
                  granularity == std::string("channel") ? 6 / groups : 1);
        EXPECT_EQ(w->int_attribute("axis", 1), 1);
        EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
        const auto repeated = test::compress(model, result.report["recipe"], 0);
        EXPECT_EQ(write_model(result.model), write_model(repeated.model));
      }
    }
  }
}

/** Two heads behind one convolution, one of them through a Sigmoid. */
std::shared_ptr<const Model> network_with_heads() {
  test::ModelMaker maker;
  const auto weights = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    return maker.constant(name, test::random_tensor(shape, seed, 0.3f));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 6, 6});
  const ValueId stem = maker.node("Conv", "stem", {x, weights("w0", {8, 3, 3, 3}, 1)});
  const ValueId body = maker.node(
      "Conv", "body", {maker.node("Relu", "relu", {stem}), weights("w1", {8, 8, 1, 1}, 2)});
  const ValueId scores = maker.node("Conv", "scores", {body, weights("w2", {2, 8, 1, 1}, 3)});
  maker.output(maker.node("Sigmoid", "sigmoid", {scores}));
  maker.output(maker.node("Conv", "boxes", {body, weights("w3", {4, 8, 1, 1}, 4)}));
  return maker.finish();
}

TEST(QuantizeStatic, HeadsLeaveTheModelAsAsked) {
  const auto model = network_with_heads();
  json recipe = recipe_of({{{"technique", "quantize-static"}, {"keep", true}}});
  // Pairs: input, stem, body; and the sums of both heads where onnxruntime wants them.
  for (const auto& [target, heads, pairs] :
       {std::tuple("whittle", "integer", 3), std::tuple("ort-web", "integer", 5),
        std::tuple("ort-web", "float-result", 3), std::tuple("ort-web", "float", 2)}) {
    recipe["target"] = target;
    recipe["steps"][0]["heads"] = heads;
    const auto result = test::compress(model, recipe);
    const Graph& graph = result.model.graph;
    EXPECT_EQ(result.report["steps"][0]["layers"]["text"], "4/4");
    EXPECT_EQ(count_ops(graph, "QuantizeLinear"), pairs) << target << " " << heads;
    const GraphIndex index(graph);
    EXPECT_EQ(index.producer(graph.outputs[0])->op, "Sigmoid");
    for (const char* name : {"scores", "boxes"}) {
      const Node& head = test::node_named(graph, name);
      EXPECT_EQ(index.producer(head.inputs[1])->op, "DequantizeLinear");
      EXPECT_EQ(index.producer(head.inputs[0])->is("DequantizeLinear"),
                heads != std::string("float"));
    }
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
    const auto repeated = test::compress(model, result.report["recipe"], 0);
    EXPECT_EQ(write_model(result.model), write_model(repeated.model));
  }
  // Both heads are last layers, whatever their order.
  const auto ends = test::compress(
      model, recipe_of({{{"technique", "quantize-static"}, {"firstLast", "float"}}}));
  EXPECT_EQ(ends.report["steps"][0]["layers"]["text"], "1/4: 3 first or last layer kept in float");
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

TEST(QuantizeStatic, TheTargetDecidesTheFormOfTheLastSum) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 8});
  const ValueId w = maker.constant("w", test::random_tensor({8, 3, 3, 3}, 1));
  maker.output(maker.node("Conv", "conv", {x, w}));
  const auto model = maker.finish();
  json recipe = recipe_of({{{"technique", "quantize-static"}, {"keep", true}}});
  for (const auto& [target, pairs] :
       {std::pair("whittle", 1), std::pair("ort-web", 2), std::pair("ort-node", 2)}) {
    recipe["target"] = target;
    const auto result = test::compress(model, recipe);
    EXPECT_EQ(count_ops(result.model.graph, "QuantizeLinear"), pairs) << target;
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 25);
  }
}

/** Three layers, the second with one channel a thousand times the others: per tensor its weights
 * lose nearly everything. */
std::shared_ptr<const Model> network_with_a_sensitive_layer() {
  test::ModelMaker maker;
  ValueId x = maker.input("x", {Dim::named("batch"), 16});
  for (int i = 0; i < 3; ++i) {
    Tensor weight = test::random_tensor({16, 16}, static_cast<uint64_t>(i) + 1, 0.3f);
    if (i == 1) {
      for (size_t k = 0; k < 16; ++k) weight.mutable_data<float>()[k * 16] *= 1000;
    }
    const std::string number = std::to_string(i);
    x = maker.node("MatMul", "fc" + number, {x, maker.constant("w" + number, weight)});
    if (i == 1) {
      std::vector<float> factors(16, 1.0f);
      factors[0] = 1e-3f;
      x = maker.node("Mul", "even", {x, maker.constant("f", Tensor::of<float>({16}, factors))});
    }
  }
  maker.output(x);
  return maker.finish();
}

TEST(QuantizeStatic, KeepsTheMostSensitiveLayersInFloat) {
  const auto model = network_with_a_sensitive_layer();
  json step = {{"technique", "quantize-static"}, {"weights", "tensor"}, {"keep", true}};
  const auto all = test::compress(model, recipe_of({step}));
  EXPECT_LT(test::output_sqnr_db(*model, all.model), 20);
  for (const auto& [option, value] : {std::pair<const char*, json>("minSqnr", 30),
                                      std::pair<const char*, json>("floatLayers", 1)}) {
    json asked = step;
    asked[option] = value;
    const auto result = test::compress(model, recipe_of({asked}));
    const json& report = result.report["steps"][0];
    EXPECT_EQ(report["facts"]["sensitivity"][0]["layer"], "fc1") << option;
    EXPECT_EQ(report["layers"]["text"], "2/3: 1 kept in float: among the most sensitive");
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 30);
    const auto repeated = test::compress(model, result.report["recipe"], 0);
    EXPECT_EQ(write_model(result.model), write_model(repeated.model));
  }
  // What cannot be had is said, and nothing is changed.
  json asked = step;
  asked["minSqnr"] = 200;
  const auto none = test::compress(model, recipe_of({asked}));
  EXPECT_EQ(none.report["steps"][0]["kept"], false);
  EXPECT_EQ(none.report["steps"][0]["warnings"].size(), 1u);
  EXPECT_EQ(write_model(none.model), write_model(*model));
}

TEST(QuantizeStatic, MeetsAnAgreementOrSaysThatThereAreNoClasses) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 16});
  const ValueId w = maker.constant("w", test::random_tensor({16, 5}, 1));
  const ValueId y = maker.node("MatMul", "fc", {x, w});
  maker.output(y);
  const json recipe =
      recipe_of({{{"technique", "quantize-static"}, {"minAgreement", 0.5}, {"keep", true}}});
  const auto result = test::compress(maker.finish(), recipe);
  EXPECT_GE(result.report["steps"][0]["facts"]["fallback"]["agreement"], 0.5);
  EXPECT_EQ(result.report["steps"][0]["facts"]["fallback"]["floatLayers"], 0);
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
