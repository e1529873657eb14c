#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/compress/prune/support/weight_mask.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

json prune(const json& options = json::object()) {
  json step = {{"technique", "prune-weights"}, {"keep", true}};
  step.update(options);
  return recipe_of({step});
}

std::vector<float> weight_of(const Model& model, const std::string& node) {
  const Graph& graph = model.graph;
  const Tensor& weight = graph.value(test::node_named(graph, node).inputs[1]).constant;
  const std::span<const float> values = weight.data<float>();
  return {values.begin(), values.end()};
}

int64_t zeros_in(const std::vector<float>& values) {
  return std::count(values.begin(), values.end(), 0.0f);
}

TEST(PruneWeights, TakesTheSmallestOfEachLayer) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, prune({{"sparsity", 0.75}}), 0);
  for (const std::string name : {"fc1", "fc2"}) {
    const std::vector<float> before = weight_of(*model, name);
    const std::vector<float> after = weight_of(result.model, name);
    EXPECT_EQ(zeros_in(after), static_cast<int64_t>(before.size()) * 3 / 4) << name;
    float gone = 0;
    float kept = 1e9f;
    for (size_t i = 0; i < before.size(); ++i) {
      if (after[i] == 0) {
        gone = std::max(gone, std::fabs(before[i]));
      } else {
        EXPECT_EQ(after[i], before[i]);
        kept = std::min(kept, std::fabs(before[i]));
      }
    }
    EXPECT_LE(gone, kept) << name;
  }
}

TEST(PruneWeights, OneThresholdForAllLayers) {
  const auto model = test::two_layers();
  const auto result = test::compress(model, prune({{"scope", "global"}, {"sparsity", 0.6}}), 0);
  const std::vector<float> first = weight_of(result.model, "fc1");
  const std::vector<float> second = weight_of(result.model, "fc2");
  const auto all = static_cast<double>(first.size() + second.size());
  EXPECT_NEAR(static_cast<double>(zeros_in(first) + zeros_in(second)) / all, 0.6, 1e-3);
  float gone = 0;
  float kept = 1e9f;
  for (const std::string name : {"fc1", "fc2"}) {
    const std::vector<float> before = weight_of(*model, name);
    const std::vector<float> after = weight_of(result.model, name);
    for (size_t i = 0; i < before.size(); ++i) {
      float& bound = after[i] == 0 ? gone : kept;
      bound = after[i] == 0 ? std::max(gone, std::fabs(before[i]))
                            : std::min(kept, std::fabs(before[i]));
    }
  }
  EXPECT_LE(gone, kept);
}

TEST(PruneWeights, BlocksOfOutputChannelsGoTogether) {
  const auto model = test::two_layers(16, 24, 8);  // fc1 is [24, 16], fc2 [24, 8]
  const auto result = test::compress(model, prune({{"pattern", "4x1"}}), 0);
  const std::vector<float> rows = weight_of(result.model, "fc1");
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i] == 0, rows[i / 64 * 64 + i % 16] == 0) << i;
  }
  const std::vector<float> columns = weight_of(result.model, "fc2");
  for (size_t i = 0; i < columns.size(); ++i) {
    EXPECT_EQ(columns[i] == 0, columns[i / 4 * 4] == 0) << i;
  }
  EXPECT_EQ(zeros_in(rows), 24 * 16 / 2);
}

TEST(PruneWeights, UnitsOfAnOddNumberOfChannels) {
  const MaskUnits units{{2, 5, 3}, 1, 4};
  EXPECT_EQ(units.rows(), 2);
  EXPECT_EQ(units.count(), 12);
  const std::vector<float> ones(30, 1.0f);
  const std::vector<float> scores = unit_scores(units, ones);
  EXPECT_EQ(scores, (std::vector<float>{4, 4, 4, 1, 1, 1, 4, 4, 4, 1, 1, 1}));
  EXPECT_EQ(units.row_of(8), 0);
  EXPECT_EQ(units.row_of(9), 1);
  const WeightMask mask = lowest(units, scores, 0.5, false);
  for (int64_t i = 0; i < 30; ++i) EXPECT_EQ(mask[static_cast<size_t>(i)], i / 3 % 5 == 4);
}

TEST(PruneWeights, ChanceFollowsTheSeed) {
  const auto model = test::two_layers();
  const auto run = [&](int seed) {
    json recipe = prune({{"method", "random"}});
    recipe["seed"] = seed;
    return write_model(test::compress(model, recipe, 0).model);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

/** x times a scale a column, into a MatMul of [24, 12]; or mixed first, so that the 24 inputs are
 * combinations of 16. */
std::shared_ptr<const Model> scaled(const std::vector<float>& scales, bool mixed) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 24});
  const Shape row{24};
  ValueId value = maker.node(
      "Mul", "scale", {x, maker.constant("s", Tensor::of(row, std::span<const float>(scales)))});
  if (mixed) {
    const ValueId down = maker.constant("down.w", test::random_tensor({24, 16}, 5, 0.3f));
    const ValueId up = maker.constant("up.w", test::random_tensor({16, 24}, 6, 0.3f));
    value = maker.node("MatMul", "up", {maker.node("MatMul", "down", {value, down}), up});
  }
  const ValueId w = maker.constant("w", test::random_tensor({24, 12}, 7));
  maker.output(maker.node("MatMul", "fc", {value, w}));
  return maker.finish();
}

TEST(PruneWeights, WandaWeighsByTheInputs) {
  std::vector<float> scales(24);
  for (size_t k = 0; k < 24; ++k) scales[k] = std::ldexp(1.0f, static_cast<int>(k % 7) - 3);
  const auto model = scaled(scales, false);
  const json options = {{"method", "wanda"}, {"sparsity", 0.25}};
  const auto result = test::compress(model, prune(options), 64, 8);
  const std::vector<float> before = weight_of(*model, "fc");
  const std::vector<float> after = weight_of(result.model, "fc");
  for (size_t output = 0; output < 12; ++output) {
    float gone = 0;
    float kept = 1e9f;
    int zeros = 0;
    for (size_t k = 0; k < 24; ++k) {
      const size_t at = k * 12 + output;
      const float score = std::fabs(before[at]) * scales[k];
      zeros += after[at] == 0 ? 1 : 0;
      float& bound = after[at] == 0 ? gone : kept;
      bound = after[at] == 0 ? std::max(gone, score) : std::min(kept, score);
    }
    EXPECT_EQ(zeros, 6);           // a quarter of each output
    EXPECT_LT(gone, 1.2f * kept);  // norms of some 400 samples are not exact
  }
  const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(result.model));
}

TEST(PruneWeights, SparseGptMakesUpForWhatGoes) {
  const auto model = scaled(std::vector<float>(24, 1.0f), true);
  const json rules = {{{"name", "fc"}}};
  double last = -100;
  for (const std::string method : {"random", "magnitude", "sparsegpt"}) {
    const auto result =
        test::compress(model, prune({{"method", method}, {"layers", rules}}), 32, 8);
    EXPECT_EQ(zeros_in(weight_of(result.model, "fc")), 24 * 12 / 2) << method;
    const double sqnr = test::output_sqnr_db(*model, result.model, 64);
    EXPECT_GT(sqnr, last + 2) << method;
    last = sqnr;
    const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
    EXPECT_EQ(write_model(again.model), write_model(result.model)) << method;
  }
}

TEST(PruneWeights, DataMethodsWithOneThreshold) {
  const auto model = scaled(std::vector<float>(24, 1.0f), true);
  for (const std::string method : {"wanda", "sparsegpt"}) {
    const auto result =
        test::compress(model, prune({{"method", method}, {"scope", "global"}}), 16, 8);
    int64_t zeros = 0;
    for (const std::string name : {"down", "up", "fc"}) {
      zeros += zeros_in(weight_of(result.model, name));
    }
    EXPECT_NEAR(static_cast<double>(zeros) / (2 * 24 * 16 + 24 * 12), 0.5, 0.01) << method;
    const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
    EXPECT_EQ(write_model(again.model), write_model(result.model)) << method;
  }
}

TEST(PruneWeights, MasksAsText) {
  WeightMask mask;
  for (int i = 0; i < 17; ++i) {
    mask.push_back(i % 3 == 0);
    EXPECT_EQ(read_mask(write_mask(mask), mask.size(), ""), mask);
  }
  EXPECT_THROW(read_mask("AAAA", 17, "here"), Error);
  EXPECT_THROW(read_mask("A+A", 17, "here"), Error);
}

TEST(PruneWeights, RefusesMasksOfNothing) {
  const auto model = test::two_layers();
  for (const json& masks : {json{{"nobody", "AA"}}, json{{"w1", "AA"}}}) {
    EXPECT_THROW(test::compress(model, prune({{"masks", masks}}), 0), Error) << masks;
  }
}

}  // namespace
}  // namespace whittle
