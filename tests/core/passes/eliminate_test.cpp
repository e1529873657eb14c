#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

TEST(EliminateIdentity, ReadersSkipItAndOutputsKeepTheirNames) {
  GraphMaker maker;
  maker.input("x", {2, 3}).integers("zeros", {0, 0, 0, 0}).integers("same", {0, -1});
  maker.node("Relu", {"x"}, {"a"})
      .node("Identity", {"a"}, {"b"})
      .node("Dropout", {"b"}, {"c"})
      .node("Transpose", {"c"}, {"d"}, {{"perm", std::vector<int64_t>{0, 1}}})
      .node("Pad", {"d", "zeros"}, {"e"})
      .node("Concat", {"e"}, {"f"}, {{"axis", int64_t{0}}})
      .node("Neg", {"f"}, {"g"})
      .node("Identity", {"g"}, {"y"})
      .output("y");
  Graph result = maker.graph;
  EXPECT_TRUE(eliminate_identity(result, pass_context()));
  verify(result);
  EXPECT_EQ(result.nodes.size(), 2u);
  EXPECT_EQ(result.value(result.nodes[1].outputs[0]).name, "y");
  expect_same_outputs(maker.graph, result, {{"x", GraphMaker::random_floats({2, 3}, 1)}});
  EXPECT_FALSE(eliminate_identity(result, pass_context()));
}

TEST(EliminateIdentity, ReshapeAndCastByWhatIsKnown) {
  GraphMaker maker;
  maker.input("x", {Dim::named("n"), 6}).integers("same", {-1, 6}).integers("other", {-1, 3});
  maker.node("Reshape", {"x", "same"}, {"a"})
      .node("Cast", {"a"}, {"b"}, {{"to", int64_t{1}}})
      .node("Reshape", {"b", "other"}, {"c"})
      .node("Abs", {"c"}, {"y"})
      .output("y");
  Graph result = maker.graph;
  EXPECT_TRUE(eliminate_identity(result, pass_context()));
  EXPECT_EQ(count_nodes(result, "Cast"), 0) << "the cast reads x itself once the reshape is gone";
  EXPECT_EQ(count_nodes(result, "Reshape"), 1);
}

TEST(EliminateIdentity, InputsAndConstantsAsOutputsStay) {
  GraphMaker maker;
  maker.input("x", {2});
  maker.node("Identity", {"x"}, {"y"}).output("y");
  Graph result = maker.graph;
  EXPECT_FALSE(eliminate_identity(result, pass_context()));
  EXPECT_EQ(result.nodes.size(), 1u);

  GraphMaker twice;
  twice.input("x", {2});
  twice.node("Relu", {"x"}, {"a"}).node("Identity", {"a"}, {"b"}).output("a").output("b");
  Graph both = twice.graph;
  EXPECT_FALSE(eliminate_identity(both, pass_context()));
}

TEST(EliminateIdentity, TwoOutputsOfOneValue) {
  GraphMaker maker;
  maker.input("x", {2});
  maker.node("Relu", {"x"}, {"a"})
      .node("Identity", {"a"}, {"p"})
      .node("Identity", {"a"}, {"q"})
      .output("p")
      .output("q");
  Graph result = maker.graph;
  EXPECT_TRUE(eliminate_identity(result, pass_context()));
  verify(result);
  EXPECT_EQ(result.nodes.size(), 2u) << "one of the names needs a node of its own";
  expect_same_outputs(maker.graph, result, {{"x", GraphMaker::random_floats({2}, 1)}});
}

TEST(EliminateDeadCode, DropsWhatNobodyReads) {
  GraphMaker maker;
  maker.input("x", {1, 2, 4, 4}).floats("unread", {8}, 1).floats("w", {2}, 2);
  maker.node("Mul", {"x", "unread"}, {"dead1"})
      .node("Relu", {"dead1"}, {"dead2"})
      .node("MaxPool", {"x"}, {"y", "indices"}, {{"kernel_shape", std::vector<int64_t>{2, 2}}})
      .output("y");
  Graph result = maker.graph;
  EXPECT_TRUE(eliminate_dead_code(result, pass_context()));
  verify(result);
  ASSERT_EQ(result.nodes.size(), 1u);
  EXPECT_EQ(result.nodes[0].output(1), kNoValue);
  EXPECT_EQ(result.find("unread"), kNoValue);
  EXPECT_EQ(result.values.size(), 2u);
  EXPECT_FALSE(eliminate_dead_code(result, pass_context()));
}

TEST(EliminateDeadCode, WhatASubgraphCapturesLives) {
  const auto branch = [](ValueId captured, bool reads) {
    auto graph = std::make_shared<Graph>();
    const ValueId id = graph->add_value("captured");
    graph->value(id).captured = captured;
    const ValueId constant = graph->add_constant("k", Tensor::scalar(1.0f));
    Node node;
    node.op = "Relu";
    node.name = "r";
    node.inputs = {reads ? id : constant};
    node.outputs = {graph->add_value("out")};
    graph->outputs = node.outputs;
    graph->nodes.push_back(node);
    return std::shared_ptr<const Graph>(graph);
  };
  for (const bool reads : {true, false}) {
    GraphMaker maker;
    maker.input("x", {}).input("c", {}, DType::boolean);
    maker.node("Neg", {"x"}, {"n"});
    const ValueId n = maker.graph.find("n");
    maker.node("If", {"c"}, {"y"},
               {{"then_branch", branch(n, reads)}, {"else_branch", branch(n, false)}});
    maker.output("y");
    EXPECT_TRUE(eliminate_dead_code(maker.graph, pass_context()));
    verify(maker.graph);
    EXPECT_EQ(count_nodes(maker.graph, "Neg"), reads ? 1 : 0);
  }
}

}  // namespace
}  // namespace whittle::test
