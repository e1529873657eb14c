#include "core/tensor/dtype.h"

#include <array>

namespace whittle {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  int bits;
};

constexpr std::array kRows = {
    Row{DType::undefined, "undefined", 0},
    Row{DType::f32, "float32", 32},
    Row{DType::u8, "uint8", 8},
    Row{DType::i8, "int8", 8},
    Row{DType::u16, "uint16", 16},
    Row{DType::i16, "int16", 16},
    Row{DType::i32, "int32", 32},
    Row{DType::i64, "int64", 64},
    Row{DType::string, "string", 0},
    Row{DType::boolean, "bool", 8},
    Row{DType::f16, "float16", 16},
    Row{DType::f64, "float64", 64},
    Row{DType::u32, "uint32", 32},
    Row{DType::u64, "uint64", 64},
    Row{DType::c64, "complex64", 64},
    Row{DType::c128, "complex128", 128},
    Row{DType::bf16, "bfloat16", 16},
    Row{DType::f8e4m3fn, "float8e4m3fn", 8},
    Row{DType::f8e4m3fnuz, "float8e4m3fnuz", 8},
    Row{DType::f8e5m2, "float8e5m2", 8},
    Row{DType::f8e5m2fnuz, "float8e5m2fnuz", 8},
    Row{DType::u4, "uint4", 4},
    Row{DType::i4, "int4", 4},
    Row{DType::f4e2m1, "float4e2m1", 4},
    Row{DType::f8e8m0, "float8e8m0", 8},
    Row{DType::u2, "uint2", 2},
    Row{DType::i2, "int2", 2},
};

constexpr std::array kContainers = {
    Row{DType::sequence, "sequence", 0},
    Row{DType::optional, "optional", 0},
    Row{DType::optional_sequence, "optional sequence", 0},
};

const Row& row(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  const size_t container = index - static_cast<size_t>(DType::sequence);
  if (is_container(dtype) && container < kContainers.size()) return kContainers[container];
  return index < kRows.size() ? kRows[index] : kRows[0];
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}

DType dtype_from_name(std::string_view name) {
  for (const Row& candidate : kRows) {
    if (candidate.name == name) return candidate.dtype;
  }
  return DType::undefined;
}

int dtype_bits(DType dtype) {
  return row(dtype).bits;
}

int64_t dtype_bytes(DType dtype, int64_t count) {
  const int64_t bits = checked_mul(count, dtype_bits(dtype), "a tensor");
  return checked_add(bits, 7, "a tensor") / 8;
}

bool is_packed(DType dtype) {
  const int bits = dtype_bits(dtype);
  return bits > 0 && bits < 8;
}

bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::f64 || dtype == DType::bf16;
}

}  // namespace whittle
