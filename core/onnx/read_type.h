#pragma once

#include <string>

#include "core/graph/value_type.h"
#include "core/onnx/wire.h"

namespace whittle::onnx {

/** A TypeProto. */
struct ReadType {
  ValueType type;
  std::string unsupported;  // "a map", "a sequence of sequences" ... where `type` cannot say it
};

ReadType read_type(Message message);

}  // namespace whittle::onnx
