// The rewrites that run where a model is to be simplified, against the graphs as they were.
#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "core/onnx/canonicalize.h"
#include "core/ops/shape_inference.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

using Rewrite = bool (*)(Graph&, const PassContext&);

PassContext at_opset(int64_t opset) {
  PassContext context = pass_context();
  context.opset = opset;
  return context;
}

/** Runs `rewrites` in order and expects the same answers from `nodes` nodes. */
Graph expect_rewritten(const Graph& before, const std::vector<Rewrite>& rewrites, size_t nodes,
                       const std::map<std::string, Tensor>& feeds, int64_t opset = 13) {
  Graph after = before;
  infer_shapes(after, all_ops());
  bool changed = false;
  for (const Rewrite rewrite : rewrites) changed |= rewrite(after, at_opset(opset));
  EXPECT_TRUE(changed);
  eliminate_identity(after, pass_context());
  eliminate_dead_code(after, pass_context());
  verify(after);
  EXPECT_EQ(after.nodes.size(), nodes);
  expect_same_outputs(before, after, feeds);
  return after;
}

std::map<std::string, Tensor> feed(const Shape& shape) {
  return {{"x", GraphMaker::random_floats(shape, 5)}};
}

TEST(FoldShapes, WhatFollowsFromKnownDimensionsIsConstant) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3), Dim(4)}).integers("one", {1}).integers("rest", {-1});
  m.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "one"}, {"d"});
  m.node("Concat", {"d", "rest"}, {"t"}, {{"axis", int64_t{0}}});
  m.node("Reshape", {"x", "t"}, {"y"}).output("y");
  expect_rewritten(m.graph, {fold_shapes}, 1, feed({2, 3, 4}));
}

TEST(FoldShapes, OutputsStayComputed) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3)}).node("Shape", {"x"}, {"y"}).output("y");
  EXPECT_FALSE(fold_shapes(m.graph, pass_context()));
  EXPECT_EQ(m.graph.nodes.size(), 1u);
}

/** x of unknown batch, transposed and flattened to [batch, -1], the batch being number `index`
 * of the shape of `source`. */
Graph flattened(const std::string& source, int64_t index) {
  GraphMaker m;
  m.input("x", {Dim::named("n"), Dim(2), Dim(3)}).constant("index", Tensor::scalar(index));
  m.integers("zero", {0}).integers("rest", {-1});
  m.node("Transpose", {"x"}, {"t"}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  m.node("Shape", {source}, {"s"}).node("Gather", {"s", "index"}, {"d"});
  m.node("Unsqueeze", {"d", "zero"}, {"u"});
  m.node("Concat", {"u", "rest"}, {"to"}, {{"axis", int64_t{0}}});
  m.node("Reshape", {"t", "to"}, {"y"}).output("y");
  return m.graph;
}

TEST(FoldReshapeTarget, DimensionsThatStayAreSaidByZero) {
  for (const char* source : {"x", "t"}) {
    expect_rewritten(flattened(source, 0), {fold_reshape_target}, 2, feed({4, 2, 3}));
  }
}

TEST(FoldReshapeTarget, ADimensionFromAnotherPlaceIsKept) {
  Graph graph = flattened("x", 1);
  EXPECT_FALSE(fold_reshape_target(graph, pass_context()));
}

TEST(EliminateDeadCode, ControlFlowKeepsTheNamesOfItsOutputs) {
  auto body = std::make_shared<Graph>();
  const ValueId state = body->add_value("state", DType::f32, Dims{});
  const ValueId item = body->add_value("item", DType::f32, Dims{});
  body->inputs = {state, item};
  const ValueId next = body->add_value("next", DType::f32, Dims{});
  body->nodes.push_back({"Add", "", "sum", {state, item}, {next}, {}});
  body->outputs = {next, next};
  GraphMaker m;
  m.input("x", {Dim(3)}).constant("start", Tensor::scalar(0.0f));
  m.node("Scan", {"start", "x"}, {"last", "all"},
         {{"body", std::shared_ptr<const Graph>(body)}, {"num_scan_inputs", int64_t{1}}});
  m.output("all");
  eliminate_dead_code(m.graph, pass_context());
  EXPECT_NE(m.graph.nodes[0].outputs[0], kNoValue);
}

TEST(FoldArithmetic, NeutralElementsGo) {
  GraphMaker m;
  m.input("x", {Dim::named("n"), Dim(3)});
  m.constant("ones", Tensor::of<float>({3}, {1, 1, 1})).constant("zero", Tensor::scalar(0.0f));
  m.node("Mul", {"ones", "x"}, {"a"}).node("Add", {"a", "zero"}, {"b"});
  m.node("Relu", {"b"}, {"y"}).output("y");
  expect_rewritten(m.graph, {fold_arithmetic}, 1, feed({2, 3}));
}

TEST(FoldArithmetic, WhatSpreadsItsInputStays) {
  GraphMaker m;
  m.input("x", {Dim(1), Dim(3)}).constant("ones", Tensor::of<float>({2, 1}, {1, 1}));
  m.node("Mul", {"x", "ones"}, {"y"}).output("y");
  EXPECT_FALSE(fold_arithmetic(m.graph, pass_context()));
}

TEST(FoldArithmetic, ConstantsInARowAreOne) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3)}).constant("a", Tensor::scalar(0.5f)).floats("b", {1, 3}, 2);
  m.constant("c", Tensor::scalar(4.0f));
  m.node("Mul", {"x", "a"}, {"xa"}).node("Mul", {"b", "xa"}, {"xab"});
  m.node("Mul", {"xab", "c"}, {"y"}).output("y");
  expect_rewritten(m.graph, {fold_arithmetic}, 1, feed({2, 3}));
}

TEST(EliminateCommon, TheSameIsComputedOnce) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3)}).floats("w", {3, 4}, 1).floats("w2", {3, 4}, 1);
  m.node("MatMul", {"x", "w"}, {"a"}).node("MatMul", {"x", "w2"}, {"b"});
  m.node("Softmax", {"a"}, {"sa"}, {{"axis", int64_t{-1}}});
  m.node("Softmax", {"b"}, {"sb"}, {{"axis", int64_t{0}}});
  m.node("Sub", {"sa", "sb"}, {"y"}).output("y");
  expect_rewritten(m.graph, {eliminate_common}, 4, feed({2, 3}));
}

TEST(EliminateCommon, RandomNumbersAndOutputsStay) {
  GraphMaker m;
  m.input("x", {Dim(2)});
  for (const char* name : {"a", "b"}) m.node("RandomNormalLike", {"x"}, {name});
  for (const char* name : {"c", "d"}) m.node("Relu", {"x"}, {name}).output(name);
  m.node("Add", {"a", "b"}, {"y"}).output("y");
  EXPECT_FALSE(eliminate_common(m.graph, pass_context()));
}

TEST(MergeMoves, SlicesOfDifferentAxes) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(6), Dim(7)}).integers("zero", {0}).integers("end", {INT64_MAX});
  m.integers("one", {1}).integers("two", {2}).integers("ends", {4});
  m.node("Slice", {"x", "zero", "end", "one", "two"}, {"a"});
  m.node("Slice", {"a", "one", "ends", "two"}, {"y"}).output("y");
  expect_rewritten(m.graph, {merge_moves}, 1, feed({2, 6, 7}));
}

TEST(MergeMoves, SlicesOfOneAxisStay) {
  GraphMaker m;
  m.input("x", {Dim(8)}).integers("zero", {0}).integers("one", {1}).integers("end", {6});
  m.integers("last", {-1});
  m.node("Slice", {"x", "one", "end", "zero"}, {"a"});
  m.node("Slice", {"a", "one", "end", "last"}, {"y"}).output("y");
  EXPECT_FALSE(merge_moves(m.graph, pass_context()));
}

TEST(MergeMoves, ReshapesAndTranspositions) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3), Dim(4)}).integers("flat", {-1}).integers("shape", {3, 8});
  m.node("Transpose", {"x"}, {"a"}, {{"perm", std::vector<int64_t>{1, 2, 0}}});
  m.node("Transpose", {"a"}, {"b"}, {{"perm", std::vector<int64_t>{1, 2, 0}}});
  m.node("Reshape", {"b", "flat"}, {"c"}).node("Reshape", {"c", "shape"}, {"y"}).output("y");
  expect_rewritten(m.graph, {merge_moves}, 2, feed({2, 3, 4}));
}

TEST(SinkTransposes, TheyMeetBehindElementwiseOperators) {
  const std::vector<int64_t> last = {0, 2, 3, 1};
  const std::vector<int64_t> first = {0, 3, 1, 2};
  GraphMaker m;
  m.input("x", {Dim(1), Dim(3), Dim(2), Dim(4)}).constant("c", Tensor::scalar(0.5f));
  m.node("Transpose", {"x"}, {"t"}, {{"perm", last}}).node("Mul", {"t", "c"}, {"a"});
  m.node("Tanh", {"a"}, {"b"}).node("Transpose", {"b"}, {"y"}, {{"perm", first}});
  m.node("Relu", {"y"}, {"z"}).output("z");
  expect_rewritten(m.graph, {sink_transposes, merge_moves}, 3, feed({1, 3, 2, 4}));
}

TEST(SinkTransposes, InputsTransposedAlike) {
  const std::vector<int64_t> order = {1, 0};
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3)}).node("Exp", {"x"}, {"e"});
  m.node("Transpose", {"x"}, {"a"}, {{"perm", order}});
  m.node("Transpose", {"e"}, {"b"}, {{"perm", order}});
  m.node("Sub", {"a", "b"}, {"y"}).output("y");
  expect_rewritten(m.graph, {sink_transposes}, 3, feed({2, 3}));
}

TEST(DropZeroState, ZerosMadeFromTheBatchSize) {
  GraphMaker m;
  m.input("x", {Dim(3), Dim(2), Dim(4)}).integers("one", {1}).integers("hidden", {5});
  m.floats("w", {1, 20, 4}, 1).floats("r", {1, 20, 5}, 2).floats("b", {1, 40}, 3);
  m.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "one"}, {"n"});
  m.node("Concat", {"one", "n", "hidden"}, {"hs"}, {{"axis", int64_t{0}}});
  m.node("ConstantOfShape", {"hs"}, {"h"});
  m.node("LSTM", {"x", "w", "r", "b", "", "h", "h"}, {"y"}, {{"hidden_size", int64_t{5}}});
  m.output("y");
  expect_rewritten(m.graph, {drop_zero_state}, 1, feed({3, 2, 4}));
}

/** Layer normalization written out, as exporters below opset 17 do. */
Graph written_norm(bool root_mean_square) {
  GraphMaker m;
  m.input("x", {Dim(2), Dim(3), Dim(8)}).integers("axes", {-1}).floats("gamma", {8}, 1);
  m.floats("beta", {8}, 2).constant("eps", Tensor::scalar(1e-3f));
  m.constant("two", Tensor::scalar(2.0f));
  if (!root_mean_square) {
    m.node("ReduceMean", {"x", "axes"}, {"mean"}).node("Sub", {"x", "mean"}, {"c"});
  }
  const std::string centred = root_mean_square ? "x" : "c";
  m.node("Pow", {centred, "two"}, {"cc"}).node("ReduceMean", {"cc", "axes"}, {"v"});
  m.node("Add", {"v", "eps"}, {"ve"}).node("Sqrt", {"ve"}, {"s"});
  m.node("Div", {centred, "s"}, {"n"}).node("Mul", {"n", "gamma"}, {"g"});
  m.node("Add", {"g", "beta"}, {"y"}).output("y");
  return m.graph;
}

TEST(FuseLayerNorm, FromTheOpsetThatHasIt) {
  Graph graph = written_norm(false);
  EXPECT_FALSE(fuse_layer_norm(graph, at_opset(16)));
  const Graph after = expect_rewritten(graph, {fuse_layer_norm}, 1, feed({2, 3, 8}), 17);
  EXPECT_TRUE(after.nodes[0].is("LayerNormalization"));
  graph = written_norm(true);
  EXPECT_FALSE(fuse_layer_norm(graph, at_opset(22)));
  const Graph rms = expect_rewritten(graph, {fuse_layer_norm}, 2, feed({2, 3, 8}), 23);
  EXPECT_TRUE(rms.nodes[0].is("RMSNormalization"));
}

TEST(FuseGelu, AnyOrderOfFactorsAndTanh) {
  for (int order = 0; order < 3; ++order) {
    GraphMaker m;
    m.input("x", {Dim(4), Dim(5)}).constant("root", Tensor::scalar(1.41421356f));
    m.constant("one", Tensor::scalar(1.0f)).constant("half", Tensor::scalar(0.5f));
    m.node("Div", {"x", "root"}, {"d"}).node("Erf", {"d"}, {"e"}).node("Add", {"e", "one"}, {"g"});
    const std::string parts[] = {"x", "g", "half"};
    m.node("Mul", {parts[order], parts[(order + 1) % 3]}, {"p"});
    m.node("Mul", {"p", parts[(order + 2) % 3]}, {"y"}).output("y");
    const Graph after = expect_rewritten(m.graph, {fuse_gelu}, 1, feed({4, 5}), 20);
    EXPECT_TRUE(after.nodes[0].is("Gelu"));
    EXPECT_FALSE(fuse_gelu(m.graph, at_opset(19)));
  }
  GraphMaker m;
  m.input("x", {Dim(4), Dim(5)}).constant("three", Tensor::scalar(3.0f));
  m.constant("c", Tensor::scalar(0.044715f)).constant("k", Tensor::scalar(0.79788456f));
  m.constant("one", Tensor::scalar(1.0f)).constant("half", Tensor::scalar(0.5f));
  m.node("Pow", {"x", "three"}, {"x3"}).node("Mul", {"c", "x3"}, {"cx"});
  m.node("Add", {"x", "cx"}, {"s"}).node("Mul", {"s", "k"}, {"ks"}).node("Tanh", {"ks"}, {"t"});
  m.node("Add", {"t", "one"}, {"g"}).node("Mul", {"x", "half"}, {"h"});
  m.node("Mul", {"h", "g"}, {"y"}).output("y");
  expect_rewritten(m.graph, {fuse_gelu}, 1, feed({4, 5}), 20);
}

TEST(FuseAttention, ScaledAndMasked) {
  for (const bool masked : {false, true}) {
    GraphMaker m;
    m.input("x", {Dim(2), Dim(3), Dim(4), Dim(8)}).floats("mask", {1, 1, 4, 4}, 2);
    m.constant("root", Tensor::scalar(2.0f)).node("Tanh", {"x"}, {"q"}).node("Neg", {"x"}, {"k"});
    m.node("Transpose", {"k"}, {"kt"}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
    m.node("MatMul", {"q", "kt"}, {"s"}).node("Div", {"s", "root"}, {"d"});
    if (masked) m.node("Add", {"d", "mask"}, {"m"});
    m.node("Softmax", {masked ? "m" : "d"}, {"p"}, {{"axis", int64_t{-1}}});
    m.node("MatMul", {"p", "x"}, {"y"}).output("y");
    const Graph after = expect_rewritten(m.graph, {fuse_attention}, 3, feed({2, 3, 4, 8}), 23);
    EXPECT_EQ(count_nodes(after, "Attention"), 1);
  }
}

TEST(ExpandNewer, SaysTheSameInOpset13) {
  const std::pair<const char*, Attributes> kNewer[] = {
      {"HardSwish", {}},
      {"Mish", {}},
      {"Gelu", {}},
      {"Gelu", {{"approximate", std::string("tanh")}}},
      {"Swish", {{"alpha", 1.5f}}},
      {"LayerNormalization", {{"axis", int64_t{1}}}},
      {"RMSNormalization", {{"epsilon", 1e-2f}}},
      {"CastLike", {}}};
  for (const auto& [op, attributes] : kNewer) {
    SCOPED_TRACE(op);
    GraphMaker m;
    m.input("x", {Dim(2), Dim(3), Dim(4)}).floats("w", {3, 4}, 1).floats("b", {3, 4}, 2);
    std::vector<std::string> inputs = {"x"};
    if (std::string(op) == "LayerNormalization") inputs = {"x", "w", "b"};
    if (std::string(op) == "RMSNormalization") inputs = {"x", "w"};
    if (std::string(op) == "RMSNormalization")
      m.graph.values[1].constant = Tensor::of<float>({4}, {1, 2, 3, 4});
    if (std::string(op) == "CastLike") inputs = {"x", "w"};
    m.node(op, inputs, {"y"}, attributes).output("y");
    Graph after = m.graph;
    infer_shapes(after, all_ops());
    EXPECT_GT(opset_need(after).opset, 13);
    EXPECT_TRUE(expand_newer(after, at_opset(13)));
    verify(after);
    EXPECT_EQ(opset_need(after).opset, 13);
    expect_same_outputs(m.graph, after, feed({2, 3, 4}));
  }
}

}  // namespace
}  // namespace whittle::test
