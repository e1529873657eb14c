#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

/** Constants of a BatchNormalization over `channels`, variance positive. */
void add_norm(GraphMaker& maker, const std::string& from, const std::string& to, int64_t channels) {
  maker.floats("gamma", {channels}, 11)
      .floats("beta", {channels}, 12)
      .floats("mean", {channels}, 13);
  Tensor variance = GraphMaker::random_floats({channels}, 14);
  for (float& value : variance.mutable_data<float>()) value = value * value + 0.1f;
  maker.constant("variance", variance);
  maker.node("BatchNormalization", {from, "gamma", "beta", "mean", "variance"}, {to},
             {{"epsilon", 1e-3f}});
}

Graph folded(const Graph& graph, bool expected = true) {
  Graph result = graph;
  EXPECT_EQ(fold_batch_norm(result, pass_context()), expected);
  verify(result);
  EXPECT_EQ(count_nodes(result, "BatchNormalization"), expected ? 0 : 1);
  return result;
}

TEST(FoldBatchNorm, IntoConvWithAndWithoutBiasAndGroups) {
  for (const bool bias : {false, true}) {
    for (const int64_t group : {1, 2}) {
      GraphMaker maker;
      maker.input("x", {1, 4, 5, 5}).floats("w", {6, 4 / group, 3, 3}, 1).floats("b", {6}, 2);
      maker.node(
          "Conv",
          bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"},
          {"c"}, {{"group", group}});
      add_norm(maker, "c", "n", 6);
      maker.output("n");
      const Graph result = folded(maker.graph);
      expect_same_outputs(maker.graph, result, {{"x", GraphMaker::random_floats({1, 4, 5, 5}, 3)}});
      EXPECT_EQ(result.value(result.nodes[0].outputs[0]).name, "n");
      EXPECT_EQ(result.value(result.nodes[0].inputs[1]).origin_name(), "w");
    }
  }
}

TEST(FoldBatchNorm, IntoConvTransposeWithGroups) {
  for (const int64_t group : {1, 2}) {
    GraphMaker maker;
    maker.input("x", {1, 4, 3, 3}).floats("w", {4, 6 / group, 2, 2}, 1);
    maker.node("ConvTranspose", {"x", "w"}, {"c"}, {{"group", group}});
    add_norm(maker, "c", "n", 6);
    maker.output("n");
    expect_same_outputs(maker.graph, folded(maker.graph),
                        {{"x", GraphMaker::random_floats({1, 4, 3, 3}, 3)}});
  }
}

TEST(FoldBatchNorm, IntoGemmWithAlphaBetaAndBothLayouts) {
  for (const int64_t transposed : {0, 1}) {
    GraphMaker maker;
    maker.input("x", {2, 4}).floats("w", transposed ? Shape{3, 4} : Shape{4, 3}, 1);
    maker.floats("b", {3}, 2);
    maker.node("Gemm", {"x", "w", "b"}, {"g"},
               {{"transB", transposed}, {"alpha", 0.5f}, {"beta", 2.0f}});
    add_norm(maker, "g", "n", 3);
    maker.output("n");
    expect_same_outputs(maker.graph, folded(maker.graph),
                        {{"x", GraphMaker::random_floats({2, 4}, 3)}});
  }
}

TEST(FoldBatchNorm, LeavesAloneWhatOthersRead) {
  GraphMaker maker;
  maker.input("x", {1, 4, 5, 5}).floats("w", {6, 4, 3, 3}, 1);
  maker.node("Conv", {"x", "w"}, {"c"});
  add_norm(maker, "c", "n", 6);
  maker.output("n").output("c");
  folded(maker.graph, false);
}

TEST(FoldBatchNorm, LeavesTrainingAndComputedWeightsAlone) {
  GraphMaker maker;
  maker.input("x", {1, 4, 5, 5}).input("w", {6, 4, 3, 3});
  maker.node("Conv", {"x", "w"}, {"c"});
  add_norm(maker, "c", "n", 6);
  maker.output("n");
  folded(maker.graph, false);
}

}  // namespace
}  // namespace whittle::test
