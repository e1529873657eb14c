#include "core/onnx/writer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/graph/verify.h"
#include "core/onnx/reader.h"
#include "tests/support/files.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

Bytes as_file(const std::vector<std::byte>& bytes) {
  return as_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/** x [batch,4] -> MatMul(w) -> Add(b) -> y, opset 13. */
Model small_model() {
  GraphMaker maker;
  maker.graph.name = "small";
  maker.input("x", {Dim::named("batch"), 4}).floats("w", {4, 3}, 1).floats("b", {3}, 2);
  maker.node("MatMul", {"x", "w"}, {"m"}).node("Add", {"m", "b"}, {"y"}).output("y");
  maker.graph.value(maker.graph.find("y")).dtype = DType::f32;
  maker.graph.value(maker.graph.find("y")).dims = Dims{Dim::named("batch"), 3};
  Model model;
  model.graph = std::move(maker.graph);
  model.source_opsets = {{"", 13}, {"com.example", 2}};
  model.producer_name = "somebody";
  model.metadata = {{"names", "cat,dog"}, {"stride", "32"}};
  return model;
}

/** Written, read, and written again: the same bytes; returns what was read. */
Model expect_stable(const Model& model) {
  const auto first = write_model(model);
  Model again = read_model(as_file(first));
  EXPECT_EQ(write_model(again), first);
  return again;
}

TEST(Writer, KeepsNamesTypesSymbolsMetadataAndOpsets) {
  const Model again = expect_stable(small_model());
  EXPECT_EQ(again.graph.name, "small");
  EXPECT_EQ(again.source_opsets, (std::map<std::string, int64_t>{{"", 13}, {"com.example", 2}}));
  EXPECT_EQ(again.ir_version, 7);
  EXPECT_EQ(again.metadata, small_model().metadata);
  EXPECT_EQ(again.producer_name, "somebody");
  const Value& input = again.graph.value(again.graph.inputs.at(0));
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(to_string(*input.dims), "[batch,4]");
  EXPECT_EQ(to_string(*again.graph.value(again.graph.outputs.at(0)).dims), "[batch,3]");
  EXPECT_EQ(again.graph.nodes[0].name, "MatMul_0");
  EXPECT_EQ(to_floats(*again.graph.constant(again.graph.find("w")), ""),
            to_floats(GraphMaker::random_floats({4, 3}, 1), ""));
}

TEST(Writer, UnknownDimensionsScalarsAndEveryAttributeSurvive) {
  GraphMaker maker;
  maker.input("x", {Dim(), 4}).input("s", {}, DType::boolean);
  Tensor strings = Tensor::allocate(DType::string, {2});
  strings.mutable_strings() = {"a", std::string("\0b", 2)};
  const Tensor four = Tensor::zeros(DType::u4, {3});
  maker.node("Anything", {"x", "", "s"}, {"y"},
             {{"i", int64_t{-5}},
              {"f", 0.5f},
              {"s", std::string("text")},
              {"is", std::vector<int64_t>{}},
              {"fs", std::vector<float>{1, -2}},
              {"ss", std::vector<std::string>{"", "b"}},
              {"t", strings},
              {"ts", std::vector<Tensor>{four}}});
  maker.graph.nodes[0].domain = "com.example";
  maker.output("y");
  Model model;
  model.graph = std::move(maker.graph);
  const Model again = expect_stable(model);
  const Node& node = again.graph.nodes[0];
  EXPECT_EQ(node.inputs[1], kNoValue);
  EXPECT_EQ(node.attributes.size(), 8u);
  EXPECT_EQ(std::get<Tensor>(node.attributes.at("t")).strings()[1], std::string("\0b", 2));
  EXPECT_EQ(std::get<std::vector<Tensor>>(node.attributes.at("ts"))[0].dtype(), DType::u4);
  EXPECT_TRUE(std::get<std::vector<int64_t>>(node.attributes.at("is")).empty());
  EXPECT_EQ(to_string(*again.graph.value(again.graph.inputs[0]).dims), "[?,4]");
  EXPECT_EQ(to_string(*again.graph.value(again.graph.inputs[1]).dims), "[]");
}

TEST(Writer, SharedWeightsAreWrittenOnceAndUnreadOnesNotAtAll) {
  Model model = small_model();
  const auto size = write_model(model).size();
  Graph& graph = model.graph;
  graph.add_constant("unread", GraphMaker::random_floats({1000}, 5));
  const Tensor w = graph.value(graph.find("w")).constant;
  const ValueId twin = graph.add_constant("twin", w);
  Node node = graph.nodes[0];
  node.name = "second";
  node.inputs[1] = twin;
  node.outputs = {graph.add_value("unused")};
  graph.nodes.push_back(node);
  EXPECT_LT(write_model(model).size(), size + 60);
  expect_stable(model);
}

TEST(Writer, ConstantsAsOutputsAreMadeByANode) {
  GraphMaker maker;
  maker.floats("k", {2}, 1).output("k");
  Model model;
  model.graph = std::move(maker.graph);
  const Model again = expect_stable(model);
  EXPECT_TRUE(again.graph.value(again.graph.outputs[0]).is_constant());
  EXPECT_EQ(again.graph.value(again.graph.outputs[0]).name, "k");
}

TEST(Writer, SubgraphsReferToOuterValuesByTheirNamesAndHideNone) {
  GraphMaker maker;
  maker.input("x", {2}).input("c", {}, DType::boolean).floats("w", {2}, 1);
  const auto branch = [&](const char* op, const char* hides) {
    auto graph = std::make_shared<Graph>();
    graph->name = "branch";
    Node node;
    node.op = op;
    node.name = "n";
    for (const char* captured : {"x", "w"}) {
      const ValueId id = graph->add_value(std::string("own_") + captured);
      graph->value(id).captured = maker.graph.find(captured);
      node.inputs.push_back(id);
    }
    node.outputs = {graph->add_value(hides)};  // the name of an outer value
    graph->outputs = node.outputs;
    graph->nodes.push_back(node);
    return std::shared_ptr<const Graph>(graph);
  };
  maker.node("If", {"c"}, {"y"},
             {{"then_branch", branch("Add", "x")}, {"else_branch", branch("Sub", "w")}});
  maker.output("y");
  Model model;
  model.graph = std::move(maker.graph);
  const Model again = expect_stable(model);
  const auto then_branch = again.graph.nodes[0].graph_attribute("then_branch");
  ASSERT_NE(then_branch, nullptr);
  EXPECT_EQ(again.graph.value(then_branch->value(then_branch->nodes[0].inputs[0]).captured).name,
            "x");
  EXPECT_NE(then_branch->value(then_branch->outputs[0]).name, "x");
}

TEST(Writer, StatesTheLowestOpsetThatCanSayIt) {
  Model model = small_model();
  EXPECT_EQ(required_opset(model), 13);
  model.source_opsets[""] = 9;
  EXPECT_EQ(required_opset(model), 13);
  model.source_opsets[""] = 17;
  EXPECT_EQ(required_opset(model), 17);
  model.graph.nodes[0].op = "Gelu";
  EXPECT_EQ(required_opset(model), 20);
  EXPECT_EQ(read_model(as_file(write_model(model))).ir_version, 9);
  model.graph.value(model.graph.find("w")).constant = Tensor::zeros(DType::i4, {4, 3});
  model.graph.value(model.graph.find("w")).dtype = DType::i4;
  EXPECT_EQ(required_opset(model), 21);
  EXPECT_EQ(read_model(as_file(write_model(model))).ir_version, 10);
  model.source_opsets[""] = 23;
  EXPECT_EQ(required_opset(model), 23);
}

TEST(Writer, RefusesOperatorsOfTraining) {
  Model model = small_model();
  model.graph.nodes[1].domain = "ai.whittle.train";
  try {
    write_model(model);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_GRAPH);
    EXPECT_EQ(error.where, model.graph.nodes[1].label());
  }
}

TEST(Writer, RealModelsAreStable) {
  for (const std::string& path : asset_models()) {
    SCOPED_TRACE(path);
    const Model model = read_file(path);
    const Model again = expect_stable(model);
    verify(again.graph);
    ASSERT_EQ(again.graph.inputs.size(), model.graph.inputs.size());
    for (size_t i = 0; i < model.graph.inputs.size(); ++i) {
      const Value& before = model.graph.value(model.graph.inputs[i]);
      const Value& after = again.graph.value(again.graph.inputs[i]);
      EXPECT_EQ(before.name, after.name);
      EXPECT_EQ(before.dtype, after.dtype);
      EXPECT_EQ(to_string(before.dims.value_or(Dims{})), to_string(after.dims.value_or(Dims{})));
    }
    ASSERT_EQ(again.graph.outputs.size(), model.graph.outputs.size());
    for (size_t i = 0; i < model.graph.outputs.size(); ++i) {
      EXPECT_EQ(model.graph.value(model.graph.outputs[i]).name,
                again.graph.value(again.graph.outputs[i]).name);
    }
    EXPECT_EQ(model.metadata, again.metadata);
  }
}

}  // namespace
}  // namespace whittle::test
