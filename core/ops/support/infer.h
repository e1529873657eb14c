#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Output 0 has the type and dims of input 0. */
void infer_same(InferContext& context);
/** Output 0 has the type of input 0 and the dims all inputs broadcast to. */
void infer_broadcast(InferContext& context);
/** Output 0 is boolean, with the dims all inputs broadcast to. */
void infer_broadcast_bool(InferContext& context);

/** The dims all present inputs from `first` on broadcast to; nullopt when a rank is unknown. */
std::optional<Dims> broadcast_inputs(const InferContext& context, size_t first = 0);
/** The dims two operands broadcast to: an unknown dim against a known one above 1 takes the known
 * one, two different unknown ones stay unknown. Throws SHAPE_MISMATCH. */
Dims broadcast_dims(const Dims& a, const Dims& b, const std::string& where);
/** `rank` unknown dimensions. */
Dims unknown_dims(int rank);
/** Product of dims in [first, last): unknown when a factor is, unless it is the only one that is
 * not 1 or another is 0. */
Dim dim_product(const Dims& dims, int first, int last);
inline int rank_of(const Dims& dims) {
  return static_cast<int>(dims.size());
}

/** The type attribute `to` / `dtype` as DType; `fallback` when absent or 0 (undefined). */
DType dtype_attribute(const Node& node, std::string_view attribute, DType fallback);
/** Throws INVALID_GRAPH unless the node has at least `inputs` inputs, none of them absent. */
void require_inputs(const Node& node, size_t inputs);
/** The one integer that input `tensor` holds (an axis, a count); SHAPE_MISMATCH otherwise. */
int64_t require_integer(const Node& node, const Tensor& tensor);
/** Throws SHAPE_MISMATCH unless the rank is at least `rank`. */
void require_rank(const Node& node, const Shape& shape, int rank);

}  // namespace whittle
