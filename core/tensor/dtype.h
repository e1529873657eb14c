#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/checked.h"

namespace whittle {

/** Element types; the numbers are those of ONNX's TensorProto.DataType. The last three are the
 * types of values that are no tensors (core/tensor/sequence.h). */
enum class DType : uint8_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,
  c128 = 15,
  bf16 = 16,
  f8e4m3fn = 17,
  f8e4m3fnuz = 18,
  f8e5m2 = 19,
  f8e5m2fnuz = 20,
  u4 = 21,
  i4 = 22,
  f4e2m1 = 23,
  f8e8m0 = 24,
  u2 = 25,
  i2 = 26,
  sequence = 128,           // sequence(tensor(T))
  optional = 129,           // optional(tensor(T))
  optional_sequence = 130,  // optional(sequence(tensor(T)))
};

/** The last element type of ONNX that is known here. */
inline constexpr DType kLastDType = DType::i2;

/** Whether a value of this type is a sequence or an optional rather than a tensor. */
constexpr bool is_container(DType dtype) {
  return dtype >= DType::sequence;
}

/** The name in reports, JSON and the TypeScript API: "float32", "int8", "bool" ... */
std::string_view dtype_name(DType dtype);
/** The element type of that name; DType::undefined for an unknown name. */
DType dtype_from_name(std::string_view name);
/** Bits of one element: 4 or 2 for the packed types (the first in the lowest bits of a byte); 0 for
 * string and undefined. */
int dtype_bits(DType dtype);
/** Bytes of `count` dense elements, packed types rounded up to whole bytes. */
int64_t dtype_bytes(DType dtype, int64_t count);
/** Whether elements share bytes: u4, i4, f4e2m1, u2, i2. */
bool is_packed(DType dtype);
/** f16, bf16, f32, f64. */
bool is_float(DType dtype);

template <typename T>
inline constexpr DType dtype_of = DType::undefined;
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<int8_t> = DType::i8;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::u16;
template <>
inline constexpr DType dtype_of<int16_t> = DType::i16;
template <>
inline constexpr DType dtype_of<uint32_t> = DType::u32;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint64_t> = DType::u64;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;

}  // namespace whittle
