#include "core/ops/shape_inference.h"

#include <gtest/gtest.h>

#include "tests/support/graphs.h"

namespace whittle {
namespace {

using test::GraphMaker;

std::string inferred(Graph graph, const std::string& value, const InferenceOptions& options = {}) {
  const auto facts = infer_shapes(graph, all_ops(), options);
  const auto& dims = facts[static_cast<size_t>(graph.find(value))].dims;
  return dims ? to_string(*dims) : "no rank";
}

/** x.view(x.size(0), -1), as PyTorch exports it. */
GraphMaker flattened_by_shape() {
  GraphMaker maker;
  maker.input("x", {Dim::named("batch"), 8, 4, 4})
      .integers("zero", {0})
      .integers("minus_one", {-1})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "zero"}, {"batch"})
      .node("Concat", {"batch", "minus_one"}, {"target"}, {{"axis", int64_t{0}}})
      .node("Reshape", {"x", "target"}, {"y"})
      .output("y");
  return maker;
}

TEST(ShapeInference, FoldsTheNodesThatComputeShapes) {
  InferenceOptions options;
  options.input_shapes["x"] = Shape{3, 8, 4, 4};
  EXPECT_EQ(inferred(flattened_by_shape().graph, "y", options), "[3,128]");
}

TEST(ShapeInference, KnowsTheRankWhereExtentsAreUnknown) {
  EXPECT_EQ(inferred(flattened_by_shape().graph, "y"), "[?,?]");
}

TEST(ShapeInference, KeepsSymbolsThatPassThrough) {
  GraphMaker maker;
  maker.input("x", {Dim::named("batch"), 3, Dim::named("h"), 5})
      .floats("bias", {3, 1, 1}, 1)
      .integers("target", {0, 3, -1})
      .node("Add", {"x", "bias"}, {"sum"})
      .node("Transpose", {"sum"}, {"turned"}, {{"perm", std::vector<int64_t>{2, 0, 3, 1}}})
      .node("Reshape", {"sum", "target"}, {"flat"})
      .node("Concat", {"sum", "sum"}, {"joined"}, {{"axis", int64_t{1}}})
      .output("turned")
      .output("flat")
      .output("joined");
  EXPECT_EQ(inferred(maker.graph, "sum"), "[batch,3,h,5]");
  EXPECT_EQ(inferred(maker.graph, "turned"), "[h,batch,5,3]");
  EXPECT_EQ(inferred(maker.graph, "flat"), "[batch,3,?]");
  EXPECT_EQ(inferred(maker.graph, "joined"), "[batch,6,h,5]");
}

TEST(ShapeInference, CancelsACopiedBatchInReshape) {
  GraphMaker maker;
  maker.input("x", {Dim::named("batch"), 4, 6})
      .integers("target", {0, -1, 3})
      .node("Reshape", {"x", "target"}, {"y"})
      .output("y");
  EXPECT_EQ(inferred(maker.graph, "y"), "[batch,8,3]");
}

TEST(ShapeInference, DimsThatChangeInALoopAreUnknown) {
  auto body = std::make_shared<Graph>();
  {
    GraphMaker maker;
    maker.input("i", {}, DType::i64)
        .input("go", {}, DType::boolean)
        .input("state", {2, 1})
        .node("Concat", {"state", "state"}, {"grown"}, {{"axis", int64_t{1}}})
        .output("go")
        .output("grown")
        .output("i");
    *body = maker.graph;
  }
  GraphMaker maker;
  maker.input("start", {2, 1})
      .constant("trips", Tensor::scalar<int64_t>(3))
      .node("Loop", {"trips", "", "start"}, {"last", "steps"},
            {{"body", std::shared_ptr<const Graph>(body)}})
      .output("last")
      .output("steps");
  EXPECT_EQ(inferred(maker.graph, "last"), "[2,?]");
  EXPECT_EQ(inferred(maker.graph, "steps"), "[?]");
}

TEST(ShapeInference, TakesTheBranchAConstantConditionPicks) {
  const auto branch = [](Shape shape) {
    GraphMaker maker;
    maker.floats("c", shape, 1).node("Neg", {"c"}, {"n"}).output("n");
    return std::shared_ptr<const Graph>(std::make_shared<Graph>(maker.graph));
  };
  const auto graph = [&](bool is_constant) {
    GraphMaker maker;
    if (is_constant) maker.constant("which", Tensor::scalar<bool>(false));
    if (!is_constant) maker.input("which", {}, DType::boolean);
    maker
        .node("If", {"which"}, {"y"},
              {{"then_branch", branch({2, 3})}, {"else_branch", branch({2, 5})}})
        .output("y");
    return maker.graph;
  };
  EXPECT_EQ(inferred(graph(true), "y"), "[2,5]");
  EXPECT_EQ(inferred(graph(false), "y"), "[2,?]");
}

TEST(ShapeInference, UnknownOperatorsKeepWhatTheFileDeclares) {
  GraphMaker maker;
  maker.input("x", {2}).node("NobodyKnows", {"x"}, {"y"}).node("Relu", {"y"}, {"z"}).output("z");
  EXPECT_EQ(inferred(maker.graph, "z"), "no rank");
  maker.graph.value(maker.graph.find("y")).dims = Dims{7};
  EXPECT_EQ(inferred(maker.graph, "z"), "[7]");
}

TEST(ShapeInference, ContradictionsNameTheNode) {
  GraphMaker maker;
  maker.input("a", {2, 3}).input("b", {2, 4}).node("Add", {"a", "b"}, {"y"}).output("y");
  try {
    infer_shapes(maker.graph, all_ops());
    FAIL() << "expected SHAPE_MISMATCH";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::SHAPE_MISMATCH);
    EXPECT_EQ(error.where, "node 'Add_0' (Add)");
  }
}

}  // namespace
}  // namespace whittle
