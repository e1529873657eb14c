#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/onnx/proto.h"

namespace whittle::test {

/** Builds one protobuf message: fields in the order they are added. */
class Proto {
 public:
  Proto& integer(uint32_t field, int64_t value) {
    protozero::pbf_writer(bytes_).add_int64(field, value);
    return *this;
  }
  Proto& number(uint32_t field, float value) {
    protozero::pbf_writer(bytes_).add_float(field, value);
    return *this;
  }
  Proto& text(uint32_t field, const std::string& value) {
    protozero::pbf_writer(bytes_).add_bytes(field, value.data(), value.size());
    return *this;
  }
  Proto& message(uint32_t field, const Proto& value) { return text(field, value.bytes_); }
  Proto& packed(uint32_t field, const std::vector<int64_t>& values) {
    protozero::pbf_writer(bytes_).add_packed_int64(field, values.begin(), values.end());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

namespace proto = onnx::proto;

inline Proto node_proto(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::string& name = "") {
  Proto node;
  for (const auto& input : inputs) node.text(proto::node::input, input);
  for (const auto& output : outputs) node.text(proto::node::output, output);
  if (!name.empty()) node.text(proto::node::name, name);
  return node.text(proto::node::op_type, op);
}

/** A float input or output with the given dimensions (negative: unknown). */
inline Proto value_proto(const std::string& name, const std::vector<int64_t>& dims) {
  Proto shape;
  for (int64_t dim : dims) {
    shape.message(proto::shape::dim,
                  dim < 0 ? Proto() : Proto().integer(proto::dim::dim_value, dim));
  }
  const Proto tensor =
      Proto().integer(proto::tensor_type::elem_type, 1).message(proto::tensor_type::shape, shape);
  return Proto()
      .text(proto::value_info::name, name)
      .message(proto::value_info::type, Proto().message(proto::type::tensor_type, tensor));
}

inline Proto float_tensor_proto(const std::string& name, const std::vector<float>& values) {
  Proto tensor;
  tensor.integer(proto::tensor::dims, static_cast<int64_t>(values.size()));
  tensor.integer(proto::tensor::data_type, 1).text(proto::tensor::name, name);
  return tensor.text(
      proto::tensor::raw_data,
      std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
}

inline Proto model_proto(const Proto& graph, int64_t opset = 13, int64_t ir_version = 8) {
  return Proto()
      .integer(proto::model::ir_version, ir_version)
      .message(proto::model::graph, graph)
      .message(proto::model::opset_import, Proto().integer(proto::opset::version, opset));
}

}  // namespace whittle::test
