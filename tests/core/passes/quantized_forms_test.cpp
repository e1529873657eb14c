#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

// Scales are powers of two, so that float and integer arithmetic round alike.
class QdqMaker : public GraphMaker {
 public:
  QdqMaker& scalar(const std::string& name, float scale, uint8_t zero) {
    floats_of(name + "_s", {}, {scale});
    return put(name + "_z", Tensor::scalar(zero));
  }
  QdqMaker& put(const std::string& name, Tensor tensor) {
    constant(name, std::move(tensor));
    return *this;
  }
  QdqMaker& floats_of(const std::string& name, const Shape& shape, std::vector<float> values) {
    return put(name, Tensor::of<float>(shape, std::span<const float>(values)));
  }
  /** from -> QuantizeLinear -> to_q -> DequantizeLinear -> to, with the parameters `p`. */
  QdqMaker& pair(const std::string& from, const std::string& to, const std::string& p) {
    node("QuantizeLinear", {from, p + "_s", p + "_z"}, {to + "_q"});
    node("DequantizeLinear", {to + "_q", p + "_s", p + "_z"}, {to});
    return *this;
  }
};

Tensor small_weights(const Shape& shape) {
  Tensor tensor = Tensor::allocate(DType::i8, shape);
  int value = 3;
  for (int8_t& w : tensor.mutable_data<int8_t>()) {
    value = (value * 37 + 11) % 255;
    w = static_cast<int8_t>(value % 21 - 10);
  }
  return tensor;
}

Graph quantized_network() {
  QdqMaker m;
  m.input("x", {1, 2, 6, 6});
  m.scalar("p", 0.03125f, 120).scalar("r", 0.0625f, 0).scalar("o", 0.25f, 100);
  m.pair("x", "x1", "p");
  m.put("w_q", small_weights({4, 2, 3, 3})).floats_of("w_s", {4}, {0.5f, 0.25f, 0.125f, 0.25f});
  m.node("DequantizeLinear", {"w_q", "w_s"}, {"w"}, {{"axis", int64_t{0}}});
  m.put("b_q", Tensor::of<int32_t>({4}, {3, -5, 40, 7}));
  m.floats_of("b_s", {4}, {0.015625f, 0.0078125f, 0.00390625f, 0.0078125f});
  m.node("DequantizeLinear", {"b_q", "b_s"}, {"b"}, {{"axis", int64_t{0}}});
  m.node("Conv", {"x1", "w", "b"}, {"c"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  m.node("Relu", {"c"}, {"c1"});
  m.pair("c1", "c2", "r");
  m.node("MaxPool", {"c2"}, {"m"},
         {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  m.pair("m", "m1", "r");
  m.node("Add", {"m1", "m1"}, {"a"});
  m.pair("a", "a1", "o");
  m.node("Concat", {"a1", "m1"}, {"k"}, {{"axis", int64_t{1}}});
  m.pair("k", "k1", "o");
  m.node("Flatten", {"k1"}, {"f"});
  m.pair("f", "f1", "o");
  m.put("g_q", small_weights({5, 72})).floats_of("g_s", {}, {0.125f});
  m.node("DequantizeLinear", {"g_q", "g_s"}, {"g"});
  m.put("d_q", Tensor::of<int32_t>({5}, {1, 2, -300, 4, 5})).floats_of("d_s", {}, {0.03125f});
  m.node("DequantizeLinear", {"d_q", "d_s"}, {"d"});
  m.node("Gemm", {"f1", "g", "d"}, {"h"}, {{"transB", int64_t{1}}});
  m.pair("h", "y", "o");
  m.output("y");
  return m.graph;
}

TEST(QuantizedForms, EveryOperatorBecomesOneNodeAndComesBack) {
  const Graph qdq = quantized_network();
  const std::map<std::string, Tensor> feeds = {{"x", GraphMaker::random_floats({1, 2, 6, 6}, 5)}};
  Graph integer = qdq;
  EXPECT_TRUE(qdq_to_qoperator(integer, pass_context()));
  eliminate_dead_code(integer, pass_context());
  verify(integer);
  for (const char* op : {"QLinearConv", "QLinearAdd", "QLinearConcat", "QGemm", "MaxPool"}) {
    EXPECT_EQ(count_nodes(integer, op), 1) << op;
  }
  EXPECT_EQ(count_nodes(integer, "QuantizeLinear"), 1) << "of the input";
  EXPECT_EQ(count_nodes(integer, "DequantizeLinear"), 1) << "of the output";
  EXPECT_EQ(count_nodes(integer, "Relu"), 0) << "zero point 0 does its work";
  expect_same_outputs(qdq, integer, feeds);
  EXPECT_FALSE(qdq_to_qoperator(integer, pass_context()));

  Graph back = integer;
  EXPECT_TRUE(qoperator_to_qdq(back, pass_context()));
  eliminate_dead_code(back, pass_context());
  verify(back);
  for (const char* op : {"Conv", "Add", "Concat", "Gemm", "MaxPool", "Flatten"}) {
    EXPECT_EQ(count_nodes(back, op), 1) << op;
  }
  expect_same_outputs(qdq, back, feeds);
  EXPECT_FALSE(qoperator_to_qdq(back, pass_context()));
}

TEST(QuantizedForms, WhatIsNotQuantizedOnAllSidesStays) {
  QdqMaker m;
  m.input("x", {1, 4}).input("r", {1, 4});
  m.scalar("p", 0.03125f, 120);
  m.pair("x", "x1", "p");
  m.node("Add", {"x1", "r"}, {"a"});  // one side is float
  m.pair("a", "a1", "p");
  m.node("Mul", {"a1", "a1"}, {"y"});  // its result is
  m.output("y");
  Graph graph = m.graph;
  EXPECT_FALSE(qdq_to_qoperator(graph, pass_context()));
}

TEST(QuantizedForms, AClipThatCutsStays) {
  QdqMaker m;
  m.input("x", {1, 4});
  m.scalar("p", 0.03125f, 120);
  m.pair("x", "x1", "p");
  m.node("Add", {"x1", "x1"}, {"a"});
  m.node("Relu", {"a"}, {"b"});
  m.pair("b", "y", "p");
  m.output("y");
  Graph graph = m.graph;
  EXPECT_FALSE(qdq_to_qoperator(graph, pass_context())) << "zero point 120: negatives have codes";
}

}  // namespace
}  // namespace whittle::test
