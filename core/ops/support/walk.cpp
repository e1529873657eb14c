#include "core/ops/support/walk.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace whittle {

Shape broadcast_strides(const Shape& from, const Shape& to) {
  const Shape own = strides_of(from);
  Shape strides;
  const int missing = to.rank() - from.rank();
  bool fits = missing >= 0;
  for (int i = 0; fits && i < from.rank(); ++i) {
    fits = from[i] == 1 || from[i] == to[i + missing];
  }
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, "", "Expected a shape that broadcasts to ", to_string(to),
         " but received ", to_string(from));
  }
  for (int i = 0; i < to.rank(); ++i) {
    const bool repeated = i < missing || from[i - missing] == 1;
    strides.push_back(repeated ? 0 : own[i - missing]);
  }
  return strides;
}

void collapse_axes(Shape& shape, std::span<Shape> strides) {
  int kept = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    const auto continues = [&](const Shape& s) { return s[kept - 1] == s[axis] * shape[axis]; };
    if (kept > 0 && std::all_of(strides.begin(), strides.end(), continues)) {
      shape[kept - 1] *= shape[axis];
      for (Shape& s : strides) s[kept - 1] = s[axis];
      continue;
    }
    shape[kept] = shape[axis];
    for (Shape& s : strides) s[kept] = s[axis];
    ++kept;
  }
  const auto cut = [kept](Shape& s, int64_t scalar) {
    s = kept == 0 ? Shape{scalar} : Shape(s.dims().first(static_cast<size_t>(kept)));
  };
  cut(shape, 1);
  for (Shape& s : strides) cut(s, 0);
}

void for_each_row(const Shape& shape, std::span<const Shape> strides,
                  FunctionRef<void(const int64_t* offsets)> row) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  std::vector<int64_t> offsets(strides.size(), 0);
  Shape position = shape;
  for (int i = 0; i < shape.rank(); ++i) position[i] = 0;
  for (;;) {
    row(offsets.data());
    int axis = shape.rank() - 2;
    for (; axis >= 0; --axis) {
      const bool wraps = ++position[axis] == shape[axis];
      const int64_t steps = wraps ? 1 - shape[axis] : 1;
      for (size_t k = 0; k < strides.size(); ++k) offsets[k] += steps * strides[k][axis];
      if (!wraps) break;
      position[axis] = 0;
    }
    if (axis < 0) return;
  }
}

View view_of(const Shape& shape) {
  return {0, strides_of(shape)};
}

void set_packed_element(Tensor& tensor, int64_t index, int value) {
  const bool pairs = tensor.dtype() == DType::i2 || tensor.dtype() == DType::u2;
  const int bits = pairs ? 2 : 4;
  const int per_byte = 8 / bits;
  const int mask = (1 << bits) - 1;
  const auto shift = static_cast<int>(index % per_byte) * bits;
  std::byte& byte = tensor.mutable_raw()[index / per_byte];
  const int old = std::to_integer<int>(byte) & ~(mask << shift);
  byte = static_cast<std::byte>(old | ((value & mask) << shift));
}

namespace {

/** A strided row of elements of N bytes; memcpy of a constant size is one load and one store. */
template <size_t N>
void copy_row(std::byte* out, int64_t out_step, const std::byte* in, int64_t in_step,
              int64_t count) {
  constexpr auto kBytes = static_cast<int64_t>(N);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(out + i * out_step * kBytes, in + i * in_step * kBytes, N);
  }
}

void copy_row(std::byte* out, int64_t out_step, const std::byte* in, int64_t in_step, int64_t count,
              int64_t size) {
  if (out_step == 1 && in_step == 1) {
    std::memcpy(out, in, static_cast<size_t>(count * size));
    return;
  }
  switch (size) {
    case 1:
      copy_row<1>(out, out_step, in, in_step, count);
      break;
    case 2:
      copy_row<2>(out, out_step, in, in_step, count);
      break;
    case 4:
      copy_row<4>(out, out_step, in, in_step, count);
      break;
    case 8:
      copy_row<8>(out, out_step, in, in_step, count);
      break;
    default:
      copy_row<16>(out, out_step, in, in_step, count);
      break;
  }
}

}  // namespace

void copy_view(Tensor& out, const View& to, const Tensor& in, const View& from,
               const Shape& positions) {
  Shape shape = positions;
  Shape strides[2] = {to.strides, from.strides};
  collapse_axes(shape, strides);
  const int64_t count = shape.back();
  const int64_t to_step = strides[0].back();
  const int64_t from_step = strides[1].back();
  if (in.dtype() == DType::string || is_packed(in.dtype())) {
    for_each_row(shape, strides, [&](const int64_t* offsets) {
      for (int64_t i = 0; i < count; ++i) {
        copy_elements(out, to.offset + offsets[0] + i * to_step, in,
                      from.offset + offsets[1] + i * from_step, 1);
      }
    });
    return;
  }
  const int64_t size = dtype_bits(in.dtype()) / 8;
  std::byte* const target = out.mutable_raw() + to.offset * size;
  const std::byte* const source = in.raw() + from.offset * size;
  for_each_row(shape, strides, [&](const int64_t* offsets) {
    copy_row(target + offsets[0] * size, to_step, source + offsets[1] * size, from_step, count,
             size);
  });
}

void copy_elements(Tensor& out, int64_t out_index, const Tensor& in, int64_t in_index,
                   int64_t count) {
  if (count <= 0) return;
  if (in.dtype() == DType::string) {
    const auto source =
        in.strings().subspan(static_cast<size_t>(in_index), static_cast<size_t>(count));
    std::copy(source.begin(), source.end(), out.mutable_strings().begin() + out_index);
    return;
  }
  if (is_packed(in.dtype())) {
    for (int64_t i = 0; i < count; ++i) {
      set_packed_element(out, out_index + i, packed_element(in, in_index + i));
    }
    return;
  }
  const int64_t size = dtype_bits(in.dtype()) / 8;
  std::memcpy(out.mutable_raw() + out_index * size, in.raw() + in_index * size,
              static_cast<size_t>(count * size));
}

}  // namespace whittle
