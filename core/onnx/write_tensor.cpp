#include "core/onnx/write_tensor.h"

#include "core/onnx/proto.h"

namespace whittle::onnx {

void write_tensor(Writer& out, const Tensor& tensor, std::string_view name) {
  for (int64_t dim : tensor.shape().dims()) out.add_int64(proto::tensor::dims, dim);
  out.add_int32(proto::tensor::data_type, static_cast<int32_t>(tensor.dtype()));
  if (tensor.dtype() == DType::string) {
    for (const std::string& text : tensor.strings()) {
      out.add_bytes(proto::tensor::string_data, text.data(), text.size());
    }
  }
  if (!name.empty()) out.add_string(proto::tensor::name, name.data(), name.size());
  if (tensor.dtype() != DType::string) {
    const auto* data = reinterpret_cast<const char*>(tensor.raw());
    out.add_bytes(proto::tensor::raw_data, data == nullptr ? "" : data,
                  static_cast<size_t>(tensor.bytes()));
  }
}

}  // namespace whittle::onnx
