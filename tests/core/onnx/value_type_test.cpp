// Types that are no tensors', read and written.
#include <gtest/gtest.h>

#include "core/onnx/reader.h"
#include "core/onnx/writer.h"
#include "tests/support/files.h"
#include "tests/support/graphs.h"
#include "tests/support/protos.h"

namespace whittle::test {
namespace {

ValueType type_of(DType dtype, DType element, std::optional<Dims> dims) {
  ValueType type;
  type.dtype = dtype;
  type.element = element;
  type.element_dims = std::move(dims);
  return type;
}

void expect_type(const ValueType& actual, const ValueType& expected) {
  EXPECT_EQ(dtype_name(actual.dtype), dtype_name(expected.dtype));
  EXPECT_EQ(dtype_name(actual.element), dtype_name(expected.element));
  EXPECT_FALSE(actual.dims.has_value());
  ASSERT_EQ(actual.element_dims.has_value(), expected.element_dims.has_value());
  if (actual.element_dims) {
    EXPECT_EQ(to_string(*actual.element_dims), to_string(*expected.element_dims));
  }
}

TEST(ValueType, SurvivesWritingAndReading) {
  const std::vector<ValueType> types = {
      type_of(DType::sequence, DType::f32, Dims{Dim::named("n"), 3, Dim()}),
      type_of(DType::sequence, DType::string, std::nullopt),
      type_of(DType::optional, DType::i64, Dims{}),
      type_of(DType::optional_sequence, DType::f16, Dims{4}),
  };
  GraphMaker maker;
  for (size_t i = 0; i < types.size(); ++i) {
    const std::string name = "x" + std::to_string(i);
    maker.input(name, {}).node("Identity", {name}, {"y" + std::to_string(i)});
    maker.output("y" + std::to_string(i));
    static_cast<ValueType&>(maker.graph.value(maker.graph.find(name))) = types[i];
    static_cast<ValueType&>(maker.graph.value(maker.graph.outputs.back())) = types[i];
  }
  maker.node("Optional", {}, {"none"}, {{"type", types[0]}});
  Model model;
  model.source_opsets = {{"", 18}};
  model.graph = std::move(maker.graph);
  const auto bytes = write_model(model);
  const Model again =
      read_model(as_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  EXPECT_EQ(write_model(again), bytes);
  for (size_t i = 0; i < types.size(); ++i) {
    expect_type(again.graph.value(again.graph.inputs[i]), types[i]);
    expect_type(again.graph.value(again.graph.outputs[i]), types[i]);
  }
  expect_type(again.graph.nodes.back().type_attribute("type"), types[0]);
  EXPECT_EQ(again.graph.nodes.back().type_attribute("absent").dtype, DType::undefined);
}

TEST(ValueType, OptionalsOfOpset15NeedAnOptional) {
  for (DType dtype : {DType::optional, DType::f32}) {
    GraphMaker maker;
    maker.input("x", {}).node("OptionalHasElement", {"x"}, {"y"}).output("y");
    maker.graph.value(maker.graph.inputs[0]) = Value{};
    Value& input = maker.graph.value(maker.graph.inputs[0]);
    input.name = "x";
    input.dtype = dtype;
    input.element = dtype == DType::f32 ? DType::undefined : DType::f32;
    Model model;
    model.source_opsets = {{"", 13}};
    model.graph = std::move(maker.graph);
    EXPECT_EQ(required_opset(model), dtype == DType::f32 ? 18 : 16);
  }
}

Proto of(uint32_t kind, const Proto& inner) {
  return Proto().message(kind, Proto().message(proto::container_type::elem_type, inner));
}

TEST(ValueType, MapsAndNestedSequencesAreRefused) {
  const Proto tensor =
      Proto().message(proto::type::tensor_type, Proto().integer(proto::tensor_type::elem_type, 1));
  const Proto map = Proto().message(proto::type::map_type, Proto());
  Proto deep = tensor;
  for (int i = 0; i < 100; ++i) deep = of(proto::type::sequence_type, deep);
  for (const Proto& type :
       {map, of(proto::type::sequence_type, map), deep,
        of(proto::type::sequence_type, of(proto::type::sequence_type, tensor)),
        of(proto::type::optional_type, of(proto::type::optional_type, tensor))}) {
    const Proto info =
        Proto().text(proto::value_info::name, "x").message(proto::value_info::type, type);
    const Proto graph = Proto().message(proto::graph::input, info);
    try {
      read_model(as_bytes(model_proto(graph).bytes()));
      ADD_FAILURE() << "read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::UNSUPPORTED);
      EXPECT_EQ(error.where, "x");
    }
  }
}

}  // namespace
}  // namespace whittle::test
