#include "core/ops/interpret.h"

#include <gtest/gtest.h>

#include "tests/support/graphs.h"

namespace whittle {
namespace {

using test::GraphMaker;

Code code_of(const Graph& graph, const std::map<std::string, Tensor>& feeds) {
  SerialPool pool;
  try {
    interpret(graph, all_ops(), feeds, pool);
  } catch (const Error& error) {
    return error.code;
  }
  ADD_FAILURE() << "expected an error";
  return Code::INTERNAL;
}

TEST(Interpret, SubgraphsSeeTheValuesOfTheirGraph) {
  // if which: y = x + x else: y = -x
  const auto branch = [](ValueId x, bool doubles) {
    GraphMaker maker;
    const ValueId id = maker.graph.add_value("captured");
    maker.graph.value(id).captured = x;
    if (doubles) maker.node("Add", {"captured", "captured"}, {"y"});
    if (!doubles) maker.node("Neg", {"captured"}, {"y"});
    maker.output("y");
    return std::shared_ptr<const Graph>(std::make_shared<Graph>(maker.graph));
  };
  GraphMaker maker;
  maker.input("x", {2}).input("which", {}, DType::boolean).node("Relu", {"x"}, {"r"});
  const ValueId r = maker.id_of("r");
  maker
      .node("If", {"which"}, {"y"},
            {{"then_branch", branch(r, true)}, {"else_branch", branch(r, false)}})
      .output("y");
  SerialPool pool;
  const auto run = [&](bool which) {
    const auto outputs = interpret(
        maker.graph, all_ops(),
        {{"x", Tensor::of<float>({2}, {-1, 3})}, {"which", Tensor::scalar<bool>(which)}}, pool);
    return std::vector<float>(outputs[0].data<float>().begin(), outputs[0].data<float>().end());
  };
  EXPECT_EQ(run(true), (std::vector<float>{0, 6}));
  EXPECT_EQ(run(false), (std::vector<float>{0, -3}));
}

TEST(Interpret, NamesWhatIsMissing) {
  GraphMaker maker;
  maker.input("x", {1}).node("NobodyKnows", {"x"}, {"y"}).output("y");
  EXPECT_EQ(code_of(maker.graph, {}), Code::MISSING_INPUT);
  EXPECT_EQ(code_of(maker.graph, {{"x", Tensor::scalar<float>(1)}}), Code::UNSUPPORTED_OPERATOR);
}

TEST(Interpret, SuggestsTheOperatorThatWasMeant) {
  GraphMaker maker;
  maker.input("x", {1}).node("Reluu", {"x"}, {"y"}).output("y");
  try {
    all_ops().at(maker.graph.nodes[0]);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.message.find("Did you mean \"Relu\"?"), std::string::npos) << error.message;
  }
}

TEST(Interpret, WrongDataGivesTypedErrors) {
  const auto graph = [](const std::string& op, Attributes attributes = {}) {
    GraphMaker maker;
    maker.input("a", {}).input("b", {}).node(op, {"a", "b"}, {"y"}, std::move(attributes));
    maker.output("y");
    return maker.graph;
  };
  const Tensor floats = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const auto integers = [](std::initializer_list<int64_t> values) {
    return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
  };
  EXPECT_EQ(code_of(graph("Gather"), {{"a", floats}, {"b", integers({2})}}), Code::INVALID_DATA);
  EXPECT_EQ(code_of(graph("Gather"), {{"a", floats}, {"b", floats}}), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of(graph("Div"), {{"a", integers({1})}, {"b", integers({0})}}),
            Code::INVALID_DATA);
  EXPECT_EQ(code_of(graph("Add"), {{"a", floats}, {"b", integers({1})}}), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of(graph("PRelu"), {{"a", floats}, {"b", Tensor::of<float>({3}, {1, 2, 3})}}),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of(graph("Reshape"), {{"a", floats}, {"b", integers({3, -1})}}),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of(graph("Reshape"), {{"a", floats}, {"b", integers({1LL << 62, 1LL << 62})}}),
            Code::LIMIT_EXCEEDED);
  EXPECT_EQ(code_of(graph("Tile"), {{"a", floats}, {"b", integers({-1, 2})}}),
            Code::LIMIT_EXCEEDED);
  EXPECT_EQ(code_of(graph("Expand"), {{"a", floats}, {"b", integers({3, 2})}}),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of(graph("TopK"), {{"a", floats}, {"b", integers({3})}}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of(graph("CumSum"), {{"a", floats}, {"b", integers({0, 1})}}),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of(graph("Einsum", {{"equation", std::string("ij,jk->iq")}}),
                    {{"a", floats}, {"b", floats}}),
            Code::INVALID_GRAPH);
}

}  // namespace
}  // namespace whittle
