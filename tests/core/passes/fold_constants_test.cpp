#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

Graph folded(const Graph& graph, int64_t budget = 1 << 20) {
  Graph result = graph;
  PassContext context = pass_context();
  context.fold_budget_bytes = budget;
  fold_constants(result, context);
  verify(result);
  return result;
}

TEST(FoldConstants, ChainsOfConstantsBecomeOne) {
  GraphMaker maker;
  maker.input("x", {2, 3}).floats("a", {3}, 1).floats("b", {3}, 2);
  maker.node("Add", {"a", "b"}, {"s"}).node("Neg", {"s"}, {"n"}).node("Mul", {"x", "n"}, {"y"});
  maker.output("y");
  const Graph result = folded(maker.graph);
  ASSERT_EQ(result.nodes.size(), 1u);
  EXPECT_TRUE(result.value(result.nodes[0].inputs[1]).is_constant());
  EXPECT_EQ(result.value(result.nodes[0].inputs[1]).name, "n");
  expect_same_outputs(maker.graph, result, {{"x", GraphMaker::random_floats({2, 3}, 3)}});
}

TEST(FoldConstants, KeepsWithinTheBudget) {
  GraphMaker maker;
  maker.input("x", {1000}).integers("shape", {1000}).constant("one", Tensor::scalar(1.0f));
  maker.node("Expand", {"one", "shape"}, {"e"}).node("Mul", {"x", "e"}, {"y"}).output("y");
  EXPECT_EQ(folded(maker.graph, 3000).nodes.size(), 2u);
  EXPECT_EQ(folded(maker.graph, 4000).nodes.size(), 1u);
}

TEST(FoldConstants, WhatItReplacesDoesNotCount) {
  GraphMaker maker;
  maker.input("x", {1, 100}).floats("w", {50, 100}, 1);
  maker.node("Transpose", {"w"}, {"t"}, {{"perm", std::vector<int64_t>{1, 0}}});
  maker.node("MatMul", {"x", "t"}, {"y"}).output("y");
  EXPECT_EQ(folded(maker.graph, 0).nodes.size(), 1u);
  // A second reader keeps the original alive: then the copy costs.
  maker.node("MatMul", {"y", "w"}, {"z"}).output("z");
  EXPECT_EQ(folded(maker.graph, 0).nodes.size(), 3u);
}

TEST(FoldConstants, HugeClaimsAreNotEvaluated) {
  GraphMaker maker;
  maker.integers("shape", {1 << 20, 1 << 20});
  maker.node("ConstantOfShape", {"shape"}, {"y"}).output("y");
  EXPECT_EQ(folded(maker.graph).nodes.size(), 1u);
}

TEST(FoldConstants, WeightsStoredNarrowStayNarrow) {
  GraphMaker maker;
  maker.input("x", {1, 64}).floats("scale", {}, 1);
  maker.constant("q", Tensor::zeros(DType::i8, {64, 64}))
      .constant("z", Tensor::zeros(DType::i8, {}));
  maker.constant("h", Tensor::zeros(DType::f16, {64, 64}));
  maker.constant("codes", Tensor::zeros(DType::u8, {64, 64})).floats("book", {16}, 2);
  maker.node("DequantizeLinear", {"q", "scale", "z"}, {"w1"})
      .node("Cast", {"h"}, {"w2"}, {{"to", int64_t{1}}})
      .node("Cast", {"codes"}, {"i"}, {{"to", int64_t{6}}})
      .node("Gather", {"book", "i"}, {"w3"})
      .node("MatMul", {"x", "w1"}, {"a"})
      .node("MatMul", {"a", "w2"}, {"b"})
      .node("MatMul", {"b", "w3"}, {"y"})
      .output("y");
  EXPECT_EQ(folded(maker.graph).nodes.size(), maker.graph.nodes.size());
}

TEST(FoldConstants, SubgraphsFoldWithTheConstantsTheyCapture) {
  GraphMaker maker;
  maker.input("c", {}, DType::boolean).floats("k", {2}, 1);
  const auto branch = [&](const char* op) {
    auto graph = std::make_shared<Graph>();
    const ValueId k = graph->add_value("k");
    graph->value(k).captured = maker.graph.find("k");
    Node node;
    node.op = op;
    node.name = op;
    node.inputs = {k};
    node.outputs = {graph->add_value("out")};
    graph->outputs = node.outputs;
    graph->nodes.push_back(node);
    return std::shared_ptr<const Graph>(graph);
  };
  maker.node("If", {"c"}, {"y"}, {{"then_branch", branch("Abs")}, {"else_branch", branch("Neg")}});
  maker.output("y");
  const Graph result = folded(maker.graph);
  EXPECT_TRUE(result.nodes[0].graph_attribute("then_branch")->nodes.empty());
  EXPECT_EQ(maker.graph.nodes[0].graph_attribute("then_branch")->nodes.size(), 1u)
      << "the graph it was copied from is untouched";
  for (const bool condition : {true, false}) {
    expect_same_outputs(maker.graph, result, {{"c", Tensor::scalar(condition)}});
  }
}

TEST(FoldConstants, RandomAndBrokenNodesAreLeft) {
  GraphMaker maker;
  maker.floats("a", {3}, 1).floats("b", {2}, 2);
  maker.node("Add", {"a", "b"}, {"y"}).output("y");
  maker.node("RandomUniform", {}, {"r"}, {{"shape", std::vector<int64_t>{2}}}).output("r");
  EXPECT_EQ(folded(maker.graph).nodes.size(), 2u);
}

}  // namespace
}  // namespace whittle::test
