#pragma once

#include "core/base/thread_pool.h"
#include "core/ops/op.h"

namespace whittle {

/** The type an operator computes in for elements of `dtype`: f16, bf16 and the 8-bit floats widen
 * to f32; bool, 4-, 8- and 16-bit integers to i32; u32 to i64; f32, f64, i32, i64, u64 and string
 * stay. */
DType compute_type(DType dtype);

/** A tensor of `dtype` with the values of `tensor` (the tensor itself when the type is the same).
 * Float to integer truncates towards zero, modulo 2^bits past the range; to bool is != 0; to a
 * narrower float rounds half to even; 8-bit floats saturate if `saturate`. Strings are parsed and
 * printed. Throws UNSUPPORTED_TYPE for complex types, INVALID_DATA for text that is no number. */
Tensor convert(const Tensor& tensor, DType dtype, bool saturate = true);

/** The same into a tensor of as many elements: how an operator fills its output. */
void convert_into(const Tensor& tensor, Tensor& out, bool saturate = true);

/** convert(tensor, compute_type(...)): what to read inputs through. */
Tensor widen(const Tensor& tensor);

/** Reference loops run in one of two value types, through blocks of kBlock elements: double for
 * floats (it holds every float type exactly, and + - * / and sqrt rounded from it to f32 are those
 * of f32) and int64_t for integers and bool (uint64 as its bit pattern). One loop serves all types.
 */
inline constexpr int64_t kBlock = 256;
/** True when values of `dtype` are computed as int64_t. */
bool is_integer(DType dtype);
/** out[i] = tensor[first + i * step] for i in [0, count). double reads any numeric type, int64_t
 * the integer types; UNSUPPORTED_TYPE otherwise. */
void load_block(const Tensor& tensor, int64_t first, int64_t step, int64_t count, double* out);
void load_block(const Tensor& tensor, int64_t first, int64_t step, int64_t count, int64_t* out);
/** tensor[first + i * step] = in[i], converted as by `convert`; double writes the float types,
 * int64_t the integer types. */
void store_block(Tensor& tensor, int64_t first, int64_t step, int64_t count, const double* in,
                 bool saturate = true);
void store_block(Tensor& tensor, int64_t first, int64_t step, int64_t count, const int64_t* in);

/** Calls f.operator()<double>() or f.operator()<int64_t>(), whichever `dtype` computes in. */
template <typename F>
void with_value_type(DType dtype, F&& f) {
  if (is_integer(dtype)) {
    f.template operator()<int64_t>();
  } else {
    f.template operator()<double>();
  }
}

/** Lets `fill` write output i as compute_type(dtype), and narrows the result to `dtype`. */
void fill_widened(EvalContext& context, size_t i, DType dtype, const Shape& shape,
                  FunctionRef<void(Tensor&)> fill);

}  // namespace whittle
