// What quantize-static writes, for Whittle and for onnxruntime.
#include <gtest/gtest.h>

#include <tuple>

#include "core/graph/traversal.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

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

TEST(QuantizedForm, WhatMovesValuesMovesThemIn8Bits) {
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

TEST(QuantizedForm, InterpolationIsAConvolutionForOnnxruntime) {
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

TEST(QuantizedForm, HardFunctionsAreSumsAndProductsForOnnxruntime) {
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

TEST(QuantizedForm, BiasesAreFloatUnlessAnOlderOnnxruntimeIsToReadThem) {
  const auto model = test::two_layers();
  json recipe = recipe_of({{{"technique", "quantize-static"}}});
  const auto ours = test::compress(model, recipe);
  EXPECT_EQ(ours.model.graph.value(test::node_named(ours.model.graph, "fc1").inputs[2]).dtype,
            DType::f32);
  recipe["target"] = "ort-web";
  const auto theirs = test::compress(model, recipe);
  const Graph& graph = theirs.model.graph;
  const Node* bias = GraphIndex(graph).producer(test::node_named(graph, "fc1").inputs[2]);
  ASSERT_NE(bias, nullptr);
  EXPECT_EQ(graph.value(bias->inputs[0]).dtype, DType::i32);
  EXPECT_LT(write_model(ours.model).size(), write_model(theirs.model).size());
  EXPECT_GT(test::output_sqnr_db(*model, theirs.model), 25);
}

TEST(QuantizedForm, TransposedConvolutions) {
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

TEST(QuantizedForm, HeadsLeaveTheModelAsAsked) {
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

TEST(QuantizedForm, TheTargetDecidesTheFormOfTheLastSum) {
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

}  // namespace
}  // namespace whittle
