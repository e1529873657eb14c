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
    case DType::f4e2m1:
    case DType::f8e8m0:
      return DType::f32;
    case DType::boolean:
    case DType::u2:
    case DType::i2:
    case DType::u4:
    case DType::i4:
    case DType::u8:
    case DType::i8:
    case DType::u16:
    case DType::i16:
      return DType::i32;
    case DType::u32:
      return DType::i64;
    default:
      return dtype;
  }
}

namespace {

[[noreturn]] void fail_convert(DType dtype) {
  fail(Code::UNSUPPORTED_TYPE, "", "Expected a numeric element type for a conversion but received ",
       dtype_name(dtype));
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

/** out[i] = decode(tensor[first + i * step]), elements read as T. */
template <typename T, typename Value, typename Decode>
void load_with(const Tensor& tensor, int64_t first, int64_t step, int64_t count, Value* out,
               Decode decode) {
  const T* in = tensor.data<T>().data() + first;
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Value>(decode(in[i * step]));
}

template <typename T, typename Value>
void load_as(const Tensor& tensor, int64_t first, int64_t step, int64_t count, Value* out) {
  load_with<T>(tensor, first, step, count, out, [](T value) { return value; });
}

/** tensor[first + i * step] = encode(in[i]), elements written as T. */
template <typename T, typename Value, typename Encode>
void store_with(Tensor& tensor, int64_t first, int64_t step, int64_t count, const Value* in,
                Encode encode) {
  T* out = tensor.mutable_data<T>().data() + first;
  for (int64_t i = 0; i < count; ++i) out[i * step] = static_cast<T>(encode(in[i]));
}

template <typename T, typename Value>
void store_as(Tensor& tensor, int64_t first, int64_t step, int64_t count, const Value* in) {
  store_with<T>(tensor, first, step, count, in, [](Value value) { return value; });
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

void print_into(const Tensor& in, Tensor& out) {
  for (int64_t i = 0; i < in.elements(); ++i) {
    std::string& text = out.mutable_strings()[static_cast<size_t>(i)];
    if (is_integer(in.dtype())) {
      int64_t value = 0;
      load_block(in, i, 1, 1, &value);
      text = in.dtype() == DType::u64 ? std::to_string(static_cast<uint64_t>(value))
                                      : std::to_string(value);
    } else {
      double value = 0;
      load_block(in, i, 1, 1, &value);
      text = print_number(value, in.dtype() != DType::f64);
    }
  }
}

}  // namespace

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::boolean:
    case DType::u2:
    case DType::i2:
    case DType::u4:
    case DType::i4:
    case DType::u8:
    case DType::i8:
    case DType::u16:
    case DType::i16:
    case DType::u32:
    case DType::i32:
    case DType::u64:
    case DType::i64:
      return true;
    default:
      return false;
  }
}

void load_block(const Tensor& in, int64_t first, int64_t step, int64_t count, int64_t* out) {
  switch (in.dtype()) {
    case DType::boolean:
    case DType::u8:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = std::to_integer<uint8_t>(in.raw()[first + i * step]);
      }
      return;
    case DType::i8:
      return load_as<int8_t>(in, first, step, count, out);
    case DType::u16:
      return load_as<uint16_t>(in, first, step, count, out);
    case DType::i16:
      return load_as<int16_t>(in, first, step, count, out);
    case DType::u32:
      return load_as<uint32_t>(in, first, step, count, out);
    case DType::i32:
      return load_as<int32_t>(in, first, step, count, out);
    case DType::u64:
      return load_as<uint64_t>(in, first, step, count, out);
    case DType::i64:
      return load_as<int64_t>(in, first, step, count, out);
    case DType::u2:
    case DType::i2:
    case DType::u4:
    case DType::i4:
      for (int64_t i = 0; i < count; ++i) out[i] = packed_element(in, first + i * step);
      return;
    default:
      fail_convert(in.dtype());
  }
}

void load_block(const Tensor& in, int64_t first, int64_t step, int64_t count, double* out) {
  const DType dtype = in.dtype();
  if (is_integer(dtype)) {
    int64_t integers[kBlock];
    for (int64_t done = 0; done < count; done += kBlock) {
      const int64_t n = std::min(kBlock, count - done);
      load_block(in, first + done * step, step, n, integers);
      for (int64_t i = 0; i < n; ++i) {
        out[done + i] = dtype == DType::u64
                            ? static_cast<double>(static_cast<uint64_t>(integers[i]))
                            : static_cast<double>(integers[i]);
      }
    }
    return;
  }
  switch (dtype) {
    case DType::f32:
      return load_as<float>(in, first, step, count, out);
    case DType::f64:
      return load_as<double>(in, first, step, count, out);
    case DType::f16:
      return load_with<uint16_t>(in, first, step, count, out, half_to_float);
    case DType::bf16:
      return load_with<uint16_t>(in, first, step, count, out, bfloat16_to_float);
    case DType::f4e2m1:
      for (int64_t i = 0; i < count; ++i) {
        out[i] =
            small_float_to_float(static_cast<uint8_t>(packed_element(in, first + i * step)), dtype);
      }
      return;
    case DType::string:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = parse_number(in.strings()[static_cast<size_t>(first + i * step)]);
      }
      return;
    default:
      if (!is_float8(dtype)) fail_convert(dtype);
      load_with<uint8_t>(in, first, step, count, out,
                         [&](uint8_t code) { return small_float_to_float(code, dtype); });
  }
}

void store_block(Tensor& out, int64_t first, int64_t step, int64_t count, const int64_t* in) {
  switch (out.dtype()) {
    case DType::boolean:
      for (int64_t i = 0; i < count; ++i) {
        out.mutable_raw()[first + i * step] = std::byte(in[i] != 0);
      }
      return;
    case DType::u8:
      return store_as<uint8_t>(out, first, step, count, in);
    case DType::i8:
      return store_as<int8_t>(out, first, step, count, in);
    case DType::u16:
      return store_as<uint16_t>(out, first, step, count, in);
    case DType::i16:
      return store_as<int16_t>(out, first, step, count, in);
    case DType::u32:
      return store_as<uint32_t>(out, first, step, count, in);
    case DType::i32:
      return store_as<int32_t>(out, first, step, count, in);
    case DType::u64:
      return store_as<uint64_t>(out, first, step, count, in);
    case DType::i64:
      return store_as<int64_t>(out, first, step, count, in);
    case DType::u2:
    case DType::i2:
    case DType::u4:
    case DType::i4:
      for (int64_t i = 0; i < count; ++i) {
        set_packed_element(out, first + i * step, static_cast<int>(in[i] & 15));
      }
      return;
    default:
      fail_convert(out.dtype());
  }
}

void store_block(Tensor& out, int64_t first, int64_t step, int64_t count, const double* in,
                 bool saturate) {
  const DType dtype = out.dtype();
  const auto encode = [&](double value) {
    return float_to_small_float(static_cast<float>(value), dtype, saturate);
  };
  switch (dtype) {
    case DType::f32:
      return store_as<float>(out, first, step, count, in);
    case DType::f64:
      return store_as<double>(out, first, step, count, in);
    case DType::f16:
      return store_with<uint16_t>(out, first, step, count, in, [](double value) {
        return float_to_half(static_cast<float>(value));
      });
    case DType::bf16:
      return store_with<uint16_t>(out, first, step, count, in, [](double value) {
        return float_to_bfloat16(static_cast<float>(value));
      });
    case DType::f4e2m1:
      for (int64_t i = 0; i < count; ++i) set_packed_element(out, first + i * step, encode(in[i]));
      return;
    default:
      if (!is_float8(dtype)) fail_convert(dtype);
      store_with<uint8_t>(out, first, step, count, in, encode);
  }
}

void convert_into(const Tensor& in, Tensor& out, bool saturate) {
  if (in.dtype() == out.dtype()) return copy_elements(out, 0, in, 0, in.elements());
  if (out.dtype() == DType::string) return print_into(in, out);
  const DType to = out.dtype();
  double reals[kBlock];
  int64_t integers[kBlock];
  for (int64_t first = 0; first < in.elements(); first += kBlock) {
    const int64_t count = std::min(kBlock, in.elements() - first);
    if (!is_integer(to)) {
      load_block(in, first, 1, count, reals);
      store_block(out, first, 1, count, reals, saturate);
      continue;
    }
    if (is_integer(in.dtype())) {
      load_block(in, first, 1, count, integers);
    } else {
      load_block(in, first, 1, count, reals);
      for (int64_t i = 0; i < count; ++i) {
        integers[i] = to == DType::boolean ? reals[i] != 0 : truncate(reals[i], to == DType::u64);
      }
    }
    store_block(out, first, 1, count, integers);
  }
}

Tensor convert(const Tensor& tensor, DType dtype, bool saturate) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor out = Tensor::allocate(dtype, tensor.shape());
  convert_into(tensor, out, saturate);
  return out;
}

Tensor widen(const Tensor& tensor) {
  return convert(tensor, compute_type(tensor.dtype()));
}

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
