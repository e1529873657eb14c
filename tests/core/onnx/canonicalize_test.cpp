#include "core/onnx/canonicalize.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/graph/verify.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

/** One node `op` on x [2,3,4,4] at `opset`, brought to the internal opset. */
Graph lifted(const std::string& op, Attributes attributes, int64_t opset,
             const std::function<void(GraphMaker&)>& more = nullptr,
             const std::vector<std::string>& inputs = {"x"}) {
  GraphMaker maker;
  maker.input("x", {2, 3, 4, 4});
  if (more) more(maker);
  maker.node(op, inputs, {"y"}, std::move(attributes)).output("y");
  canonicalize(maker.graph, opset);
  verify(maker.graph);
  return maker.graph;
}

std::vector<int64_t> integers_of(const Graph& graph, const Node& node, size_t input) {
  const Tensor* tensor = graph.constant(node.input(input));
  return tensor == nullptr ? std::vector<int64_t>{} : to_int64s(*tensor, "");
}

float scalar_of(const Graph& graph, const Node& node, size_t input) {
  const Tensor* tensor = graph.constant(node.input(input));
  return tensor == nullptr ? -999 : to_floats(*tensor, "")[0];
}

using Integers = std::vector<int64_t>;

TEST(Canonicalize, AxesBecomeAnInput) {
  for (const auto& [op, opset] : std::vector<std::pair<std::string, int64_t>>{{"ReduceSum", 11},
                                                                              {"ReduceMean", 17},
                                                                              {"ReduceMax", 13},
                                                                              {"Squeeze", 11},
                                                                              {"Unsqueeze", 12}}) {
    SCOPED_TRACE(op);
    const Graph graph = lifted(op, {{"axes", Integers{1, 2}}}, opset);
    EXPECT_FALSE(graph.nodes[0].has("axes"));
    EXPECT_EQ(integers_of(graph, graph.nodes[0], 1), (Integers{1, 2}));
  }
  const Graph kept = lifted("ReduceMean", {}, 13);
  EXPECT_EQ(kept.nodes[0].inputs.size(), 1u);
}

TEST(Canonicalize, SliceTopKSplitAndReshapeAttributes) {
  const Graph slice = lifted("Slice", {{"starts", Integers{0}}, {"ends", Integers{2}}}, 9);
  EXPECT_EQ(integers_of(slice, slice.nodes[0], 1), Integers{0});
  EXPECT_EQ(integers_of(slice, slice.nodes[0], 2), Integers{2});
  EXPECT_EQ(slice.nodes[0].input(3), kNoValue);

  const Graph top = lifted("TopK", {{"k", int64_t{5}}}, 9);
  EXPECT_EQ(integers_of(top, top.nodes[0], 1), Integers{5});

  const Graph split = lifted("Split", {{"split", Integers{1, 2}}}, 11);
  EXPECT_EQ(integers_of(split, split.nodes[0], 1), (Integers{1, 2}));
  EXPECT_FALSE(split.nodes[0].has("num_outputs"));
  EXPECT_EQ(lifted("Split", {}, 13).nodes[0].int_attribute("num_outputs", 0), 1);

  const Graph reshape = lifted("Reshape", {{"shape", Integers{2, -1}}}, 1);
  EXPECT_EQ(integers_of(reshape, reshape.nodes[0], 1), (Integers{2, -1}));
}

TEST(Canonicalize, PadAndClipBounds) {
  const Graph pad =
      lifted("Pad", {{"pads", Integers{0, 0, 1, 1, 0, 0, 1, 1}}, {"value", 2.0f}}, 10);
  EXPECT_EQ(integers_of(pad, pad.nodes[0], 1).size(), 8u);
  EXPECT_EQ(scalar_of(pad, pad.nodes[0], 2), 2.0f);
  const Graph old = lifted("Pad", {{"paddings", Integers{0, 0, 0, 0, 0, 0, 1, 1}}}, 1);
  EXPECT_EQ(integers_of(old, old.nodes[0], 1).back(), 1);
  EXPECT_EQ(old.nodes[0].input(2), kNoValue);

  const Graph clip = lifted("Clip", {{"min", 0.0f}, {"max", 6.0f}}, 6);
  EXPECT_EQ(scalar_of(clip, clip.nodes[0], 1), 0.0f);
  EXPECT_EQ(scalar_of(clip, clip.nodes[0], 2), 6.0f);
  const Graph upper = lifted("Clip", {{"max", 1.0f}}, 10);
  EXPECT_EQ(upper.nodes[0].input(1), kNoValue);
  EXPECT_EQ(scalar_of(upper, upper.nodes[0], 2), 1.0f);
}

TEST(Canonicalize, UpsampleAndOldResizeKeepTheirCoordinates) {
  const Graph upsample = lifted("Upsample", {{"scales", std::vector<float>{1, 1, 2, 2}}}, 7);
  const Node& resize = upsample.nodes[0];
  EXPECT_EQ(resize.op, "Resize");
  EXPECT_EQ(resize.input(1), kNoValue);
  EXPECT_EQ(to_floats(*upsample.constant(resize.input(2)), ""), (std::vector<float>{1, 1, 2, 2}));
  EXPECT_EQ(resize.string_attribute("coordinate_transformation_mode", ""), "asymmetric");
  EXPECT_EQ(resize.string_attribute("nearest_mode", ""), "floor");

  const Graph sized = lifted("Resize", {}, 11,
                             [](GraphMaker& maker) {
                               maker.constant("empty", Tensor::allocate(DType::f32, {0}));
                               maker.integers("sizes", {2, 3, 8, 8});
                             },
                             {"x", "empty", "empty", "sizes"});
  EXPECT_EQ(sized.nodes[0].input(1), kNoValue);
  EXPECT_EQ(sized.nodes[0].input(2), kNoValue);
  EXPECT_EQ(integers_of(sized, sized.nodes[0], 3), (Integers{2, 3, 8, 8}));
}

TEST(Canonicalize, OldSoftmaxNormalisesRowsOfAMatrix) {
  const Graph rows = lifted("Softmax", {}, 11);  // axis 1 of rank 4
  ASSERT_EQ(rows.nodes.size(), 4u);
  EXPECT_EQ(rows.nodes[0].op, "Flatten");
  EXPECT_EQ(rows.nodes[0].int_attribute("axis", 0), 1);
  EXPECT_EQ(rows.nodes[1].op, "Softmax");
  EXPECT_EQ(rows.nodes[1].int_attribute("axis", 0), -1);
  EXPECT_EQ(rows.nodes[3].op, "Reshape");
  const Graph last = lifted("LogSoftmax", {{"axis", int64_t{3}}}, 9);
  ASSERT_EQ(last.nodes.size(), 1u);
  EXPECT_EQ(last.nodes[0].int_attribute("axis", 0), -1);
  EXPECT_EQ(lifted("Softmax", {{"axis", int64_t{1}}}, 13).nodes.size(), 1u);
}

TEST(Canonicalize, BroadcastingAlongAnAxis) {
  const auto vector = [](GraphMaker& maker) { maker.floats("b", {3}, 1); };
  const Graph add =
      lifted("Add", {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}}, 6, vector, {"x", "b"});
  EXPECT_EQ(add.constant(add.nodes[0].input(1))->shape(), (Shape{3, 1, 1}));
  EXPECT_TRUE(add.nodes[0].attributes.empty());
  const Graph plain = lifted("Mul", {{"broadcast", int64_t{1}}}, 6, vector, {"x", "b"});
  EXPECT_EQ(plain.constant(plain.nodes[0].input(1))->shape(), Shape{3});
  const Graph slope = lifted("PRelu", {}, 6, vector, {"x", "b"});
  EXPECT_EQ(slope.constant(slope.nodes[0].input(1))->shape(), (Shape{3, 1, 1}));
  const Graph computed = lifted("Sub", {{"broadcast", int64_t{1}}, {"axis", int64_t{0}}}, 6,
                                [](GraphMaker& maker) { maker.input("b", {2}); }, {"x", "b"});
  EXPECT_EQ(computed.nodes[0].op, "Unsqueeze");
  EXPECT_EQ(integers_of(computed, computed.nodes[0], 1), (Integers{1, 2, 3}));
}

TEST(Canonicalize, CastDropoutRecurrentGridAndRoi) {
  EXPECT_EQ(lifted("Cast", {{"to", std::string("INT64")}}, 5).nodes[0].int_attribute("to", 0), 7);
  EXPECT_THROW(lifted("Cast", {{"to", std::string("NUMBER")}}, 5), Error);
  EXPECT_TRUE(
      lifted("Dropout", {{"ratio", 0.5f}, {"is_test", int64_t{1}}}, 6).nodes[0].attributes.empty());
  EXPECT_FALSE(
      lifted("LSTM", {{"output_sequence", int64_t{1}}}, 1).nodes[0].has("output_sequence"));
  EXPECT_EQ(lifted("GridSample", {{"mode", std::string("bicubic")}}, 16)
                .nodes[0]
                .string_attribute("mode", ""),
            "cubic");
  EXPECT_EQ(
      lifted("RoiAlign", {}, 10).nodes[0].string_attribute("coordinate_transformation_mode", ""),
      "output_half_pixel");
  EXPECT_EQ(lifted("Concat", {}, 3).nodes[0].int_attribute("axis", 0), 1);
  EXPECT_EQ(lifted("Scatter", {}, 9).nodes[0].op, "ScatterElements");
}

TEST(Canonicalize, GroupNormalizationPerGroupBecomesInstances) {
  const Graph graph = lifted(
      "GroupNormalization", {{"num_groups", int64_t{3}}, {"epsilon", 0.5f}}, 18,
      [](GraphMaker& maker) { maker.floats("s", {3}, 1).floats("b", {3}, 2); }, {"x", "s", "b"});
  EXPECT_EQ(count_nodes(graph, "InstanceNormalization"), 1);
  EXPECT_EQ(count_nodes(graph, "GroupNormalization"), 0);
}

TEST(Canonicalize, SwigluIsSwishTimesTheOtherInput) {
  const Graph graph = lifted("SwiGLU", {{"alpha", 2.0f}}, 28, nullptr, {"x", "x"});
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].op, "Swish");
  EXPECT_EQ(graph.nodes[0].float_attribute("alpha", 0), 2.0f);
  EXPECT_EQ(graph.nodes[1].op, "Mul");
  EXPECT_EQ(graph.nodes[1].inputs[0], graph.nodes[0].outputs[0]);
  EXPECT_EQ(opset_need(graph).opset, 24);
}

TEST(Canonicalize, GatherOfPackedBlocksIsGatherOfWhatTheyMean) {
  GraphMaker maker;
  maker.input("i", {2}, DType::i64);
  Tensor bytes = Tensor::of<uint8_t>({2, 2}, {0x21, 0x43, 0x65, 0x87});
  maker.constant("b", bytes).floats("s", {2, 2}, 1);
  maker
      .node("GatherBlockQuantized", {"b", "i", "s"}, {"y"},
            {{"bits", int64_t{4}}, {"block_size", int64_t{2}}})
      .output("y");
  maker.graph.nodes[0].domain = "com.microsoft";
  canonicalize(maker.graph, 21);
  verify(maker.graph);
  ASSERT_EQ(maker.graph.nodes.size(), 2u);
  const Node& dequantize = maker.graph.nodes[0];
  EXPECT_EQ(dequantize.op, "DequantizeLinear");
  EXPECT_EQ(integers_of(maker.graph, dequantize, 0), (Integers{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(integers_of(maker.graph, dequantize, 2), (Integers{8, 8, 8, 8}));
  EXPECT_EQ(maker.graph.nodes[1].op, "Gather");
}

/** The operators of a node of com.microsoft on x [2,3,4,4], in order. */
std::vector<std::string> adopted(const std::string& op, Attributes attributes,
                                 const std::vector<std::string>& inputs, Graph* graph) {
  GraphMaker maker;
  maker.input("x", {2, 3, 4, 4}).floats("w", {3, 3, 1, 1}, 1);
  maker.node(op, inputs, {"y"}, std::move(attributes)).output("y");
  maker.graph.nodes[0].domain = "com.microsoft";
  canonicalize(maker.graph, 17);
  verify(maker.graph);
  std::vector<std::string> ops;
  for (const Node& node : maker.graph.nodes) ops.push_back(node.domain + node.op);
  *graph = maker.graph;
  return ops;
}

TEST(Canonicalize, FusedConvIsConvSumAndActivation) {
  using Names = std::vector<std::string>;
  Graph graph;
  const Attributes leaky = {{"activation", std::string("LeakyRelu")},
                            {"activation_params", std::vector<float>{0.5f}},
                            {"group", int64_t{1}}};
  EXPECT_EQ(adopted("FusedConv", leaky, {"x", "w", "", "x"}, &graph),
            (Names{"Conv", "Add", "LeakyRelu"}));
  EXPECT_EQ(graph.nodes[0].int_attribute("group", 0), 1);
  EXPECT_EQ(graph.nodes[0].attributes.size(), 1u);
  EXPECT_EQ(graph.nodes[2].float_attribute("alpha", 0), 0.5f);
  const Attributes clip = {{"activation", std::string("Clip")},
                           {"activation_params", std::vector<float>{-0.25f, 6.0f}}};
  EXPECT_EQ(adopted("FusedConv", clip, {"x", "w"}, &graph), (Names{"Conv", "Clip"}));
  EXPECT_EQ(scalar_of(graph, graph.nodes[1], 1), -0.25f);
  EXPECT_EQ(scalar_of(graph, graph.nodes[1], 2), 6.0f);
  const Attributes unknown = {{"activation", std::string("Softmax")}};
  EXPECT_EQ(adopted("FusedConv", unknown, {"x", "w"}, &graph), Names{"com.microsoftFusedConv"});
  const Attributes hard = {{"activation", std::string("HardSigmoid")},
                           {"activation_alpha", 0.3f},
                           {"activation_beta", 0.4f},
                           {"transB", int64_t{1}}};
  EXPECT_EQ(adopted("FusedGemm", hard, {"x", "w"}, &graph), (Names{"Gemm", "HardSigmoid"}));
  EXPECT_EQ(graph.nodes[0].int_attribute("transB", 0), 1);
  EXPECT_EQ(graph.nodes[1].float_attribute("beta", 0), 0.4f);
}

TEST(Canonicalize, RefusesWhatHasNoMeaningToday) {
  EXPECT_THROW(lifted("BatchNormalization", {{"spatial", int64_t{0}}}, 7), Error);
  EXPECT_THROW(lifted("Scan", {}, 8), Error);
}

TEST(Canonicalize, DownIsTheInverse) {
  const auto lowered = [](Graph graph, int64_t opset) {
    decanonicalize(graph, opset);
    return graph;
  };
  const Graph mean = lifted("ReduceMean", {{"axes", Integers{2, 3}}}, 13);
  EXPECT_EQ(opset_need(mean).opset, 13);
  const Graph attribute = lowered(mean, 13);
  EXPECT_EQ(attribute.nodes[0].ints_attribute("axes"), (Integers{2, 3}));
  EXPECT_EQ(attribute.nodes[0].inputs.size(), 1u);
  EXPECT_EQ(lowered(mean, 18).nodes[0].inputs.size(), 2u);

  EXPECT_FALSE(lowered(lifted("Split", {}, 13), 13).nodes[0].has("num_outputs"));
  EXPECT_TRUE(lowered(lifted("Split", {}, 13), 18).nodes[0].has("num_outputs"));
  EXPECT_EQ(lowered(lifted("GridSample", {{"mode", std::string("bilinear")}}, 16), 16)
                .nodes[0]
                .string_attribute("mode", ""),
            "bilinear");
}

TEST(Canonicalize, LowestOpsetFollowsWhatNodesSay) {
  const auto lowest = [](const std::string& op, Attributes attributes,
                         const std::vector<std::string>& inputs = {"x"}) {
    GraphMaker maker;
    maker.input("x", {2, 3}).input("axes", {1}, DType::i64);
    maker.floats("scale", {}, 1);
    maker.constant("zero", Tensor::zeros(DType::i4, {}));
    maker.constant("zero8", Tensor::zeros(DType::i8, {}));
    maker.node(op, inputs, {"y"}, std::move(attributes)).output("y");
    // The unused 4-bit constant would decide by itself.
    if (inputs.back() != "zero") {
      maker.graph.values[static_cast<size_t>(maker.graph.find("zero"))] = Value{};
    }
    return opset_need(maker.graph).opset;
  };
  EXPECT_EQ(lowest("Relu", {}), 13);
  EXPECT_EQ(lowest("HardSwish", {}), 14);
  EXPECT_EQ(lowest("Reshape", {{"allowzero", int64_t{1}}}), 14);
  EXPECT_EQ(lowest("LSTM", {{"layout", int64_t{1}}}), 14);
  EXPECT_EQ(lowest("LayerNormalization", {}), 17);
  EXPECT_EQ(lowest("ReduceMean", {}, {"x", "axes"}), 18);
  EXPECT_EQ(lowest("Gelu", {}), 20);
  EXPECT_EQ(lowest("QuantizeLinear", {}, {"x", "scale", "zero8"}), 13);
  EXPECT_EQ(lowest("QuantizeLinear", {}, {"x", "scale", "zero"}), 21);
  EXPECT_EQ(lowest("DequantizeLinear", {{"block_size", int64_t{32}}}, {"x", "scale"}), 21);
}

TEST(Canonicalize, SubgraphsToo) {
  GraphMaker inner;
  inner.input("a", {2, 3});
  inner.node("ReduceMean", {"a"}, {"m"}, {{"axes", Integers{1}}}).output("m");
  GraphMaker maker;
  maker.input("x", {2, 3});
  maker.node(
      "Scan", {"x"}, {"y"},
      {{"body", std::make_shared<const Graph>(inner.graph)}, {"num_scan_inputs", int64_t{1}}});
  maker.output("y");
  canonicalize(maker.graph, 11);
  const auto body = maker.graph.nodes[0].graph_attribute("body");
  EXPECT_EQ(integers_of(*body, body->nodes[0], 1), Integers{1});
  decanonicalize(maker.graph, 13);
  EXPECT_TRUE(maker.graph.nodes[0].graph_attribute("body")->nodes[0].has("axes"));
}

}  // namespace
}  // namespace whittle::test
