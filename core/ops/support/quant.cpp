#include "core/ops/support/quant.h"

#include <algorithm>
#include <cmath>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/walk.h"

namespace whittle {

QRange quantized_range(DType dtype, const Node& node) {
  switch (dtype) {
    case DType::u2:
      return {0, 3};
    case DType::i2:
      return {-2, 1};
    case DType::u4:
      return {0, 15};
    case DType::i4:
      return {-8, 7};
    case DType::u8:
      return {0, 255};
    case DType::i8:
      return {-128, 127};
    case DType::u16:
      return {0, 65535};
    case DType::i16:
      return {-32768, 32767};
    case DType::i32:
      return {INT32_MIN, INT32_MAX};
    default:
      fail_type(dtype, node);
  }
}

int32_t saturate(float value, int32_t zero_point, const QRange& range) {
  const float shifted = std::nearbyint(value) + static_cast<float>(zero_point);
  if (!(shifted > static_cast<float>(range.min))) return range.min;
  if (shifted >= static_cast<float>(range.max)) return range.max;
  return static_cast<int32_t>(shifted);
}

std::vector<int32_t> load_quantized(const Tensor& tensor, const Node& node) {
  quantized_range(tensor.dtype(), node);
  const Tensor wide = convert(tensor, DType::i32);
  const auto values = wide.data<int32_t>();
  return {values.begin(), values.end()};
}

void store_quantized(Tensor& tensor, int64_t index, int32_t value) {
  const auto at = static_cast<size_t>(index);
  switch (tensor.dtype()) {
    case DType::u8:
      tensor.mutable_data<uint8_t>()[at] = static_cast<uint8_t>(value);
      break;
    case DType::i8:
      tensor.mutable_data<int8_t>()[at] = static_cast<int8_t>(value);
      break;
    case DType::u16:
      tensor.mutable_data<uint16_t>()[at] = static_cast<uint16_t>(value);
      break;
    case DType::i16:
      tensor.mutable_data<int16_t>()[at] = static_cast<int16_t>(value);
      break;
    case DType::i32:
      tensor.mutable_data<int32_t>()[at] = value;
      break;
    default:
      set_packed_element(tensor, index, value);
  }
}

QuantLayout quant_layout(const Node& node, const Shape& shape, const Shape& scales) {
  QuantLayout layout;
  const int64_t block = node.int_attribute("block_size", 0);
  if (scales.elements() == 1 && block == 0) {
    layout.inner = shape.elements();
    return layout;
  }
  const AxisSplit split = split_at(shape, node.int_attribute("axis", 1), node);
  layout.outer = split.outer;
  layout.axis = split.axis;
  layout.inner = split.inner;
  layout.per_tensor = false;
  layout.blocked = block > 0;
  const int axis = normalize_axis(node.int_attribute("axis", 1), shape.rank(), node.label());
  bool fits = block >= 0 && block <= INT32_MAX;
  if (fits && layout.blocked) {
    layout.block = block;
    layout.blocks = (split.axis + block - 1) / block;
    Shape wanted = shape;
    wanted[axis] = layout.blocks;
    fits = scales == wanted;
  } else {
    fits = fits && scales.rank() == 1 && scales[0] == split.axis;
  }
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected scales for axis ", axis, " of ",
         to_string(shape), " in blocks of ", std::max<int64_t>(block, 1), " for ", node.label(),
         " but received ", to_string(scales));
  }
  return layout;
}

std::vector<float> channel_scales(const EvalContext& context, size_t i, int64_t count) {
  std::vector<float> values = float_values(context, i);
  if (values.size() == 1) values.resize(static_cast<size_t>(count), values[0]);
  if (static_cast<int64_t>(values.size()) != count) {
    require_elements(context, context.input(i), count, "a scale");
  }
  return values;
}

std::vector<int32_t> channel_zero_points(const EvalContext& context, size_t i, int64_t count) {
  std::vector<int32_t> values{0};
  if (context.has_input(i)) values = load_quantized(context.input(i), context.node());
  if (values.size() == 1) values.resize(static_cast<size_t>(count), values[0]);
  if (static_cast<int64_t>(values.size()) != count) {
    require_elements(context, context.input(i), count, "a zero point");
  }
  return values;
}

float scalar_scale(const EvalContext& context, size_t i) {
  return channel_scales(context, i, 1)[0];
}

int32_t scalar_zero_point(const EvalContext& context, size_t i) {
  return channel_zero_points(context, i, 1)[0];
}

std::vector<uint32_t> centred(const Tensor& tensor, const std::vector<int32_t>& zero_points,
                              int64_t outer, int64_t inner, const Node& node) {
  const std::vector<int32_t> values = load_quantized(tensor, node);
  std::vector<uint32_t> out(values.size());
  size_t at = 0;
  for (int64_t o = 0; o < outer; ++o) {
    for (int32_t zero_point : zero_points) {
      for (int64_t i = 0; i < inner; ++i, ++at) {
        out[at] = static_cast<uint32_t>(values[at]) - static_cast<uint32_t>(zero_point);
      }
    }
  }
  return out;
}

}  // namespace whittle
