#include "core/ops/support/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "core/base/half.h"
#include "core/ops/support/small_float.h"
#include "core/ops/support/walk.h"

namespace whittle {

DType compute_type(DType dtype) {
  switch (dtype) {
    case DType::f16:
    case DType::bf16:
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
    case DType::f4e2m1: return DType::f32;
    case DType::boolean:
    case DType::u4:
    case DType::i4:
    case DType::u8:
    case DType::i8:
    case DType::u16:
    case DType::i16: return DType::i32;
    case DType::u32: return DType::i64;
    default: return dtype;
  }
}

namespace {

// Conversions go through blocks of one of two pivots: double for floats (holds every float type
// exactly) and int64 for integers (holds every integer type; uint64 as its bit pattern). That makes
// one loop per type and direction instead of one per pair of types.
constexpr int64_t kBlock = 256;

[[noreturn]] void fail_convert(DType dtype) {
  fail(Code::UNSUPPORTED_TYPE, "", "Expected a numeric element type for a conversion but received ",
       dtype_name(dtype));
}

bool has_float_pivot(DType dtype) {
  return is_float(dtype) || is_float8(dtype) || dtype == DType::f4e2m1 || dtype == DType::string;
}

double parse_number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size()) {
    fail(Code::INVALID_DATA, "", "Expected a number for a conversion but received '", text, "'");
  }
  return value;
}

/** The shortest text that reads back as the same value. */
std::string print_number(double value, bool single) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  char text[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    const double read = std::strtod(text, nullptr);
    if (single ? static_cast<float>(read) == static_cast<float>(value) : read == value) break;
  }
  return text;
}

template <typename T, typename Pivot>
void load_as(const Tensor& tensor, int64_t first, int64_t count, Pivot* out) {
  const T* in = tensor.data<T>().data() + first;
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Pivot>(in[i]);
}

void load(const Tensor& in, int64_t first, int64_t count, double* out) {
  switch (in.dtype()) {
    case DType::f32: load_as<float>(in, first, count, out); return;
    case DType::f64: load_as<double>(in, first, count, out); return;
    case DType::f16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = half_to_float(in.data<uint16_t>()[static_cast<size_t>(first + i)]);
      }
      return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = bfloat16_to_float(in.data<uint16_t>()[static_cast<size_t>(first + i)]);
      }
      return;
    case DType::f4e2m1:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = small_float_to_float(static_cast<uint8_t>(nibble(in, first + i)), in.dtype());
      }
      return;
    case DType::string:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = parse_number(in.strings()[static_cast<size_t>(first + i)]);
      }
      return;
    default:
      if (!is_float8(in.dtype())) fail_convert(in.dtype());
      for (int64_t i = 0; i < count; ++i) {
        out[i] = small_float_to_float(in.data<uint8_t>()[static_cast<size_t>(first + i)],
                                      in.dtype());
      }
  }
}

void load(const Tensor& in, int64_t first, int64_t count, int64_t* out) {
  switch (in.dtype()) {
    case DType::boolean:
    case DType::u8:
      for (int64_t i = 0; i < count; ++i) out[i] = std::to_integer<uint8_t>(in.raw()[first + i]);
      return;
    case DType::i8: load_as<int8_t>(in, first, count, out); return;
    case DType::u16: load_as<uint16_t>(in, first, count, out); return;
    case DType::i16: load_as<int16_t>(in, first, count, out); return;
    case DType::u32: load_as<uint32_t>(in, first, count, out); return;
    case DType::i32: load_as<int32_t>(in, first, count, out); return;
    case DType::u64: load_as<uint64_t>(in, first, count, out); return;
    case DType::i64: load_as<int64_t>(in, first, count, out); return;
    case DType::u4:
    case DType::i4:
      for (int64_t i = 0; i < count; ++i) out[i] = nibble(in, first + i);
      return;
    default: fail_convert(in.dtype());
  }
}

template <typename T, typename Pivot>
void store_as(Tensor& tensor, int64_t first, int64_t count, const Pivot* in) {
  T* out = tensor.mutable_data<T>().data() + first;
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(in[i]);
}

/** Truncates towards zero; past the range of 64 bits it saturates, NaN gives 0. */
int64_t truncate(double value, bool to_unsigned64) {
  if (std::isnan(value)) return 0;
  if (to_unsigned64 && value >= 0x1p63) {
    return value >= 0x1p64 ? -1 : static_cast<int64_t>(static_cast<uint64_t>(value));
  }
  if (value >= 0x1p63) return std::numeric_limits<int64_t>::max();
  if (value < -0x1p63) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

void store(Tensor& out, int64_t first, int64_t count, const int64_t* in) {
  switch (out.dtype()) {
    case DType::boolean:
      for (int64_t i = 0; i < count; ++i) out.mutable_raw()[first + i] = std::byte(in[i] != 0);
      return;
    case DType::u8: store_as<uint8_t>(out, first, count, in); return;
    case DType::i8: store_as<int8_t>(out, first, count, in); return;
    case DType::u16: store_as<uint16_t>(out, first, count, in); return;
    case DType::i16: store_as<int16_t>(out, first, count, in); return;
    case DType::u32: store_as<uint32_t>(out, first, count, in); return;
    case DType::i32: store_as<int32_t>(out, first, count, in); return;
    case DType::u64: store_as<uint64_t>(out, first, count, in); return;
    case DType::i64: store_as<int64_t>(out, first, count, in); return;
    case DType::u4:
    case DType::i4:
      for (int64_t i = 0; i < count; ++i) set_nibble(out, first + i, static_cast<int>(in[i] & 15));
      return;
    default: fail_convert(out.dtype());
  }
}

void store(Tensor& out, int64_t first, int64_t count, const double* in, bool saturate,
           bool single) {
  switch (out.dtype()) {
    case DType::f32: store_as<float>(out, first, count, in); return;
    case DType::f64: store_as<double>(out, first, count, in); return;
    case DType::f16:
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_data<uint16_t>()[static_cast<size_t>(first + i)] =
            float_to_half(static_cast<float>(in[i]));
      }
      return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_data<uint16_t>()[static_cast<size_t>(first + i)] =
            float_to_bfloat16(static_cast<float>(in[i]));
      }
      return;
    case DType::f4e2m1:
      for (int64_t i = 0; i < count; ++i) {
        set_nibble(out, first + i,
                   float_to_small_float(static_cast<float>(in[i]), out.dtype(), saturate));
      }
      return;
    case DType::string:
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_strings()[static_cast<size_t>(first + i)] = print_number(in[i], single);
      }
      return;
    default:
      if (!is_float8(out.dtype())) fail_convert(out.dtype());
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_data<uint8_t>()[static_cast<size_t>(first + i)] =
            float_to_small_float(static_cast<float>(in[i]), out.dtype(), saturate);
      }
  }
}

void to_double(const int64_t* in, int64_t count, bool from_unsigned64, double* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = from_unsigned64 ? static_cast<double>(static_cast<uint64_t>(in[i]))
                             : static_cast<double>(in[i]);
  }
}

void to_integer(const double* in, int64_t count, DType dtype, int64_t* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = dtype == DType::boolean ? in[i] != 0 : truncate(in[i], dtype == DType::u64);
  }
}

void convert_into(const Tensor& in, Tensor& out, bool saturate) {
  const bool single = in.dtype() != DType::f64;
  double reals[kBlock];
  int64_t integers[kBlock];
  for (int64_t first = 0; first < in.elements(); first += kBlock) {
    const int64_t count = std::min(kBlock, in.elements() - first);
    const bool from_reals = has_float_pivot(in.dtype());
    const bool to_reals = has_float_pivot(out.dtype());
    if (from_reals) load(in, first, count, reals);
    if (!from_reals) load(in, first, count, integers);
    if (!from_reals && out.dtype() == DType::string) {
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_strings()[static_cast<size_t>(first + i)] =
            in.dtype() == DType::u64 ? std::to_string(static_cast<uint64_t>(integers[i]))
                                     : std::to_string(integers[i]);
      }
      continue;
    }
    if (!from_reals && to_reals) to_double(integers, count, in.dtype() == DType::u64, reals);
    if (from_reals && !to_reals) to_integer(reals, count, out.dtype(), integers);
    if (to_reals) store(out, first, count, reals, saturate, single);
    if (!to_reals) store(out, first, count, integers);
  }
}

}  // namespace

Tensor convert(const Tensor& tensor, DType dtype, bool saturate) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor out = Tensor::allocate(dtype, tensor.shape());
  convert_into(tensor, out, saturate);
  return out;
}

Tensor widen(const Tensor& tensor) { return convert(tensor, compute_type(tensor.dtype())); }

void fill_widened(EvalContext& context, size_t i, DType dtype, const Shape& shape,
                  FunctionRef<void(Tensor&)> fill) {
  Tensor& out = context.output(i, dtype, shape);
  if (compute_type(dtype) == dtype) {
    fill(out);
    return;
  }
  Tensor wide = Tensor::allocate(compute_type(dtype), shape);
  fill(wide);
  convert_into(wide, out, true);
}

}  // namespace whittle
