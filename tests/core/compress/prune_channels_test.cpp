#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/prune/support/channel_scores.h"
#include "core/compress/prune/support/coupled_channels.h"
#include "core/compress/prune/support/float_text.h"
#include "core/compress/prune/support/place_text.h"
#include "core/compress/prune/support/shrink.h"
#include "core/onnx/writer.h"
#include "core/ops/shape_inference.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

/** Models layer by layer, some channels of which are zero from the start. */
class Net : public test::ModelMaker {
 public:
  Net() { x_ = input("x", {Dim::named("batch"), 3, 8, 8}); }

  ValueId x() const { return x_; }

  struct ConvOptions {
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t group = 1;
  };
  /** Weight [outputs, inputs / group, k, k] and bias, zero at the outputs `dead`. */
  ValueId conv(const std::string& name, ValueId x, int64_t inputs, int64_t outputs,
               const std::vector<int64_t>& dead = {}, ConvOptions options = {3, 1, 1}) {
    const int64_t pad = options.kernel / 2;
    const ValueId w =
        weight(name, {outputs, inputs / options.group, options.kernel, options.kernel}, 0, dead);
    return node("Conv", name, {x, w, weight(name + ".b", {outputs}, 0, dead)},
                {{"group", options.group},
                 {"strides", std::vector<int64_t>{options.stride, options.stride}},
                 {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
  }
  ValueId relu(const std::string& name, ValueId x) { return node("Relu", name, {x}); }
  ValueId weight(const std::string& name, const Shape& shape, int axis,
                 const std::vector<int64_t>& dead) {
    Tensor tensor = test::random_tensor(shape, ++seed_, 0.3f);
    const int64_t inner = shape.elements(axis + 1, shape.rank());
    const std::span<float> w = tensor.mutable_data<float>();
    for (size_t i = 0; i < w.size(); ++i) {
      const int64_t place = static_cast<int64_t>(i) / inner % shape[axis];
      if (std::count(dead.begin(), dead.end(), place) > 0) w[i] = 0;
    }
    return constant(name + ".w", std::move(tensor));
  }
  ValueId integers(const std::string& name, const std::vector<int64_t>& values) {
    return constant(name, Tensor::of(Shape{static_cast<int64_t>(values.size())},
                                     std::span<const int64_t>(values)));
  }
  /** Global pooling and a Gemm at the end. */
  void finish_with(ValueId x, int64_t channels) {
    const ValueId pooled = node("GlobalAveragePool", "pool", {x});
    const ValueId flat = node("Flatten", "flat", {pooled});
    output(node("Gemm", "head", {flat, weight("head", {5, channels}, 0, {})},
                {{"transB", int64_t{1}}}));
  }

 private:
  ValueId x_;
  uint64_t seed_ = 0;
};

json prune(const json& options = json::object()) {
  json step = {{"technique", "prune-channels"}, {"multiple", 1}, {"minChannels", 1}};
  step.update(options);
  return recipe_of({step});
}

const Tensor& weight_of(const Model& model, const std::string& node) {
  return model.graph.value(test::node_named(model.graph, node).inputs[1]).constant;
}

/** A quarter of the channels is zero: removing them changes nothing but the sizes. */
test::Compressed expect_free(const std::shared_ptr<const Model>& model,
                             const std::map<std::string, Shape>& shapes,
                             const json& options = json::object()) {
  const auto result = test::compress(model, prune(options), 0);
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

TEST(PruneChannels, ChainWithFlattenedPixels) {
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

TEST(PruneChannels, ReshapeWithAStatedWidth) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8, {1, 6}, {3, 4, 1}));
  const ValueId flat = net.node("Reshape", "flat", {a, net.integers("shape", {-1, 32})});
  net.output(net.node("Gemm", "fc", {flat, net.weight("fc", {32, 5}, 0, {})}));
  expect_free(net.finish(), {{"c1", {6, 3, 3, 3}}, {"fc", {24, 5}}});
}

TEST(PruneChannels, ResidualBranchesLoseTheSameChannels) {
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

TEST(PruneChannels, ConcatAndSplitMoveTheirOffsets) {
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

TEST(PruneChannels, DepthwiseAndGroupedConvolutions) {
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

TEST(PruneChannels, SqueezeAndExcite) {
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

TEST(PruneChannels, ShortcutPaddedWithZeroChannels) {
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

TEST(PruneChannels, ShuffleTransposeAndPixelShuffle) {
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

TEST(PruneChannels, TransposedConvolutionNormAndPRelu) {
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

TEST(PruneChannels, HiddenUnitsOfAnLstm) {
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

TEST(PruneChannels, QueryAndKeyShareTheirWidth) {
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

TEST(PruneChannels, LeavesPinnedWidthsAloneAndSaysWhy) {
  Net net;
  const ValueId a = net.conv("c1", net.x(), 3, 8);
  const ValueId scores = net.node("Softmax", "softmax", {a}, {{"axis", int64_t{1}}});
  net.output(net.conv("c2", scores, 8, 8));
  const auto model = net.finish();
  const auto result = test::compress(model, prune(), 0);
  const json& step = result.report["steps"][0];
  EXPECT_FALSE(step["kept"]);
  EXPECT_EQ(step["layers"]["reasons"][0]["reason"],
            "statistics are taken over it at node 'softmax' (Softmax)");
  EXPECT_EQ(step["layers"]["reasons"][1]["reason"],
            "it is the width of the model's output \"c2_out\"");
  EXPECT_EQ(write_model(result.model), write_model(*model));
}

/** 3 -> 16 -> 24 -> 5, nothing zero. */
std::shared_ptr<const Model> plain() {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 16));
  net.finish_with(net.relu("r2", net.conv("c2", a, 16, 24)), 24);
  return net.finish();
}

TEST(PruneChannels, LeavesMultiplesAndAtLeastSoMany) {
  const auto model = plain();
  const auto by8 = test::compress(model, prune({{"multiple", 8}, {"ratio", 0.4}}), 0);
  EXPECT_EQ(weight_of(by8.model, "c1").shape()[0], 8);
  EXPECT_EQ(weight_of(by8.model, "c2").shape()[0], 16);
  const auto least = test::compress(model, prune({{"minChannels", 13}, {"ratio", 0.9}}), 0);
  EXPECT_EQ(weight_of(least.model, "c1").shape()[0], 13);
  EXPECT_EQ(weight_of(least.model, "c2").shape()[0], 13);
  const json rules = {{{"op", "Conv"}}, {{"name", "c1"}, {"ratio", 0.5}}};
  const auto own = test::compress(model, prune({{"layers", rules}, {"ratio", 0.25}}), 0);
  EXPECT_EQ(weight_of(own.model, "c1").shape()[0], 8);
  EXPECT_EQ(weight_of(own.model, "c2").shape()[0], 18);
}

TEST(PruneChannels, ReachesTargets) {
  const auto model = plain();
  for (const std::string scope : {"layer", "global"}) {
    for (const std::string what : {"keepParameters", "keepMacs", "keepBytes"}) {
      const auto result = test::compress(model, prune({{"scope", scope}, {what, 0.6}}), 0);
      const json& report = result.report;
      const json& size = what == "keepMacs" ? report["macs"] : report["bytes"];
      const double share = size["after"].get<double>() / size["before"].get<double>();
      EXPECT_LT(share, 0.66) << scope << what;  // bytes count the file's names too
      EXPECT_GT(share, 0.5) << scope << what;
    }
  }
  try {
    test::compress(model, prune({{"keepMacs", 0.01}, {"maxRatio", 0.5}}), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_OPTION);
    EXPECT_NE(error.message.find("at least 0.2"), std::string::npos) << error.message;
  }
}

TEST(PruneChannels, NothingToRemoveChangesNothing) {
  const auto model = plain();
  const auto result = test::compress(model, prune({{"ratio", 0}}), 0);
  EXPECT_FALSE(result.report["steps"][0]["kept"]);
  EXPECT_EQ(write_model(result.model), write_model(*model));
}

TEST(PruneChannels, CriteriaLookAtWhatTheySay) {
  Net net;
  Tensor w = Tensor::zeros(DType::f32, {4, 1, 1, 2});
  const std::vector<float> values = {3, 4, -5, 0, 1, 1, 3, 3};
  std::copy(values.begin(), values.end(), w.mutable_data<float>().begin());
  const ValueId x = net.input("z", {1, 1, 3, 3});
  const ValueId id = net.constant("w", w);
  net.output(net.node("Conv", "c", {x, id}));
  const Graph& graph = net.graph();
  ChannelLayerPlace place;
  place.weights = {{id, 0, 4}};
  EXPECT_EQ(l1_scores(graph, place), (std::vector<double>{7, 5, 2, 6}));
  EXPECT_EQ(l2_scores(graph, place), (std::vector<double>{5, 5, std::sqrt(2.0), std::sqrt(18.0)}));
  const double ab = std::sqrt(80.0), ac = std::sqrt(13.0), ad = 1, bc = std::sqrt(37.0);
  const double bd = std::sqrt(73.0), cd = std::sqrt(8.0);
  const std::vector<double> expected = {ab + ac + ad, ab + bc + bd, ac + bc + cd, ad + bd + cd};
  const std::vector<double> actual = fpgm_scores(graph, place);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-9);
}

TEST(PruneChannels, ActivationFindsWhatNeverFires) {
  Net net;
  // Large filters, but a bias keeps channels 2 and 5 below zero.
  const ValueId w = net.weight("c1", {8, 3, 3, 3}, 0, {});
  Tensor bias = Tensor::zeros(DType::f32, {8});
  for (size_t c : {2, 5}) bias.mutable_data<float>()[c] = -1000;
  const ValueId a = net.relu("r1", net.node("Conv", "c1", {net.x(), w, net.constant("b", bias)}));
  net.finish_with(a, 8);
  const auto model = net.finish();
  const auto result = test::compress(model, prune({{"criterion", "activation"}}), 4);
  EXPECT_EQ(result.report["recipe"]["steps"][0]["removed"]["c1"], "2 5");
  EXPECT_GT(test::output_sqnr_db(*model, result.model, 2), 100);
}

TEST(PruneChannels, RandomFollowsTheSeed) {
  const auto model = plain();
  const auto run = [&](int seed) {
    json recipe = prune({{"criterion", "random"}});
    recipe["seed"] = seed;
    return write_model(test::compress(model, recipe, 0).model);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(PruneChannels, PlacesAsText) {
  EXPECT_EQ(write_places({0, 1, 2, 5, 7, 8}), "0-2 5 7-8");
  EXPECT_EQ(read_places("0-2 5 7-8", 9, ""), (std::vector<int64_t>{0, 1, 2, 5, 7, 8}));
  EXPECT_TRUE(read_places("", 9, "").empty());
  for (const std::string bad : {"9", "3 2", "3-2", "1-", "x", "1,2", "-1", "1 1"}) {
    EXPECT_THROW(read_places(bad, 9, "here"), Error) << bad;
  }
}

TEST(PruneChannels, RefusesARemovalThatCannotBe) {
  const auto model = plain();
  for (const json& removed :
       {json{{"nobody", "1"}}, json{{"head", "1"}}, json{{"c1", "0-15"}}, json{{"c1", "16"}}}) {
    EXPECT_THROW(test::compress(model, prune({{"removed", removed}}), 0), Error) << removed;
  }
}

/** Channels 5, 6 and 7 of c1 can be made of 0, 1 and 2, through the Relu. */
std::shared_ptr<const Model> dependent() {
  Net net;
  Tensor w = test::random_tensor({8, 3, 3, 3}, 1, 0.3f);
  Tensor b = test::random_tensor({8}, 2, 0.3f);
  for (size_t c = 5; c < 8; ++c) {
    const float factor = 0.5f * static_cast<float>(c - 4);
    for (size_t i = 0; i < 27; ++i) {
      w.mutable_data<float>()[c * 27 + i] = factor * w.data<float>()[(c - 5) * 27 + i];
    }
    b.mutable_data<float>()[c] = factor * b.data<float>()[c - 5];
  }
  const ValueId c1 = net.node("Conv", "c1", {net.x(), net.constant("w", w), net.constant("b", b)},
                              {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId a = net.relu("r1", c1);
  net.finish_with(net.relu("r2", net.conv("c2", a, 8, 8)), 8);
  return net.finish();
}

TEST(PruneChannels, ReconstructionRecoversALinearDependency) {
  const auto model = dependent();
  const json rules = {{{"name", "c1"}}};
  const json options = {{"criterion", "reconstruction"},
                        {"reconstruct", true},
                        {"ratio", 0.375},
                        {"ridge", 1e-7},
                        {"layers", rules}};
  const auto result = test::compress(model, prune(options), 8);
  EXPECT_EQ(weight_of(result.model, "c1").shape()[0], 5);
  EXPECT_GT(test::output_sqnr_db(*model, result.model, 2), 60);
  const json& facts = result.report["steps"][0]["facts"];
  EXPECT_GT(facts["recovered"]["c2"].get<double>(), 0.9999);
  // Bit by bit, without data.
  const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(result.model));
  // Which it cannot be without the reconstruction.
  json plain = options;
  plain["reconstruct"] = false;
  EXPECT_LT(test::output_sqnr_db(*model, test::compress(model, prune(plain), 8).model, 2), 30);
}

TEST(PruneChannels, ReconstructionLeavesLessErrorThanCutting) {
  const auto model = plain();
  double last = -100;
  for (const json& options :
       {json{{"criterion", "l2"}}, json{{"criterion", "l2"}, {"reconstruct", true}},
        json{{"criterion", "reconstruction"}, {"reconstruct", true}}}) {
    const auto result = test::compress(model, prune(options), 16);
    const double sqnr = test::output_sqnr_db(*model, result.model, 8);
    EXPECT_GT(sqnr, last) << options;
    last = sqnr;
  }
}

TEST(PruneChannels, ReconstructsEveryKindOfReader) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8));
  const ValueId g = net.relu("r2", net.conv("grouped", a, 8, 8, {}, {3, 4, 2}));
  const ValueId flat = net.node("Flatten", "flat", {g});  // [batch, 8 * 2 * 2]
  const ValueId h = net.node("MatMul", "fc1", {flat, net.weight("fc1", {32, 12}, 1, {})});
  net.output(net.node(
      "Gemm", "fc2",
      {net.relu("r3", h), net.weight("fc2", {5, 12}, 0, {}), net.weight("fc2.b", {5}, 0, {})},
      {{"transB", int64_t{1}}}));
  const auto model = net.finish();
  for (const std::string maker : {"c1", "grouped", "fc1"}) {
    const json rules = {{{"name", maker}}};
    const json options = {{"layers", rules}, {"minChannels", 6}};
    json rebuilt = options;
    rebuilt["reconstruct"] = true;
    const auto cut = test::compress(model, prune(options), 0);
    const auto result = test::compress(model, prune(rebuilt), 32, 8);
    const json& recovered = result.report["steps"][0]["facts"]["recovered"];
    EXPECT_EQ(recovered.size(), 1);
    EXPECT_GT(test::output_sqnr_db(*model, result.model, 32),
              test::output_sqnr_db(*model, cut.model, 32))
        << maker << recovered;
  }
  const auto all = test::compress(model, prune({{"reconstruct", true}}), 16, 8);
  EXPECT_EQ(all.report["steps"][0]["facts"]["recovered"].size(), 3);
  const auto again = test::compress(model, json::parse(all.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(all.model));
}

TEST(PruneChannels, NumbersAsText) {
  const std::vector<float> values = {0, 1, -1, 0.1f, 1e-30f, -3.25e20f, INFINITY};
  for (float value : values) {
    const float rounded = text_rounded(value);
    if (std::isfinite(value)) {
      EXPECT_NEAR(rounded, value, std::fabs(value) * 0x1p-16f);
    }
    EXPECT_EQ(read_floats(write_floats(std::vector<float>{rounded}), 1, "")[0], rounded);
  }
  EXPECT_THROW(read_floats("AAA", 1, "here"), Error);
  EXPECT_THROW(read_floats("AA+A", 1, "here"), Error);
}

/** Graphs of everything that couples channels, drawn by chance. */
class RandomNet {
 public:
  explicit RandomNet(uint64_t seed) : random_(seed) {}

  std::shared_ptr<const Model> make() {
    open_ = {{net_.relu("r0", net_.conv("c0", net_.x(), 3, 8)), 8}};
    for (int i = 1; i < 14; ++i) grow(std::to_string(i));
    // Everything left open ends in the head.
    std::vector<ValueId> all;
    int64_t channels = 0;
    for (const Open& each : open_) {
      all.push_back(each.value);
      channels += each.channels;
    }
    const ValueId joined =
        all.size() == 1 ? all[0] : net_.node("Concat", "end", all, {{"axis", int64_t{1}}});
    net_.finish_with(joined, channels);
    return net_.finish();
  }

 private:
  struct Open {
    ValueId value;
    int64_t channels;
  };

  Open pick() { return open_[random_.below(static_cast<uint32_t>(open_.size()))]; }

  void grow(const std::string& n) {
    const Open a = pick();
    switch (random_.below(8)) {
      case 0:
        return add(net_.relu("r" + n, net_.conv("c" + n, a.value, a.channels, 8)), 8);
      case 1:
        return add(net_.conv("c" + n, a.value, a.channels, 6, {}, {1, 1, 1}), 6);
      case 2:
        return add(net_.conv("c" + n, a.value, a.channels, a.channels, {}, {3, 1, a.channels}),
                   a.channels);
      case 3:
        if (a.channels % 2 != 0) return;
        return add(net_.conv("c" + n, a.value, a.channels, 8, {}, {3, 1, 2}), 8);
      case 4: {
        const Open b = pick();
        if (b.channels != a.channels) return;
        return add(net_.node("Add", "a" + n, {a.value, b.value}), a.channels);
      }
      case 5: {
        const Open b = pick();
        if (a.channels + b.channels > 24) return;
        return add(net_.node("Concat", "k" + n, {a.value, b.value}, {{"axis", int64_t{1}}}),
                   a.channels + b.channels);
      }
      case 6: {
        if (a.channels < 4) return;
        const int64_t begin = random_.below(2);
        const ValueId part =
            net_.node("Slice", "s" + n,
                      {a.value, net_.integers("f" + n, {begin}),
                       net_.integers("t" + n, {a.channels - 1}), net_.integers("x" + n, {1})});
        return add(part, a.channels - 1 - begin);
      }
      default: {
        const ValueId padded =
            net_.node("Pad", "p" + n, {a.value, net_.integers("w" + n, {0, 1, 0, 0, 0, 2, 0, 0})});
        return add(padded, a.channels + 3);
      }
    }
  }

  void add(ValueId value, int64_t channels) { open_.push_back({value, channels}); }

  Net net_;
  Random random_;
  std::vector<Open> open_;
};

TEST(PruneChannels, RandomGraphsShrinkAsIfTheirWeightsWereZero) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const auto model = RandomNet(seed).make();
    Graph graph = model->graph;
    infer_shapes(graph, all_ops());
    Coupling coupling(graph, all_ops());
    std::vector<ChannelLayerPlace> layers;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!graph.nodes[i].is("Conv")) continue;
      layers.push_back(channel_layer_place(graph, static_cast<int>(i)));
      ASSERT_TRUE(coupling.follow(layers.back().output));
    }
    Random random(seed, 3);
    std::set<int> removed;
    for (const CoupledChannels& group : coupled_channels(graph, coupling.slots(), layers)) {
      ASSERT_EQ(group.obstacle, "") << "seed " << seed;
      for (size_t i = 1; i < group.classes.size(); ++i) {
        if (random.below(3) == 0) removed.insert(group.classes[i]);
      }
    }
    const KeptPlaces kept = kept_places(coupling.slots(), removed);
    Model zeroed = *model;
    for (const auto& [at, places] : kept) {
      Value& value = zeroed.graph.value(at.value);
      if (!value.is_constant()) continue;
      value.constant = value.constant.clone();
      const Shape& shape = value.constant.shape();
      const int64_t inner = shape.elements(at.axis + 1, shape.rank());
      const std::span<float> w = value.constant.mutable_data<float>();
      for (size_t i = 0; i < w.size(); ++i) {
        const int64_t place = static_cast<int64_t>(i) / inner % shape[at.axis];
        if (!places[static_cast<size_t>(place)]) w[i] = 0;
      }
    }
    Model smaller = *model;
    smaller.graph = graph;
    shrink(smaller.graph, all_ops(), kept);
    verify(smaller.graph);
    EXPECT_GT(test::output_sqnr_db(zeroed, smaller, 1), 100) << "seed " << seed;
  }
}

}  // namespace
}  // namespace whittle
