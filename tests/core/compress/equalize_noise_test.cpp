#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/compress/quantize/support/equalization/noise_model.h"
#include "core/onnx/writer.h"
#include "core/ops/shape_inference.h"
#include "core/runtime/session.h"
#include "tests/core/compress/small_models.h"
#include "tests/support/files.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

/** Output channels of very different sizes. */
Tensor uneven(const Shape& shape, uint64_t seed, float scale = 0.4f) {
  Tensor weight = test::random_tensor(shape, seed, scale);
  const std::span<float> w = weight.mutable_data<float>();
  const size_t row = w.size() / static_cast<size_t>(shape[0]);
  for (size_t i = 0; i < w.size(); ++i) w[i] *= std::ldexp(1.0f, static_cast<int>(i / row % 5) - 2);
  return weight;
}

ValueId depthwise(test::ModelMaker& maker, const std::string& name, ValueId x, int64_t channels,
                  uint64_t seed) {
  const ValueId w = maker.constant("w_" + name, test::random_tensor({channels, 1, 3, 3}, seed));
  return maker.node("Conv", name, {x, w},
                    {{"group", channels}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
}

/** expand -> clip -> depthwise -> clip -> project, twice, with a residual sum. */
std::shared_ptr<const Model> residual_blocks(float high) {
  test::ModelMaker maker;
  const ValueId low = maker.constant("low", Tensor::scalar(0.0f));
  const ValueId most = maker.constant("high", Tensor::scalar(high));
  const auto clip = [&](const std::string& name, ValueId x) {
    return maker.node("Clip", name, {x, low, most});
  };
  const auto conv = [&](const std::string& name, ValueId x, const Shape& shape, uint64_t seed) {
    const ValueId w = maker.constant("w_" + name, uneven(shape, seed, 0.3f));
    const ValueId b = maker.constant("b_" + name, test::random_tensor({shape[0]}, seed + 50, 0.1f));
    return maker.node("Conv", name, {x, w, b});
  };
  ValueId x = conv("stem", maker.input("x", {Dim::named("batch"), 3, 8, 8}), {6, 3, 1, 1}, 1);
  for (const std::string block : {"a", "b"}) {
    const uint64_t seed = block == "a" ? 10 : 20;
    ValueId h = clip(block + "1", conv(block + "e", x, {12, 6, 1, 1}, seed));
    h = clip(block + "2", depthwise(maker, block + "d", h, 12, seed + 1));
    h = conv(block + "p", h, {6, 12, 1, 1}, seed + 2);
    x = maker.node("Add", block + "s", {x, h});
  }
  maker.output(conv("last", x, {4, 6, 1, 1}, 30));
  return maker.finish();
}

/** Two units of a ShuffleNet: split, one half transformed, joined, shuffled. */
std::shared_ptr<const Model> shuffled() {
  test::ModelMaker maker;
  const auto conv = [&](const std::string& name, ValueId x, const Shape& shape, uint64_t seed) {
    return maker.node("Conv", name, {x, maker.constant("w_" + name, uneven(shape, seed))});
  };
  const auto numbers = [&](const std::string& name, std::vector<int64_t> values) {
    return maker.constant(name, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
  };
  const ValueId wide = numbers("wide", {2, 2, 4, 5, 5});
  const ValueId narrow = numbers("narrow", {2, 8, 5, 5});
  const ValueId halves = numbers("halves", {4, 4});
  ValueId x = conv("stem", maker.input("x", {2, 3, 5, 5}), {8, 3, 1, 1}, 1);
  x = maker.node("Relu", "r", {x});
  for (const std::string unit : {"a", "b"}) {
    const uint64_t seed = unit == "a" ? 10 : 20;
    const ValueId left = maker.node("Split", unit + "_split", {x, halves}, {{"axis", int64_t{1}}});
    const ValueId right = maker.graph().add_value(unit + "_right", DType::f32);
    maker.graph().nodes.back().outputs.push_back(right);
    ValueId h = maker.node("LeakyRelu", unit + "_r", {conv(unit + "c", right, {4, 4, 1, 1}, seed)});
    h = maker.node("Concat", unit + "_cat", {left, h}, {{"axis", int64_t{1}}});
    h = maker.node("Reshape", unit + "_wide", {h, wide});
    h = maker.node("Transpose", unit + "_swap", {h},
                   {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
    x = maker.node("Reshape", unit + "_back", {h, narrow});
  }
  maker.output(conv("last", x, {4, 8, 1, 1}, 30));
  return maker.finish();
}

json equalize(const json& options = json::object()) {
  json step = {{"technique", "equalize"}};
  step.update(options);
  return recipe_of({step});
}

/** SQNR of the first output on the samples that calibrated. */
double calibrated_sqnr_db(const Model& original, const Model& made, int64_t batch = 4) {
  const Feeds feeds = test::random_feeds(original, 100, batch);
  return test::sqnr_db(to_floats(test::reference_outputs(original, feeds)[0], ""),
                       to_floats(test::reference_outputs(made, feeds)[0], ""));
}

TEST(EqualizeNoise, KeepsTheFunction) {
  for (const float high : {0.8f, 900.0f}) {
    const auto model = residual_blocks(high);
    const auto result = test::compress(model, equalize());
    EXPECT_GE(result.report["steps"][0]["layers"]["touched"], 5) << high;
    EXPECT_GT(calibrated_sqnr_db(*model, result.model), 100) << high;
    EXPECT_GT(result.report["steps"][0]["facts"]["predictedGainDb"], 0) << high;
  }
}

TEST(EqualizeNoise, FollowsChannelsThroughSplitsAndShuffles) {
  const auto model = shuffled();
  const auto result = test::compress(model, equalize(), 4, 2);
  EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 3);
  EXPECT_GT(calibrated_sqnr_db(*model, result.model, 2), 100);
}

TEST(EqualizeNoise, RepeatsItsResultFromTheReportWithoutData) {
  for (const auto& model : {residual_blocks(0.8f), residual_blocks(900.0f), shuffled()}) {
    const int64_t batch = 2;
    const auto first = test::compress(model, equalize(), 4, batch);
    const json repeat = json::parse(first.report["recipe"].dump());
    EXPECT_EQ(repeat["steps"][0]["method"], "given");
    EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(first.model));
  }
}

TEST(EqualizeNoise, MakesChannelsReachEquallyFarWhereThatCostsNothing) {
  // A depthwise layer with a scale per channel holds any factors of its inputs.
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 8});
  const ValueId w = maker.constant("w", uneven({8, 3, 1, 1}, 1));
  const ValueId relu = maker.node("Relu", "relu", {maker.node("Conv", "expand", {x, w})});
  maker.output(depthwise(maker, "dw", relu, 8, 2));
  const auto model = maker.finish();
  const auto result = test::compress(model, equalize(), 1);
  Model cut = result.model;
  cut.graph.outputs = {test::node_named(cut.graph, "relu").output(0)};
  const Tensor values = test::reference_outputs(cut, test::random_feeds(*model, 100, 4))[0];
  std::vector<float> reach(8, 0.0f);
  const std::span<const float> all = values.data<float>();
  for (size_t i = 0; i < all.size(); ++i) reach[i / 64 % 8] = std::max(reach[i / 64 % 8], all[i]);
  const float most = *std::max_element(reach.begin(), reach.end());
  for (float each : reach) EXPECT_NEAR(each / most, 1, 0.2);
}

TEST(EqualizeNoise, LowersTheNoiseOfStaticQuantization) {
  for (const std::string weights : {"channel", "tensor"}) {
    const json depthwise = weights == "tensor" ? "as-weights" : "channel";
    const json quantize = {{"technique", "quantize-static"},
                           {"weights", weights},
                           {"depthwise", depthwise},
                           {"firstLast", "int8"}};
    const json scale = {{"technique", "equalize"}, {"weights", weights}, {"depthwise", depthwise}};
    const auto model = residual_blocks(3.0f);
    const auto plain = test::compress(model, recipe_of({quantize}));
    const auto scaled = test::compress(model, recipe_of({scale, quantize}));
    EXPECT_GT(calibrated_sqnr_db(*model, scaled.model), calibrated_sqnr_db(*model, plain.model) + 1)
        << weights;
  }
}

TEST(EqualizeNoise, RestoresARealDepthwiseNetworkWithOneScaleATensor) {
  if (test::assets_folder().empty()) GTEST_SKIP() << "skipped: no assets";
  const auto model = std::make_shared<const Model>(
      test::read_file(test::assets_folder() + "/models/mobilenet_v1_0.25_224.onnx"));
  const json per_tensor = {{"weights", "tensor"}, {"depthwise", "as-weights"}};
  json scale = {{"technique", "equalize"}, {"clip", "min"}};
  json quantize = {{"technique", "quantize-static"}};
  scale.update(per_tensor);
  quantize.update(per_tensor);
  const auto outputs_of = [&](const Model& made) {
    Session session(std::make_shared<Model>(made), {});
    return to_floats(session.run(test::random_feeds(*model, 100))[0], "");
  };
  const std::vector<float> expected = outputs_of(*model);
  const auto sqnr_of = [&](const json& steps) {
    return test::sqnr_db(expected, outputs_of(test::compress(model, recipe_of(steps), 2, 1).model));
  };
  EXPECT_GT(sqnr_of(json::array({scale})), 80);
  EXPECT_GT(sqnr_of(json::array({scale, quantize})), sqnr_of(json::array({quantize})) + 6);
}

/** A model's noise as equalization sees it. */
struct Prediction {
  std::shared_ptr<Model> model;
  std::vector<ChannelGroup> groups;
  std::map<ValueId, ChannelStatistics> statistics;
  std::unique_ptr<NoiseImportance> importance;

  explicit Prediction(const Model& given) : model(std::make_shared<Model>(given)) {
    Graph& graph = model->graph;
    infer_shapes(graph, all_ops());
    const GraphIndex index(graph);
    std::set<int> layers;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (graph.nodes[i].is("Conv")) layers.insert(static_cast<int>(i));
    }
    std::set<int> taken;
    for (int i : layers) {
      ChannelGroup group = group_from(graph, index, layers, i);
      if (!group.obstacle.empty() || taken.contains(i)) continue;
      for (const GroupMaker& maker : group.makers) taken.insert(maker.node);
      groups.push_back(std::move(group));
    }
    importance = std::make_unique<NoiseImportance>(graph);
    uint64_t seed = 1;
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const auto& dims = graph.values[id].dims;
      if (graph.values[id].is_constant() || !dims || dims->size() < 2) continue;
      const auto channels = static_cast<size_t>((*dims)[1].value);
      Random random(++seed);
      ChannelStatistics& seen = statistics[static_cast<ValueId>(id)];
      for (size_t c = 0; c < channels; ++c) {
        seen.min.push_back(-0.5f * static_cast<float>(random.uniform()));
        seen.max.push_back(0.5f + 2 * static_cast<float>(random.uniform()));
        seen.lows.push_back(seen.min.back() / 2);
        seen.highs.push_back(seen.max.back() / 2);
        seen.sum.push_back(1);
        seen.squares.push_back(10 * random.uniform());
        seen.inside.push_back(5);
      }
      seen.cut.assign(channels, 0.0);
      seen.elements = static_cast<int64_t>(channels) * 10;
      seen.images = 1;
    }
    importance->solve(statistics);
  }

  NoiseModel noise(const NoiseForm& form) const {
    return NoiseModel(model->graph, groups,
                      std::vector<std::vector<std::vector<float>>>(groups.size()), *importance,
                      statistics, form);
  }
};

TEST(NoiseModel, SlopesAreThoseOfFiniteDifferences) {
  const Prediction prediction(*residual_blocks(900.0f));
  for (const NoiseForm form : {NoiseForm{false, true, 0}, NoiseForm{true, false, 0.5}}) {
    const NoiseModel model = prediction.noise(form);
    ASSERT_EQ(model.variables(), 6u + 4 * 12);
    std::vector<double> logs(model.variables());
    Random random(3);
    for (double& each : logs) each = 0.5 * random.normal();
    std::vector<double> gradient;
    const double noise = model.smooth_noise(logs, 16, gradient);
    EXPECT_GE(noise, model.noise(logs));
    EXPECT_LT(noise, 2.5 * model.noise(logs));
    std::vector<double> unused;
    for (size_t v = 0; v < logs.size(); ++v) {
      constexpr double kStep = 1e-5;
      std::vector<double> moved = logs;
      moved[v] += kStep;
      const double above = model.smooth_noise(moved, 16, unused);
      moved[v] -= 2 * kStep;
      const double below = model.smooth_noise(moved, 16, unused);
      EXPECT_NEAR(gradient[v], (above - below) / (2 * kStep), 1e-6 * noise) << v;
    }
  }
}

TEST(NoiseModel, AScaleOfAllChannelsChangesNothing) {
  const Prediction prediction(*residual_blocks(900.0f));
  const NoiseModel model = prediction.noise({});
  std::vector<double> logs(model.variables(), 0.0);
  const double before = model.noise(logs);
  for (int64_t c = 0; c < prediction.groups[0].channels; ++c) {
    logs[model.begin(0) + static_cast<size_t>(c)] = 1.5;
  }
  EXPECT_NEAR(model.noise(logs), before, 1e-9 * before);
}

TEST(NoiseImportance, PassesNoiseOnByTheSquaresOfWeights) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 2});
  const ValueId w = maker.constant("w", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const ValueId y = maker.node("Gemm", "fc", {x, w});
  maker.output(y);
  const auto made = maker.finish();
  Model model = *made;
  infer_shapes(model.graph, all_ops());
  NoiseImportance importance(model.graph);
  ChannelStatistics seen;
  seen.min = seen.max = {0, 0, 0};
  seen.squares = {4, 8, 8};  // over two samples: a power of 2 + 4 + 4
  seen.elements = 6;
  importance.solve({{y, seen}});
  EXPECT_EQ(importance.of(y), std::vector<double>(3, 0.1));
  EXPECT_NEAR(importance.of(x)[0], (1 + 4 + 9) / 10.0, 1e-12);
  EXPECT_NEAR(importance.of(x)[1], (16 + 25 + 36) / 10.0, 1e-12);
  EXPECT_TRUE(importance.reaches_layer(x));
  EXPECT_FALSE(importance.reaches_layer(y));
}

TEST(ChannelText, FactorsAreFineStepsOfAnOctave) {
  for (int k = -kFactorLimit; k <= kFactorLimit; k += 7) {
    EXPECT_NEAR(factor_value(k), std::exp2(k / 32.0), 1e-14 * factor_value(k));
    EXPECT_EQ(factor_near(factor_value(k)), k);
  }
}

TEST(EqualizeNoise, LeavesAModelAloneThatItDoesNotHelp) {
  const auto model = residual_blocks(6);
  const auto with = [&](bool check) {
    json step = {{"technique", "equalize"}, {"clip", "keep"}, {"check", check}};
    return test::compress(model, recipe_of({step}));
  };
  const auto checked = with(true);
  const json& facts = checked.report["steps"][0]["facts"]["check"];
  EXPECT_EQ(facts["kept"], facts["withDb"] >= facts["withoutDb"]);
  EXPECT_EQ(write_model(checked.model) == write_model(with(false).model), facts["kept"]);
  EXPECT_FALSE(with(false).report["steps"][0]["facts"].contains("check"));
  const auto repeated = test::compress(model, checked.report["recipe"], 0);
  EXPECT_EQ(write_model(checked.model), write_model(repeated.model));
}

TEST(EqualizeNoise, NothingToScaleIsRepeatedWithoutData) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 16});
  maker.output(
      maker.node("MatMul", "fc", {x, maker.constant("w", test::random_tensor({16, 5}, 1))}));
  const auto model = maker.finish();
  const auto result = test::compress(model, recipe_of({{{"technique", "equalize"}}}));
  const auto repeated = test::compress(model, result.report["recipe"], 0);
  EXPECT_EQ(write_model(repeated.model), write_model(result.model));
}

}  // namespace
}  // namespace whittle
