#include "core/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/graph/traversal.h"
#include "core/graph/verify.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

/** x -> Relu -> a -> {Neg -> b, Abs -> c} -> Add -> y */
GraphMaker diamond() {
  GraphMaker maker;
  maker.input("x", {2});
  maker.node("Relu", {"x"}, {"a"})
      .node("Neg", {"a"}, {"b"})
      .node("Abs", {"a"}, {"c"})
      .node("Add", {"b", "c"}, {"y"})
      .output("y");
  return maker;
}

/** A subgraph that reads `captured` of the graph around it. */
std::shared_ptr<const Graph> capturing(ValueId captured) {
  auto graph = std::make_shared<Graph>();
  const ValueId id = graph->add_value("captured");
  graph->value(id).captured = captured;
  graph->outputs = {id};
  return graph;
}

TEST(Dims, KnownAndNamed) {
  const Dims dims = {Dim::named("batch"), 3, Dim()};
  EXPECT_EQ(to_string(dims), "[batch,3,?]");
  EXPECT_FALSE(concrete(dims).has_value());
  EXPECT_EQ(*concrete(to_dims({2, 3})), (Shape{2, 3}));
  EXPECT_TRUE(Dim::named("n") == Dim::named("n"));
  EXPECT_FALSE(Dim() == Dim()) << "two unknown dimensions need not be the same";
  EXPECT_FALSE(Dim(3) == Dim::named("n"));
}

TEST(Node, AttributesByTypeAndDefault) {
  Node node;
  node.op = "Conv";
  node.name = "c1";
  node.attributes = {{"group", int64_t{2}}, {"pads", std::vector<int64_t>{1, 1}}};
  EXPECT_EQ(node.int_attribute("group", 1), 2);
  EXPECT_EQ(node.int_attribute("other", 7), 7);
  EXPECT_EQ(node.ints_attribute("pads").size(), 2u);
  EXPECT_EQ(node.label(), "node 'c1' (Conv)");
  try {
    node.float_attribute("group", 0);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_GRAPH);
    EXPECT_EQ(error.where, "node 'c1' (Conv)");
  }
}

TEST(Graph, ValuesGetNamesOfTheirOwn) {
  Graph graph;
  EXPECT_EQ(graph.value(graph.add_value("w")).name, "w");
  EXPECT_EQ(graph.value(graph.add_constant("w", Tensor::scalar(1.0f))).name, "w_1");
  EXPECT_EQ(graph.find("w_1"), 1);
  EXPECT_EQ(graph.find("nothing"), kNoValue);
  EXPECT_EQ(graph.constant(0), nullptr);
  EXPECT_NE(graph.constant(1), nullptr);
}

TEST(Graph, ReplacingUsesReachesSubgraphsOfThisGraphOnly) {
  GraphMaker maker = diamond();
  const ValueId a = maker.graph.find("a");
  const ValueId x = maker.graph.find("x");
  maker.node("If", {"b"}, {"z"}, {{"then_branch", capturing(a)}});
  const Graph before = maker.graph;
  maker.graph.replace_uses(a, x);
  EXPECT_EQ(maker.graph.nodes[1].inputs[0], x);
  EXPECT_EQ(maker.graph.nodes.back().graph_attribute("then_branch")->values[0].captured, x);
  EXPECT_EQ(before.nodes.back().graph_attribute("then_branch")->values[0].captured, a);
}

TEST(Traversal, IndexKnowsProducersAndReaders) {
  GraphMaker maker = diamond();
  const GraphIndex index(maker.graph);
  const ValueId a = maker.graph.find("a");
  EXPECT_EQ(index.producer(a)->op, "Relu");
  EXPECT_EQ(index.producer(maker.graph.find("x")), nullptr);
  EXPECT_EQ(index.producer(kNoValue), nullptr);
  EXPECT_EQ(index.consumers(a), (std::vector<int>{1, 2}));
  EXPECT_EQ(index.only_consumer(a), nullptr);
  EXPECT_EQ(index.only_consumer(maker.graph.find("b"))->op, "Add");
  EXPECT_EQ(index.only_consumer(maker.graph.find("y")), nullptr)
      << "an output has a reader outside";
}

TEST(Traversal, SortsStablyAndFindsCycles) {
  GraphMaker maker = diamond();
  std::reverse(maker.graph.nodes.begin(), maker.graph.nodes.end());
  EXPECT_THROW(verify(maker.graph), Error);
  sort_topologically(maker.graph);
  verify(maker.graph);
  EXPECT_EQ(maker.graph.nodes.front().op, "Relu");
  EXPECT_EQ(maker.graph.nodes[1].op, "Abs") << "independent nodes keep their order";

  maker.graph.nodes[0].inputs[0] = maker.graph.find("y");
  EXPECT_THROW(sort_topologically(maker.graph), Error);
}

TEST(Traversal, CompactingRenumbersEverywhere) {
  GraphMaker maker;
  maker.floats("unread", {3}, 1).input("x", {2}).input("c", {}, DType::boolean);
  maker.node("Relu", {"x"}, {"a"});
  maker.node("If", {"c"}, {"y"}, {{"then_branch", capturing(maker.graph.find("a"))}}).output("y");
  compact_values(maker.graph);
  verify(maker.graph);
  EXPECT_EQ(maker.graph.find("unread"), kNoValue);
  const auto body = maker.graph.nodes[1].graph_attribute("then_branch");
  EXPECT_EQ(maker.graph.value(body->values[0].captured).name, "a");
}

/** The code `verify` answers a broken diamond with. */
void expect_broken(const std::function<void(Graph&)>& breaks) {
  Graph graph = diamond().graph;
  breaks(graph);
  try {
    verify(graph);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_GRAPH);
    EXPECT_FALSE(error.where.empty());
  }
}

TEST(Verify, FindsEveryKindOfDamage) {
  verify(diamond().graph);
  expect_broken([](Graph& graph) { graph.nodes[0].inputs[0] = 99; });
  expect_broken([](Graph& graph) { graph.nodes[0].inputs[0] = graph.find("y"); });
  expect_broken([](Graph& graph) { graph.nodes[1].outputs[0] = graph.find("c"); });
  expect_broken([](Graph& graph) { graph.nodes[0].outputs[0] = graph.find("x"); });
  expect_broken([](Graph& graph) { graph.outputs[0] = graph.add_value("nobody"); });
  expect_broken([](Graph& graph) { graph.values[1].name = "x"; });
  expect_broken([](Graph& graph) { graph.nodes[1].name = graph.nodes[0].name; });
  expect_broken([](Graph& graph) { graph.nodes[0].attributes["body"] = capturing(99); });
}

TEST(Verify, SubgraphsNestOnlySoDeep) {
  auto inner = std::make_shared<const Graph>();
  for (int depth = 0; depth < kMaxSubgraphDepth + 2; ++depth) {
    auto outer = std::make_shared<Graph>();
    Node node;
    node.op = "Loop";
    node.name = "loop";
    node.attributes["body"] = inner;
    outer->nodes.push_back(node);
    inner = outer;
  }
  try {
    verify(*inner);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::LIMIT_EXCEEDED);
  }
}

}  // namespace
}  // namespace whittle::test
