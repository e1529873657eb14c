#include "core/onnx/reader.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/graph/verify.h"
#include "core/onnx/writer.h"
#include "tests/support/files.h"
#include "tests/support/graphs.h"
#include "tests/support/protos.h"

namespace whittle::test {
namespace {

Model read(const Proto& model) {
  return read_model(as_bytes(model.bytes()));
}

Error error_of(const Proto& model) {
  try {
    read(model);
  } catch (const Error& error) {
    EXPECT_TRUE(error.message.starts_with("Expected ")) << error.message;
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(Code::INTERNAL, "");
}

/** x -> Add(w) -> y, with w an initializer. */
Proto add_graph() {
  return Proto()
      .message(proto::graph::node, node_proto("Add", {"x", "w"}, {"y"}, "add"))
      .text(proto::graph::name, "g")
      .message(proto::graph::initializer, float_tensor_proto("w", {1, 2}))
      .message(proto::graph::input, value_proto("x", {-1, 2}))
      .message(proto::graph::output, value_proto("y", {-1, 2}));
}

TEST(Reader, ReadsTheModelAndItsGraph) {
  Proto proto = model_proto(add_graph());
  proto.text(proto::model::producer_name, "somebody");
  proto.message(proto::model::metadata_props,
                Proto().text(proto::entry::key, "names").text(proto::entry::value, "cat,dog"));
  const Model model = read(proto);
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.source_opsets.at(""), 13);
  EXPECT_EQ(model.producer_name, "somebody");
  EXPECT_EQ(model.metadata,
            (std::vector<std::pair<std::string, std::string>>{{"names", "cat,dog"}}));
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_EQ(model.graph.nodes[0].name, "add");
  ASSERT_EQ(model.graph.inputs.size(), 1u);
  EXPECT_EQ(to_string(*model.graph.value(model.graph.inputs[0]).dims), "[?,2]");
  EXPECT_TRUE(model.graph.value(model.graph.nodes[0].inputs[1]).is_constant());
}

TEST(Reader, InitializersListedAsInputsAreConstants) {
  Proto graph = add_graph();
  graph.message(proto::graph::input, value_proto("w", {2}));
  const Model model = read(model_proto(graph, 9, 3));
  EXPECT_EQ(model.graph.inputs.size(), 1u);
  EXPECT_TRUE(model.graph.value(model.graph.find("w")).is_constant());
}

TEST(Reader, NodesMayComeInAnyOrderAndNeedNoNames) {
  Proto graph;
  graph.message(proto::graph::node, node_proto("Relu", {"b"}, {"c"}))
      .message(proto::graph::node, node_proto("Relu", {"a"}, {"b"}))
      .message(proto::graph::node, node_proto("Relu", {"x"}, {"a"}, "same"))
      .message(proto::graph::node, node_proto("Relu", {"c"}, {"y"}, "same"))
      .message(proto::graph::input, value_proto("x", {2}))
      .message(proto::graph::output, value_proto("y", {2}));
  const Model model = read(model_proto(graph));
  verify(model.graph);
  ASSERT_EQ(model.graph.nodes.size(), 4u);
  EXPECT_EQ(model.graph.nodes[0].name, "same");
  for (const Node& node : model.graph.nodes) EXPECT_FALSE(node.name.empty());
}

TEST(Reader, ConstantNodesBecomeConstants) {
  const auto constant = [](const char* key, int64_t type, const Proto& value) {
    Proto attribute = Proto().text(proto::attribute::name, key);
    Proto all = attribute;
    return node_proto("Constant", {}, {"w"})
        .text(proto::node::attribute,
              all.bytes() + value.bytes() + Proto().integer(proto::attribute::type, type).bytes());
  };
  const auto value_of = [&](const Proto& node) {
    Proto graph = Proto()
                      .message(proto::graph::node, node)
                      .message(proto::graph::node, node_proto("Identity", {"w"}, {"y"}))
                      .message(proto::graph::output, value_proto("y", {}));
    const Model model = read(model_proto(graph));
    EXPECT_EQ(model.graph.nodes.size(), 1u);
    return model.graph.value(model.graph.find("w")).constant;
  };
  EXPECT_EQ(
      to_floats(value_of(constant("value_float", 1, Proto().number(proto::attribute::f, 2.5f))),
                ""),
      (std::vector<float>{2.5f}));
  EXPECT_EQ(
      to_int64s(value_of(constant("value_int", 2, Proto().integer(proto::attribute::i, -3))), ""),
      (std::vector<int64_t>{-3}));
  EXPECT_EQ(
      to_int64s(value_of(constant("value_ints", 7, Proto().packed(proto::attribute::ints, {1, 2}))),
                ""),
      (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(
      value_of(constant("value_string", 3, Proto().text(proto::attribute::s, "hi"))).strings()[0],
      "hi");
  EXPECT_EQ(to_floats(value_of(constant(
                          "value", 4,
                          Proto().message(proto::attribute::t, float_tensor_proto("", {4, 5})))),
                      ""),
            (std::vector<float>{4, 5}));
}

/** If whose branches read `x` and `w` of the main graph; the else branch through another If. */
Proto nested_if() {
  const auto branch = [](const Proto& node, const char* output) {
    return Proto()
        .message(proto::graph::node, node)
        .text(proto::graph::name, "branch")
        .message(proto::graph::output, value_proto(output, {2}));
  };
  const auto if_node = [](const std::string& output, const Proto& then_graph,
                          const Proto& else_graph) {
    const auto attribute = [](const char* name, const Proto& graph) {
      return Proto()
          .text(proto::attribute::name, name)
          .message(proto::attribute::g, graph)
          .integer(proto::attribute::type, proto::attribute::GRAPH);
    };
    return node_proto("If", {"c"}, {output})
        .message(proto::node::attribute, attribute("then_branch", then_graph))
        .message(proto::node::attribute, attribute("else_branch", else_graph));
  };
  const Proto add = branch(node_proto("Add", {"x", "w"}, {"s"}), "s");
  const Proto sub = branch(node_proto("Sub", {"x", "w"}, {"d"}), "d");
  const Proto inner = branch(if_node("i", add, sub), "i");
  Proto condition = value_proto("c", {});
  return Proto()
      .message(proto::graph::node, if_node("y", add, inner))
      .message(proto::graph::initializer, float_tensor_proto("w", {1, 2}))
      .message(proto::graph::input, value_proto("x", {2}))
      .message(proto::graph::input, condition)
      .message(proto::graph::output, value_proto("y", {2}));
}

TEST(Reader, SubgraphsCaptureByNameThroughEveryLevel) {
  const Model model = read(model_proto(nested_if()));
  const auto outer = model.graph.nodes[0].graph_attribute("else_branch");
  ASSERT_NE(outer, nullptr);
  const Value& x = outer->value(outer->find("x"));
  EXPECT_EQ(model.graph.value(x.captured).name, "x");
  const auto inner = outer->nodes[0].graph_attribute("else_branch");
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(outer->value(inner->value(inner->find("w")).captured).name, "w");
}

TEST(Reader, LocalFunctionsAreReplacedByTheirBodies) {
  const Proto reference = Proto()
                              .text(proto::attribute::name, "alpha")
                              .text(proto::attribute::ref_attr_name, "slope")
                              .integer(proto::attribute::type, proto::attribute::FLOAT);
  const Proto body =
      node_proto("LeakyRelu", {"a"}, {"t"}).message(proto::node::attribute, reference);
  const Proto function = Proto()
                             .text(proto::function::name, "Leak")
                             .text(proto::function::domain, "mine")
                             .text(proto::function::input, "a")
                             .text(proto::function::output, "b")
                             .text(proto::function::attribute, "slope")
                             .message(proto::function::node, body)
                             .message(proto::function::node, node_proto("Neg", {"t"}, {"b"}));
  const Proto slope = Proto()
                          .text(proto::attribute::name, "slope")
                          .number(proto::attribute::f, 0.25f)
                          .integer(proto::attribute::type, proto::attribute::FLOAT);
  const auto call = [&](const char* from, const char* to, const char* name) {
    return node_proto("Leak", {from}, {to}, name)
        .text(proto::node::domain, "mine")
        .message(proto::node::attribute, slope);
  };
  const Proto graph = Proto()
                          .message(proto::graph::node, call("x", "m", "first"))
                          .message(proto::graph::node, call("m", "y", "second"))
                          .message(proto::graph::input, value_proto("x", {2}))
                          .message(proto::graph::output, value_proto("y", {2}));
  const Model model = read(model_proto(graph).message(proto::model::functions, function));
  EXPECT_EQ(count_nodes(model.graph, "LeakyRelu"), 2);
  EXPECT_EQ(count_nodes(model.graph, "Neg"), 2);
  EXPECT_EQ(model.graph.nodes[0].float_attribute("alpha", 0), 0.25f);
  EXPECT_NE(model.graph.find("first/t"), kNoValue);
  EXPECT_NE(model.graph.find("second/t"), kNoValue);
}

TEST(Reader, FunctionsThatCallThemselvesAreRefused) {
  const Proto function =
      Proto()
          .text(proto::function::name, "Again")
          .text(proto::function::domain, "mine")
          .text(proto::function::input, "a")
          .text(proto::function::output, "b")
          .message(proto::function::node,
                   node_proto("Again", {"a"}, {"b"}).text(proto::node::domain, "mine"));
  const Proto graph =
      Proto()
          .message(proto::graph::node,
                   node_proto("Again", {"x"}, {"y"}).text(proto::node::domain, "mine"))
          .message(proto::graph::input, value_proto("x", {2}))
          .message(proto::graph::output, value_proto("y", {2}));
  const Error error = error_of(model_proto(graph).message(proto::model::functions, function));
  EXPECT_EQ(error.code, Code::UNSUPPORTED);
  EXPECT_EQ(error.where, "mine::Again");
}

TEST(Reader, BrokenGraphsAreTypedErrors) {
  Proto unknown = add_graph();
  unknown.message(proto::graph::node, node_proto("Relu", {"nowhere"}, {"z"}, "r"));
  EXPECT_EQ(error_of(model_proto(unknown)).code, Code::INVALID_GRAPH);
  Proto twice = add_graph();
  twice.message(proto::graph::node, node_proto("Relu", {"x"}, {"y"}, "r"));
  EXPECT_EQ(error_of(model_proto(twice)).code, Code::INVALID_GRAPH);
  Proto cycle = add_graph();
  cycle.message(proto::graph::node, node_proto("Relu", {"b"}, {"a"}, "r"))
      .message(proto::graph::node, node_proto("Relu", {"a"}, {"b"}, "s"));
  EXPECT_EQ(error_of(model_proto(cycle)).code, Code::INVALID_GRAPH);
  Proto no_output = add_graph();
  no_output.message(proto::graph::output, value_proto("z", {}));
  EXPECT_EQ(error_of(model_proto(no_output)).code, Code::INVALID_GRAPH);
  EXPECT_EQ(error_of(Proto().integer(proto::model::ir_version, 8)).code, Code::NOT_A_MODEL);
}

TEST(Reader, UnknownOperatorsAreKept) {
  Proto graph =
      Proto()
          .message(proto::graph::node,
                   node_proto("Teleport", {"x"}, {"y"}).text(proto::node::domain, "com.example"))
          .message(proto::graph::input, value_proto("x", {2}))
          .message(proto::graph::output, value_proto("y", {2}));
  const Model model = read(model_proto(graph));
  EXPECT_TRUE(model.graph.nodes[0].is("com.example", "Teleport"));
}

TEST(Reader, MissingExternalDataIsListed) {
  const auto external = [](const char* name, const char* file) {
    const Proto entry = Proto().text(proto::entry::key, "location").text(proto::entry::value, file);
    return Proto()
        .integer(proto::tensor::dims, 2)
        .integer(proto::tensor::data_type, 1)
        .text(proto::tensor::name, name)
        .message(proto::tensor::external_data, entry)
        .integer(proto::tensor::data_location, 1);
  };
  Proto graph = add_graph();
  graph.message(proto::graph::initializer, external("a", "one.bin"))
      .message(proto::graph::initializer, external("b", "two.bin"))
      .message(proto::graph::initializer, external("c", "two.bin"));
  const Error error = error_of(model_proto(graph));
  EXPECT_EQ(error.code, Code::EXTERNAL_DATA_MISSING);
  EXPECT_EQ(error.message,
            "Expected 2 files of external data for the model but received none of 'one.bin', "
            "'two.bin'. Give them together with the model");

  ReadOptions options;
  const std::string content(8, '\0');
  options.external = {{"one.bin", as_bytes(content)}, {"two.bin", as_bytes(content)}};
  const Model model = read_model(as_bytes(model_proto(graph).bytes()), options);
  EXPECT_EQ(model.graph.value(model.graph.find("c")).constant.elements(), 2);
}

TEST(Reader, DeepNestingIsRefused) {
  Proto graph = Proto().message(proto::graph::node, node_proto("Relu", {"x"}, {"y"}));
  for (int depth = 0; depth < 40; ++depth) {
    const Proto attribute =
        Proto().text(proto::attribute::name, "body").message(proto::attribute::g, graph);
    graph =
        Proto().message(proto::graph::node,
                        node_proto("Loop", {}, {"y"}).message(proto::node::attribute, attribute));
  }
  EXPECT_EQ(error_of(model_proto(graph)).code, Code::LIMIT_EXCEEDED);
}

std::vector<std::string> corpus() {
  std::vector<std::string> models = {model_proto(nested_if()).bytes()};
  const auto folder = std::filesystem::path(WHITTLE_SOURCE_DIR) / "tests/fuzz/corpus/reader";
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const Bytes bytes = read_bytes(path);
    models.emplace_back(reinterpret_cast<const char*>(bytes.data.get()), bytes.size);
  }
  return models;
}

/** A typed error or a model; anything else ends the test. */
void read_hostile(const std::string& bytes) {
  try {
    write_model(read_model(as_bytes(bytes)));
  } catch (const Error&) {
  }
}

TEST(Reader, EveryTruncationOfSmallModelsIsATypedErrorOrAModel) {
  for (const std::string& model : corpus()) {
    for (size_t size = 0; size < model.size(); ++size) read_hostile(model.substr(0, size));
  }
}

TEST(Reader, FlippedBitsOfSmallModelsAreATypedErrorOrAModel) {
  // In each byte the highest bit, which lengthens a varint, and one other.
  for (const std::string& model : corpus()) {
    for (size_t i = 0; i < model.size(); ++i) {
      for (size_t bit : {size_t{7}, i * 5 % 7}) {
        std::string flipped = model;
        flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
        read_hostile(flipped);
      }
    }
  }
}

TEST(Reader, TruncationSaysWhere) {
  const std::string bytes = model_proto(add_graph()).bytes();
  try {
    ReadOptions options;
    options.file_name = "half.onnx";
    read_model(as_bytes(bytes.substr(0, bytes.size() / 2)), options);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_MODEL);
    EXPECT_TRUE(error.message.starts_with(
        "Expected a complete ONNX model for half.onnx but received truncated data at byte "))
        << error.message;
    EXPECT_TRUE(error.where.starts_with("byte ")) << error.where;
  }
}

}  // namespace
}  // namespace whittle::test
