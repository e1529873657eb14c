#pragma once

#include <string_view>

#include "core/onnx/byte_buffer.h"
#include "core/tensor/tensor.h"

namespace whittle::onnx {

/** Writes the fields of a TensorProto: raw_data, or string_data for strings. */
void write_tensor(Writer& out, const Tensor& tensor, std::string_view name);

}  // namespace whittle::onnx
