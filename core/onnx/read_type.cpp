#include "core/onnx/read_type.h"

#include "core/onnx/proto.h"

namespace whittle::onnx {
namespace {

Dim read_dim(Message message) {
  Dim dim;
  while (message.next()) {
    switch (message.field()) {
      case proto::dim::dim_value:
        dim = Dim(message.integer());
        break;
      case proto::dim::dim_param:
        dim = Dim::named(message.text());
        break;
      default:
        message.skip();
    }
  }
  // Converters write -1 for what they do not know.
  if (dim.value < 0) dim.value = -1;
  return dim;
}

void read_tensor_type(Message message, ValueType& type) {
  while (message.next()) {
    switch (message.field()) {
      case proto::tensor_type::elem_type: {
        const int64_t code = message.integer();
        if (code >= 0 && code <= static_cast<int64_t>(kLastDType)) {
          type.dtype = static_cast<DType>(code);
        }
        break;
      }
      case proto::tensor_type::shape: {
        type.dims = Dims{};
        Message shape = message.message();
        while (shape.next()) {
          if (shape.field() == proto::shape::dim) {
            type.dims->push_back(read_dim(shape.message()));
          } else {
            shape.skip();
          }
        }
        break;
      }
      default:
        message.skip();
    }
  }
}

/** TypeProto.Sequence or TypeProto.Optional around `depth` others. */
ReadType read_container(Message message, DType container, int depth);

ReadType read_nested(Message message, int depth) {
  ReadType read;
  while (message.next()) {
    switch (message.field()) {
      case proto::type::tensor_type:
        read_tensor_type(message.message(), read.type);
        break;
      case proto::type::sequence_type:
        read = read_container(message.message(), DType::sequence, depth);
        break;
      case proto::type::optional_type:
        read = read_container(message.message(), DType::optional, depth);
        break;
      case proto::type::map_type:
        read.unsupported = "a map";
        message.skip();
        break;
      case proto::type::sparse_tensor_type:
        read.unsupported = "a sparse tensor";
        message.skip();
        break;
      default:
        message.skip();
    }
  }
  return read;
}

ReadType read_container(Message message, DType container, int depth) {
  constexpr int kMaxDepth = 2;
  const std::string name = container == DType::sequence ? "a sequence" : "an optional";
  ReadType read;
  read.type.dtype = container;
  while (message.next()) {
    if (message.field() != proto::container_type::elem_type || depth == kMaxDepth) {
      message.skip();
      continue;
    }
    const ReadType inner = read_nested(message.message(), depth + 1);
    if (!inner.unsupported.empty()) {
      read.unsupported = name + " of " + inner.unsupported;
    } else if (!is_container(inner.type.dtype)) {
      read.type.element = inner.type.dtype;
      read.type.element_dims = inner.type.dims;
    } else if (container == DType::optional && inner.type.dtype == DType::sequence) {
      read.type = inner.type;
      read.type.dtype = DType::optional_sequence;
    } else {
      read.unsupported = name + " of sequences or optionals";
    }
  }
  return read;
}

}  // namespace

ReadType read_type(Message message) {
  return read_nested(message, 0);
}

}  // namespace whittle::onnx
