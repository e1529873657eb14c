#include "core/compress/quantize/support/affine.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "core/base/error.h"

namespace whittle {

Affine affine_of_range(float min, float max, QLimits limits) {
  min = std::min(min, 0.0f);
  max = std::max(max, 0.0f);
  // In double, because the width of the range may exceed the largest float.
  const double width = static_cast<double>(max) - static_cast<double>(min);
  const float scale = static_cast<float>(width / (limits.max - limits.min));
  if (scale < FLT_MIN) return {1.0f, std::clamp(0, limits.min, limits.max)};
  const float zero = std::nearbyint(static_cast<float>(limits.min) - min / scale);
  const float low = static_cast<float>(limits.min);
  const float high = static_cast<float>(limits.max);
  return {scale, static_cast<int32_t>(std::clamp(zero, low, high))};
}

int32_t quantize(float x, Affine affine, QLimits limits) {
  const float q = std::nearbyint(x / affine.scale) + static_cast<float>(affine.zero_point);
  return static_cast<int32_t>(
      std::clamp(q, static_cast<float>(limits.min), static_cast<float>(limits.max)));
}

double QuantizedWeight::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return 300;
  return 10 * std::log10(signal / noise);
}

QuantizedWeight quantize_weight(const Tensor& weight, int axis, const std::string& name,
                                std::span<const float> min_scales) {
  const Shape& shape = weight.shape();
  const int64_t outer = shape.elements(0, axis);
  const int64_t channels = shape[axis];
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  const std::span<const float> w = weight.data<float>();

  std::vector<float> largest(static_cast<size_t>(channels), 0.0f);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < channels; ++c) {
      const size_t begin = static_cast<size_t>((o * channels + c) * inner);
      float& most = largest[static_cast<size_t>(c)];
      for (size_t i = begin; i < begin + static_cast<size_t>(inner); ++i) {
        if (!std::isfinite(w[i])) {
          fail(Code::INVALID_MODEL, name, "Expected finite weights for \"", name,
               "\" but received a value that is ", std::isnan(w[i]) ? "not a number" : "infinite",
               ". Export the model again, or leave the layer out with a \"skip\" rule");
        }
        most = std::max(most, std::fabs(w[i]));
      }
    }
  }
  QuantizedWeight out;
  out.axis = axis;
  out.values = Tensor::allocate(DType::i8, shape);
  out.scales = Tensor::allocate(DType::f32, Shape{channels});
  const std::span<float> scales = out.scales.mutable_data<float>();
  for (size_t c = 0; c < scales.size(); ++c) {
    const float least = c < min_scales.size() ? min_scales[c] : 0.0f;
    const float scale = std::max(largest[c] / 127.0f, least);
    scales[c] = scale < FLT_MIN ? 1.0f : scale;
  }
  const std::span<int8_t> q = out.values.mutable_data<int8_t>();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < channels; ++c) {
      const Affine affine{scales[static_cast<size_t>(c)], 0};
      const size_t begin = static_cast<size_t>((o * channels + c) * inner);
      for (size_t i = begin; i < begin + static_cast<size_t>(inner); ++i) {
        const int32_t rounded = quantize(w[i], affine, kSymmetricLimits);
        q[i] = static_cast<int8_t>(rounded);
        const double error = static_cast<double>(dequantize(rounded, affine)) - w[i];
        out.signal += static_cast<double>(w[i]) * w[i];
        out.noise += error * error;
      }
    }
  }
  return out;
}

}  // namespace whittle
