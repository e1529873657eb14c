#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/writer.h"
#include "tests/core/compress/prune_nets.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::Net;
using test::prune_channels;
using test::weight_of;

/** A quarter of the channels is zero: removing them changes nothing but the sizes. */
test::Compressed expect_free(const std::shared_ptr<const Model>& model,
                             const std::map<std::string, Shape>& shapes,
                             const json& options = json::object()) {
  const auto result = test::compress(model, prune_channels(options), 0);
  for (const auto& [node, shape] : shapes) {
    EXPECT_EQ(to_string(weight_of(result.model, node).shape()), to_string(shape)) << node;
  }
  EXPECT_GT(test::output_sqnr_db(*model, result.model, 2), 100);
  EXPECT_TRUE(result.report["steps"][0]["kept"]) << result.report["steps"][0];
  // The step it reports does the same again.
  const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(result.model));
  return result;
}

TEST(PruneCoupling, ChainWithFlattenedPixels) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {1, 6}));
  const ValueId b = net.relu("r2", net.conv("c2", a, 8, 8, {0, 7}, {3, 4, 1}));
  const ValueId flat = net.node("Flatten", "flat", {b});  // [batch, 8 * 2 * 2]
  const ValueId h = net.node(
      "Gemm", "fc1",
      {flat, net.weight("fc1", {32, 12}, 1, {3, 4, 5}), net.weight("fc1.b", {12}, 0, {3, 4, 5})});
  net.output(net.node("MatMul", "fc2", {net.relu("r3", h), net.weight("fc2", {12, 5}, 0, {})}));
  expect_free(net.finish(),
              {{"c1", {6, 3, 3, 3}}, {"c2", {6, 6, 3, 3}}, {"fc1", {24, 9}}, {"fc2", {9, 5}}});
}

TEST(PruneCoupling, ReshapeWithAStatedWidth) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {1, 6}, {3, 4, 1}));
  const ValueId flat = net.node("Reshape", "flat", {a, net.integers("shape", {-1, 32})});
  net.output(net.node("Gemm", "fc", {flat, net.weight("fc", {32, 5}, 0, {})}));
  expect_free(net.finish(), {{"c1", {6, 3, 3, 3}}, {"fc", {24, 5}}});
}

TEST(PruneCoupling, ResidualBranchesLoseTheSameChannels) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {2, 5}));
  const ValueId b = net.relu("r2", net.conv("c2", a, 8, 12, {0, 1, 2}));
  const ValueId c = net.conv("c3", b, 12, 8, {2, 5});
  const ValueId sum = net.relu("r3", net.node("Add", "add", {c, a}));
  net.finish_with(sum, 8);
  const auto result = expect_free(
      net.finish(),
      {{"c1", {6, 3, 3, 3}}, {"c2", {9, 6, 3, 3}}, {"c3", {6, 9, 3, 3}}, {"head", {5, 6}}});
  const json& groups = result.report["steps"][0]["facts"]["groups"];
  EXPECT_EQ(groups[0]["layers"], json({"c1", "c3"}));
  EXPECT_EQ(groups[0]["removed"], 2);
}

TEST(PruneCoupling, ConcatAndSplitMoveTheirOffsets) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {0, 1}));
  const ValueId b = net.relu("r2", net.conv("c2", net.x(), 3, 4, {3}));
  const ValueId joined = net.node("Concat", "cat", {b, a}, {{"axis", int64_t{1}}});
  const ValueId c = net.relu("r3", net.conv("c3", joined, 12, 8, {1, 6}));
  const ValueId low = net.graph().add_value("low", DType::f32);
  const ValueId high = net.graph().add_value("high", DType::f32);
  Node split;
  split.op = "Split";
  split.name = "split";
  split.inputs = {c, net.integers("sizes", {4, 4})};
  split.outputs = {low, high};
  split.attributes = {{"axis", int64_t{1}}};
  net.graph().nodes.push_back(split);
  const ValueId d = net.conv("c4", low, 4, 8, {});
  const ValueId e = net.conv("c5", high, 4, 8, {});
  net.finish_with(net.node("Concat", "cat2", {d, e}, {{"axis", int64_t{1}}}), 16);
  const json rules = {
      {{"op", "Conv"}}, {{"name", "c4"}, {"skip", true}}, {{"name", "c5"}, {"skip", true}}};
  expect_free(net.finish(),
              {{"c1", {6, 3, 3, 3}},
               {"c2", {3, 3, 3, 3}},
               {"c3", {6, 9, 3, 3}},
               {"c4", {8, 3, 3, 3}},
               {"c5", {8, 3, 3, 3}},
               {"head", {5, 16}}},
              {{"layers", rules}});
}

TEST(PruneCoupling, DepthwiseAndGroupedConvolutions) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("expand", net.x(), 3, 8, {1, 4}, {1, 1, 1}));
  const ValueId b = net.relu("r2", net.conv("depthwise", a, 8, 8, {1, 4}, {3, 1, 8}));
  const ValueId m = net.relu("r3", net.conv("project", b, 8, 12, {0, 4, 8}, {1, 1, 1}));
  // Three groups: all of them give up their first input and their last output.
  const ValueId g = net.conv("grouped", m, 12, 12, {3, 7, 11}, {3, 1, 3});
  net.finish_with(net.relu("r4", g), 12);
  const auto result = expect_free(net.finish(), {{"expand", {6, 3, 1, 1}},
                                                 {"depthwise", {6, 1, 3, 3}},
                                                 {"project", {9, 6, 1, 1}},
                                                 {"grouped", {9, 3, 3, 3}},
                                                 {"head", {5, 9}}});
  const Graph& graph = result.model.graph;
  EXPECT_EQ(test::node_named(graph, "depthwise").int_attribute("group", 1), 6);
  EXPECT_EQ(test::node_named(graph, "grouped").int_attribute("group", 1), 3);
}

TEST(PruneCoupling, SqueezeAndExcite) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {3, 5}));
  const ValueId pooled = net.node("GlobalAveragePool", "squeeze", {a});
  const ValueId s = net.relu("r2", net.conv("down", pooled, 8, 4, {2}, {1, 1, 1}));
  const ValueId gate = net.node("Sigmoid", "gate", {net.conv("up", s, 4, 8, {3, 5}, {1, 1, 1})});
  net.finish_with(net.node("Mul", "scale", {a, gate}), 8);
  expect_free(
      net.finish(),
      {{"c1", {6, 3, 3, 3}}, {"down", {3, 6, 1, 1}}, {"up", {6, 3, 1, 1}}, {"head", {5, 6}}});
}

TEST(PruneCoupling, ShortcutPaddedWithZeroChannels) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {0, 5}));
  const ValueId sliced =
      net.node("Slice", "stride",
               {a, net.integers("from", {0, 0}), net.integers("to", {1 << 30, 1 << 30}),
                net.integers("axes", {2, 3}), net.integers("steps", {2, 2})});
  const ValueId padded =
      net.node("Pad", "pad", {sliced, net.integers("pads", {0, 4, 0, 0, 0, 4, 0, 0})});
  // Channels 4 + c of the sum are those of the shortcut; 1 and 13 are padding.
  const ValueId b = net.conv("c2", a, 8, 16, {1, 4, 9, 13}, {3, 2, 1});
  net.finish_with(net.relu("r2", net.node("Add", "add", {b, padded})), 16);
  const auto result =
      expect_free(net.finish(), {{"c1", {6, 3, 3, 3}}, {"c2", {12, 6, 3, 3}}, {"head", {5, 12}}});
  const Graph& graph = result.model.graph;
  const Tensor& pads = graph.value(test::node_named(graph, "pad").inputs[1]).constant;
  EXPECT_EQ(to_int64s(pads, ""), (std::vector<int64_t>{0, 3, 0, 0, 0, 3, 0, 0}));
}

TEST(PruneCoupling, ShuffleTransposeAndPixelShuffle) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {1, 5}));  // 1 and 5 are one pair
  const ValueId five = net.node("Reshape", "r5", {a, net.integers("s5", {0, 2, 4, 8, 8})});
  const ValueId mixed =
      net.node("Transpose", "mix", {five}, {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
  const ValueId four = net.node("Reshape", "r4", {mixed, net.integers("s4", {0, 8, 8, 8})});
  const ValueId b = net.relu("r2", net.conv("c2", four, 8, 16, {3, 7, 11, 15}));
  const ValueId big = net.node("DepthToSpace", "shuffle", {b}, {{"blocksize", int64_t{2}}});
  net.finish_with(net.relu("r3", net.conv("c3", big, 4, 4, {0})), 4);
  expect_free(
      net.finish(),
      {{"c1", {6, 3, 3, 3}}, {"c2", {12, 6, 3, 3}}, {"c3", {3, 3, 3, 3}}, {"head", {5, 3}}});
}

TEST(PruneCoupling, TransposedConvolutionNormAndPRelu) {
  Net net;
  const ValueId a = net.conv("c1", net.x(), 3, 8, {2, 3});
  const auto table = [&](const std::string& name, float low) {
    Tensor values = Tensor::allocate(DType::f32, {8});
    for (size_t i = 0; i < 8; ++i) {
      values.mutable_data<float>()[i] = i == 2 || i == 3 ? low : 0.5f + 0.1f * i;
    }
    return net.constant(name, values);
  };
  const ValueId n =
      net.node("BatchNormalization", "bn",
               {a, table("scale", 0), table("shift", 0), table("mean", 0), table("variance", 1)});
  const ValueId slopes = net.constant("slopes", test::random_tensor({8, 1, 1}, 99));
  const ValueId p = net.node("PRelu", "prelu", {n, slopes});
  const ValueId up =
      net.node("ConvTranspose", "up",
               {p, net.weight("up", {8, 4, 2, 2}, 1, {1}), net.weight("up.b", {4}, 0, {1})},
               {{"strides", std::vector<int64_t>{2, 2}}});
  net.finish_with(net.relu("r", up), 4);
  const auto model = net.finish();
  expect_free(model, {{"c1", {6, 3, 3, 3}}, {"up", {6, 3, 2, 2}}, {"head", {5, 3}}});
  const auto kept = expect_free(model, {{"c1", {6, 3, 3, 3}}, {"up", {6, 4, 2, 2}}},
                                {{"criterion", "batchnorm"}});
  EXPECT_EQ(test::count_ops(kept.model.graph, "BatchNormalization"), 1);
}

TEST(PruneCoupling, HiddenUnitsOfAnLstm) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {5, 2, 6});  // [steps, batch, inputs]
  const auto gates = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    Tensor tensor = test::random_tensor(shape, seed, 0.3f);
    const int64_t inner = shape.elements(2, shape.rank());
    const std::span<float> w = tensor.mutable_data<float>();
    // Units 1 and 6 of 8, in every gate.
    for (size_t i = 0; i < w.size(); ++i) {
      const int64_t unit = static_cast<int64_t>(i) / inner % 8;
      if (unit == 1 || unit == 6) w[i] = 0;
    }
    return maker.constant(name, std::move(tensor));
  };
  const ValueId y =
      maker.node("LSTM", "lstm",
                 {x, gates("w", {1, 32, 6}, 1), gates("r", {1, 32, 8}, 2), gates("b", {1, 64}, 3)},
                 {{"hidden_size", int64_t{8}}});
  const ValueId axes = maker.constant("axes", Tensor::of<int64_t>({1}, {1}));
  const ValueId flat = maker.node("Squeeze", "flat", {y, axes});
  maker.output(
      maker.node("MatMul", "fc", {flat, maker.constant("fc.w", test::random_tensor({8, 4}, 4))}));
  const auto model = maker.finish();
  const auto result = expect_free(model, {{"lstm", {1, 24, 6}}, {"fc", {6, 4}}});
  EXPECT_EQ(test::node_named(result.model.graph, "lstm").int_attribute("hidden_size", 0), 6);
}

TEST(PruneCoupling, QueryAndKeyShareTheirWidth) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {2, 6, 8});  // [batch, tokens, width]
  const auto project = [&](const std::string& name, std::vector<size_t> dead) {
    Tensor w = test::random_tensor({8, 8}, name.size() + name[0], 0.3f);
    for (size_t i = 0; i < 64; ++i) {
      if (std::count(dead.begin(), dead.end(), i % 8) > 0) w.mutable_data<float>()[i] = 0;
    }
    return maker.node("MatMul", name, {x, maker.constant(name + ".w", w)});
  };
  const ValueId k = maker.node("Transpose", "kt", {project("key", {0, 4})},
                               {{"perm", std::vector<int64_t>{0, 2, 1}}});
  const ValueId scores = maker.node("MatMul", "scores", {project("query", {0, 4}), k});
  const ValueId shares = maker.node("Softmax", "softmax", {scores});
  const ValueId mixed = maker.node("MatMul", "mixed", {shares, project("value", {2, 3})});
  maker.output(maker.node("MatMul", "out",
                          {mixed, maker.constant("out.w", test::random_tensor({8, 3}, 9))}));
  expect_free(maker.finish(),
              {{"query", {8, 6}}, {"key", {8, 6}}, {"value", {8, 6}}, {"out", {6, 3}}});
}

TEST(PruneCoupling, LeavesPinnedWidthsAloneAndSaysWhy) {
  Net net;
  const ValueId a = net.conv("c1", net.x(), 3, 8);
  const ValueId scores = net.node("Softmax", "softmax", {a}, {{"axis", int64_t{1}}});
  net.output(net.conv("c2", scores, 8, 8));
  const auto model = net.finish();
  const auto result = test::compress(model, prune_channels(), 0);
  const json& step = result.report["steps"][0];
  EXPECT_FALSE(step["kept"]);
  EXPECT_EQ(step["layers"]["reasons"][0]["reason"],
            "statistics are taken over it at node 'softmax' (Softmax)");
  EXPECT_EQ(step["layers"]["reasons"][1]["reason"],
            "it is the width of the model's output \"c2_out\"");
  EXPECT_EQ(write_model(result.model), write_model(*model));
}

}  // namespace
}  // namespace whittle
