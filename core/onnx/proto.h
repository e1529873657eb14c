#pragma once

#include <cstdint>

/** Field numbers of onnx.proto3, named as there. Shared by the reader and the writer. */
namespace whittle::onnx::proto {

namespace model {
inline constexpr uint32_t ir_version = 1, producer_name = 2, producer_version = 3, domain = 4,
                          model_version = 5, doc_string = 6, graph = 7, opset_import = 8,
                          metadata_props = 14, training_info = 20, functions = 25;
}
namespace opset {
inline constexpr uint32_t domain = 1, version = 2;
}
namespace entry {
inline constexpr uint32_t key = 1, value = 2;
}
namespace graph {
inline constexpr uint32_t node = 1, name = 2, initializer = 5, doc_string = 10, input = 11,
                          output = 12, value_info = 13, sparse_initializer = 15;
}
namespace node {
inline constexpr uint32_t input = 1, output = 2, name = 3, op_type = 4, attribute = 5,
                          doc_string = 6, domain = 7, overload = 8;
}
namespace attribute {
inline constexpr uint32_t name = 1, f = 2, i = 3, s = 4, t = 5, g = 6, floats = 7, ints = 8,
                          strings = 9, tensors = 10, graphs = 11, doc_string = 13, tp = 14,
                          type_protos = 15, type = 20, ref_attr_name = 21, sparse_tensor = 22,
                          sparse_tensors = 23;
/** AttributeProto.AttributeType */
enum Type : int64_t {
  UNDEFINED = 0,
  FLOAT = 1,
  INT = 2,
  STRING = 3,
  TENSOR = 4,
  GRAPH = 5,
  FLOATS = 6,
  INTS = 7,
  STRINGS = 8,
  TENSORS = 9,
  GRAPHS = 10,
  SPARSE_TENSOR = 11,
  TYPE_PROTO = 13,
};
}  // namespace attribute
namespace tensor {
inline constexpr uint32_t dims = 1, data_type = 2, segment = 3, float_data = 4, int32_data = 5,
                          string_data = 6, int64_data = 7, name = 8, raw_data = 9, double_data = 10,
                          uint64_data = 11, doc_string = 12, external_data = 13, data_location = 14;
}
namespace sparse {
inline constexpr uint32_t values = 1, indices = 2, dims = 3;
}
namespace value_info {
inline constexpr uint32_t name = 1, type = 2;
}
namespace type {
inline constexpr uint32_t tensor_type = 1, sequence_type = 4, map_type = 5, denotation = 6,
                          sparse_tensor_type = 8, optional_type = 9;
}
/** TypeProto.Sequence and TypeProto.Optional */
namespace container_type {
inline constexpr uint32_t elem_type = 1;
}
namespace tensor_type {
inline constexpr uint32_t elem_type = 1, shape = 2;
}
namespace shape {
inline constexpr uint32_t dim = 1;
}
namespace dim {
inline constexpr uint32_t dim_value = 1, dim_param = 2;
}
namespace function {
inline constexpr uint32_t name = 1, input = 4, output = 5, attribute = 6, node = 7,
                          opset_import = 9, domain = 10, attribute_proto = 11, overload = 13;
}

}  // namespace whittle::onnx::proto
