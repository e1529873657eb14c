#pragma once

#include "core/base/thread_pool.h"
#include "core/ops/op.h"

namespace whittle {

/** The type an operator computes in for elements of `dtype`: f16, bf16 and the 8-bit floats widen to
 * f32; bool, 4-, 8- and 16-bit integers to i32; u32 to i64; f32, f64, i32, i64, u64 and string stay. */
DType compute_type(DType dtype);

/** A tensor of `dtype` with the values of `tensor` (the tensor itself when the type is the same).
 * Float to integer truncates towards zero, modulo 2^bits past the range; to bool is != 0; to a
 * narrower float rounds half to even; 8-bit floats saturate if `saturate`. Strings are parsed and
 * printed. Throws UNSUPPORTED_TYPE for complex types, INVALID_DATA for text that is no number. */
Tensor convert(const Tensor& tensor, DType dtype, bool saturate = true);

/** convert(tensor, compute_type(...)): what to read inputs through. */
Tensor widen(const Tensor& tensor);

/** Lets `fill` write output i as compute_type(dtype), and narrows the result to `dtype`. */
void fill_widened(EvalContext& context, size_t i, DType dtype, const Shape& shape,
                  FunctionRef<void(Tensor&)> fill);

}  // namespace whittle
