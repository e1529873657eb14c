#pragma once

#include <string>
#include <vector>

#include "core/tensor/tensor.h"

namespace whittle {

/**
 * Values that are no tensors travel in the same handle as tensors, so that plans, bodies and feeds
 * carry them without a second kind of slot:
 *
 *   sequence(tensor(T))   a Tensor of type DType::sequence and shape [] that owns a Sequence
 *   optional(...)         its content itself, or a Tensor of type DType::optional that has none
 *
 * ONNX has no optional of an optional, so an optional's content and the optional that holds it need
 * not be told apart. Neither has elements that could be read by mistake.
 */
struct Sequence {
  DType element = DType::undefined;
  std::vector<Tensor> items;  // each of type `element`, with memory of its own
};

/** A sequence of `items`, which must all be tensors of type `element` (TYPE_MISMATCH naming
 * `where`). Items in borrowed memory are copied. */
Tensor make_sequence(DType element, std::vector<Tensor> items, const std::string& where);
/** The sequence in `value`; throws TYPE_MISMATCH naming `where`. */
const Sequence& as_sequence(const Tensor& value, const std::string& where);
inline bool is_sequence(const Tensor& value) {
  return value.dtype() == DType::sequence;
}

/** An optional without content. */
Tensor make_none();
inline bool is_none(const Tensor& value) {
  return value.dtype() == DType::optional;
}

}  // namespace whittle
