#include "core/compress/layers.h"

#include <gtest/gtest.h>

#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

std::vector<std::string> selected(const Graph& graph, std::vector<LayerRule> rules) {
  std::vector<std::string> names;
  for (const Layer& layer : select_layers(graph, {"Gemm"}, {"Relu"}, Options(), rules)) {
    if (layer.selected) names.push_back(layer.name());
  }
  return names;
}

LayerRule by_name(std::string name, bool skip = false) {
  LayerRule rule;
  rule.name = std::move(name);
  rule.skip = skip;
  return rule;
}

LayerRule by_index(int64_t index) {
  LayerRule rule;
  rule.index = index;
  return rule;
}

using Names = std::vector<std::string>;

TEST(Layers, GlobsMatchAnyTextAndSingleLetters) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("/head/*", "/head/conv/1"));
  EXPECT_TRUE(glob_match("*conv?", "/a/conv1"));
  EXPECT_TRUE(glob_match("a*b*c", "axxbyybzzc"));
  EXPECT_FALSE(glob_match("a*b*c", "axxbyybzz"));
  EXPECT_FALSE(glob_match("conv", "conv1"));
  EXPECT_FALSE(glob_match("?", ""));
}

TEST(Layers, LaterRulesWin) {
  const auto model = test::two_layers();
  const Graph& graph = model->graph;
  EXPECT_EQ(selected(graph, {}), (Names{"fc1", "fc2"}));
  EXPECT_EQ(selected(graph, {by_name("fc2", true)}), (Names{"fc1"}));
  EXPECT_EQ(selected(graph, {by_name("*"), by_name("fc1", true)}), (Names{"fc2"}));
  EXPECT_EQ(selected(graph, {by_name("fc*", true), by_name("fc1")}), (Names{"fc1"}));
}

TEST(Layers, MatchTheNameOfTheOutputAndPositionsFromBothEnds) {
  const auto model = test::two_layers();
  const Graph& graph = model->graph;
  EXPECT_EQ(selected(graph, {by_name("fc1_out")}), (Names{"fc1"}));
  EXPECT_EQ(selected(graph, {by_index(0)}), (Names{"fc1"}));
  EXPECT_EQ(selected(graph, {by_index(-1)}), (Names{"fc2"}));
  EXPECT_THROW(selected(graph, {by_index(2)}), Error);
}

TEST(Layers, OptionalOperatorsHaveToBeAskedFor) {
  const auto model = test::two_layers();
  const Graph& graph = model->graph;
  EXPECT_EQ(selected(graph, {by_name("*")}), (Names{"fc1", "fc2"}));
  EXPECT_EQ(selected(graph, {by_name("relu")}), (Names{"relu"}));
  LayerRule relu;
  relu.op = "Relu";
  EXPECT_EQ(selected(graph, {by_name("*"), relu}), (Names{"fc1", "relu", "fc2"}));
}

}  // namespace
}  // namespace whittle
