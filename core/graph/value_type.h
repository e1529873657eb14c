#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace whittle {

/** A dimension that may be unknown; an unknown one may carry its ONNX symbol ("batch"). */
struct Dim {
  int64_t value = -1;
  std::string symbol;

  Dim() = default;
  Dim(int64_t known) : value(known) {}  // NOLINT: a number is a dimension
  static Dim named(std::string name) {
    Dim dim;
    dim.symbol = std::move(name);
    return dim;
  }
  bool known() const { return value >= 0; }
  /** Equal for certain: both known and the same, or the same non-empty symbol. */
  bool operator==(const Dim& other) const {
    if (known() || other.known()) return value == other.value;
    return !symbol.empty() && symbol == other.symbol;
  }
};
using Dims = std::vector<Dim>;

/** The shape if every dimension is known. */
std::optional<Shape> concrete(const Dims& dims);
Dims to_dims(const Shape& shape);
/** "[batch,3,?,224]" */
std::string to_string(const Dims& dims);

/** What a file states of a value, ONNX's TypeProto. */
struct ValueType {
  DType dtype = DType::undefined;
  std::optional<Dims> dims;
  /** Of the tensors inside, where dtype is that of a sequence or an optional; `dims` is empty then.
   */
  DType element = DType::undefined;
  std::optional<Dims> element_dims;
};

}  // namespace whittle
