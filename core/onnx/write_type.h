#pragma once

#include "core/graph/value_type.h"
#include "core/onnx/byte_buffer.h"

namespace whittle::onnx {

/** Writes a TypeProto as field `field` of `out`; nothing for a type nothing is known of. */
void write_type(Writer& out, uint32_t field, const ValueType& type);

}  // namespace whittle::onnx
