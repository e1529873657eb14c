#include "core/compress/quantize/support/weights/quantized_weight.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "core/base/error.h"
#include "core/compress/quantize/support/weights/affine.h"

namespace whittle {
namespace {

void check_finite(std::span<const float> weights, const std::string& name) {
  for (float w : weights) {
    if (std::isfinite(w)) continue;
    fail(Code::INVALID_MODEL, name, "Expected finite weights for \"", name,
         "\" but received a value that is ", std::isnan(w) ? "not a number" : "infinite",
         ". Export the model again, or leave the layer out with a \"skip\" rule");
  }
}

}  // namespace

DType WeightFormat::dtype() const {
  if (bits == 4) return is_signed ? DType::i4 : DType::u4;
  return is_signed ? DType::i8 : DType::u8;
}

int32_t WeightFormat::min() const {
  if (!is_signed) return 0;
  return -(1 << (bits - 1)) + (symmetric && bits == 8 ? 1 : 0);
}

int32_t WeightFormat::max() const {
  return is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

WeightGrid WeightGrid::empty(const Shape& shape, WeightAxes axes, const WeightFormat& format) {
  WeightGrid grid;
  grid.format = format;
  grid.shape = shape;
  if (format.granularity == Granularity::tensor) {
    grid.scale_shape = Shape{};
  } else if (format.granularity == Granularity::channel) {
    grid.axis = axes.channel;
    grid.scale_shape = Shape{grid.shape[axes.channel]};
  } else {
    grid.axis = axes.input;
    grid.block = format.block;
    std::vector<int64_t> dims;
    for (int i = 0; i < grid.shape.rank(); ++i) dims.push_back(grid.shape[i]);
    int64_t& inputs = dims[static_cast<size_t>(axes.input)];
    inputs = (inputs + format.block - 1) / format.block;
    grid.scale_shape = Shape(dims);
  }
  const auto groups = static_cast<size_t>(grid.scale_shape.elements());
  grid.scale.assign(groups, 1.0f);
  grid.zero_point.assign(groups, 0);
  return grid;
}

size_t WeightGrid::group_of(size_t i) const {
  if (scale.size() == 1) return 0;
  const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
  const auto extent = static_cast<size_t>(shape[axis]);
  const size_t at = (i / inner) % extent;
  if (block == 0) return at;
  const size_t along = (extent + static_cast<size_t>(block) - 1) / static_cast<size_t>(block);
  return (i / (inner * extent) * along + at / static_cast<size_t>(block)) * inner + i % inner;
}

int32_t WeightGrid::nearest(float value, size_t g) const {
  return quantize(value, Affine{scale[g], zero_point[g]}, QLimits{format.min(), format.max()});
}

WeightGrid grid_of_range(const Tensor& weight, WeightAxes axes, const WeightFormat& format,
                         const std::string& name, std::span<const float> min_scales) {
  const std::span<const float> w = weight.data<float>();
  check_finite(w, name);
  WeightGrid grid = WeightGrid::empty(weight.shape(), axes, format);
  const size_t groups = grid.scale.size();
  std::vector<float> low(groups, 0.0f);
  std::vector<float> high(groups, 0.0f);
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t g = grid.group_of(i);
    low[g] = std::min(low[g], w[i]);
    high[g] = std::max(high[g], w[i]);
  }
  for (size_t g = 0; g < groups; ++g) {
    const float least = g < min_scales.size() ? min_scales[g] : 0.0f;
    if (format.symmetric) {
      const int32_t zero = format.is_signed ? 0 : (format.max() + 1) / 2;
      const float steps = static_cast<float>(format.max() - zero);
      const float scale = std::max(std::max(high[g], -low[g]) / steps, least);
      grid.scale[g] = scale < FLT_MIN ? 1.0f : scale;
      grid.zero_point[g] = zero;
    } else {
      const QLimits limits{format.min(), format.max()};
      const float width = least * static_cast<float>(limits.max - limits.min);
      const float top = std::max(high[g], low[g] + width);
      const Affine affine = affine_of_range(low[g], top, limits);
      grid.scale[g] = affine.scale;
      grid.zero_point[g] = affine.zero_point;
    }
  }
  return grid;
}

std::vector<int8_t> round_to_nearest(const Tensor& weight, const WeightGrid& grid) {
  const std::span<const float> w = weight.data<float>();
  std::vector<int8_t> codes(w.size());
  for (size_t i = 0; i < w.size(); ++i) {
    codes[i] = static_cast<int8_t>(grid.nearest(w[i], grid.group_of(i)));
  }
  return codes;
}

std::vector<float> values_of_codes(const WeightGrid& grid, std::span<const int8_t> codes) {
  std::vector<float> values(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const int32_t code = grid.format.is_signed ? codes[i] : static_cast<uint8_t>(codes[i]);
    values[i] = grid.value_of(code, grid.group_of(i));
  }
  return values;
}

double QuantizedWeight::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return 300;
  return 10 * std::log10(signal / noise);
}

namespace {

/** Codes of one type: bytes, or two nibbles to a byte, the low one first. */
Tensor pack_codes(std::span<const int8_t> codes, DType dtype, const Shape& shape) {
  Tensor packed = Tensor::zeros(dtype, shape);
  std::byte* out = packed.mutable_raw();
  const bool nibbles = dtype_bits(dtype) == 4;
  for (size_t i = 0; i < codes.size(); ++i) {
    const auto code = static_cast<std::byte>(codes[i]);
    if (!nibbles) {
      out[i] = code;
    } else {
      out[i / 2] |= (code & std::byte{15}) << (i % 2 == 0 ? 0 : 4);
    }
  }
  return packed;
}

}  // namespace

QuantizedWeight store_codes(const Tensor& weight, const WeightGrid& grid,
                            std::span<const int8_t> codes) {
  const DType dtype = grid.format.dtype();
  QuantizedWeight out;
  out.axis = grid.axis;
  out.block = grid.block;
  out.values = pack_codes(codes, dtype, grid.shape);
  out.scales = Tensor::of<float>(grid.scale_shape, std::span<const float>(grid.scale));
  const auto nonzero = [](int32_t z) { return z != 0; };
  if (std::any_of(grid.zero_point.begin(), grid.zero_point.end(), nonzero)) {
    const std::vector<int8_t> points(grid.zero_point.begin(), grid.zero_point.end());
    out.zero_points = pack_codes(points, dtype, grid.scale_shape);
  }
  const std::span<const float> w = weight.data<float>();
  for (size_t i = 0; i < w.size(); ++i) {
    const int32_t code = grid.format.is_signed ? codes[i] : static_cast<uint8_t>(codes[i]);
    const double error = static_cast<double>(grid.value_of(code, grid.group_of(i))) - w[i];
    out.signal += static_cast<double>(w[i]) * w[i];
    out.noise += error * error;
  }
  return out;
}

Tensor QuantizedWeight::dequantized() const {
  const std::vector<float> codes = to_floats(values, "weights");
  const std::vector<float> scale = to_floats(scales, "scales");
  std::vector<float> zero(scale.size(), 0.0f);
  if (zero_points.defined()) zero = to_floats(zero_points, "zero points");
  WeightGrid grid;  // only for its mapping of elements to groups
  grid.shape = values.shape();
  grid.axis = axis;
  grid.block = block;
  grid.scale = scale;
  Tensor out = Tensor::allocate(DType::f32, values.shape());
  const std::span<float> w = out.mutable_data<float>();
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t g = grid.group_of(i);
    w[i] = scale[g] * (codes[i] - zero[g]);
  }
  return out;
}

QuantizedWeight quantize_channels(const Tensor& weight, int axis, const std::string& name,
                                  std::span<const float> min_scales) {
  return quantize_weight(weight, WeightAxes{axis, axis}, WeightFormat{}, name, min_scales);
}

QuantizedWeight quantize_weight(const Tensor& weight, WeightAxes axes, const WeightFormat& format,
                                const std::string& name, std::span<const float> min_scales) {
  const WeightGrid grid = grid_of_range(weight, axes, format, name, min_scales);
  return store_codes(weight, grid, round_to_nearest(weight, grid));
}

}  // namespace whittle
