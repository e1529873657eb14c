#include "core/graph/value_type.h"

namespace whittle {

std::optional<Shape> concrete(const Dims& dims) {
  Shape shape;
  for (const Dim& dim : dims) {
    if (!dim.known()) return std::nullopt;
    shape.push_back(dim.value);
  }
  return shape;
}

Dims to_dims(const Shape& shape) {
  return Dims(shape.begin(), shape.end());
}

std::string to_string(const Dims& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) text += ",";
    const Dim& dim = dims[i];
    text += dim.known() ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol;
  }
  return text + "]";
}

}  // namespace whittle
