#include "core/onnx/write_type.h"

#include "core/onnx/proto.h"

namespace whittle::onnx {
namespace {

/** protozero leaves out a submessage nothing was written to; here an empty one says something: a
 * dimension that is not known, the shape of a scalar. */
void write_empty(Writer& out, uint32_t field) {
  out.add_message(field, std::string());
}

void write_dim(Writer& shape, const Dim& dim) {
  if (!dim.known() && dim.symbol.empty()) return write_empty(shape, proto::shape::dim);
  Writer out(shape, proto::shape::dim);
  if (dim.known()) {
    out.add_int64(proto::dim::dim_value, dim.value);
  } else {
    out.add_string(proto::dim::dim_param, dim.symbol);
  }
}

void write_tensor_type(Writer& type, DType dtype, const std::optional<Dims>& dims) {
  Writer tensor(type, proto::type::tensor_type);
  tensor.add_int32(proto::tensor_type::elem_type, static_cast<int32_t>(dtype));
  if (!dims) return;
  if (dims->empty()) return write_empty(tensor, proto::tensor_type::shape);
  Writer shape(tensor, proto::tensor_type::shape);
  for (const Dim& dim : *dims) write_dim(shape, dim);
}

}  // namespace

void write_type(Writer& out, uint32_t field, const ValueType& value) {
  if (value.dtype == DType::undefined && !value.dims) return;
  Writer type(out, field);
  if (!is_container(value.dtype)) return write_tensor_type(type, value.dtype, value.dims);
  const bool is_sequence = value.dtype == DType::sequence;
  Writer container(type, is_sequence ? proto::type::sequence_type : proto::type::optional_type);
  ValueType inner;
  inner.dtype = value.element;
  inner.dims = value.element_dims;
  if (value.dtype == DType::optional_sequence) {
    inner = value;
    inner.dtype = DType::sequence;
  }
  write_type(container, proto::container_type::elem_type, inner);
}

}  // namespace whittle::onnx
