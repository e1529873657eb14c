#include "core/ops/support/window.h"

#include <algorithm>
#include <limits>

namespace whittle {
namespace {

// Keeps every product of two attributes, and its sum with a size, inside 64 bits.
constexpr int64_t kMaxAttribute = std::numeric_limits<int32_t>::max();

void check_list(const Node& node, const char* name, const std::vector<int64_t>& values,
                size_t count, int64_t least) {
  if (values.size() != count) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected ", count, " values for attribute '", name,
         "' of ", node.label(), " but received ", values.size());
  }
  for (int64_t value : values) {
    if (value < least || value > kMaxAttribute) {
      fail(Code::INVALID_GRAPH, node.label(), "Expected values in [", least, ",", kMaxAttribute,
           "] for attribute '", name, "' of ", node.label(), " but received ", value);
    }
  }
}

AutoPad read_auto_pad(const Node& node) {
  const std::string mode = node.string_attribute("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) return AutoPad::explicit_pads;
  if (mode == "SAME_UPPER") return AutoPad::same_upper;
  if (mode == "SAME_LOWER") return AutoPad::same_lower;
  if (mode == "VALID") return AutoPad::valid;
  fail(Code::INVALID_GRAPH, node.label(),
       "Expected NOTSET, SAME_UPPER, SAME_LOWER or VALID for attribute 'auto_pad' of ",
       node.label(), " but received '", mode, "'");
}

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

WindowAxis::Range WindowAxis::outputs_inside(int64_t tap) const {
  // 0 <= out * stride + shift < input
  const int64_t shift = tap * dilation - pad_begin;
  const int64_t first = shift >= 0 ? 0 : ceil_div(-shift, stride);
  const int64_t last = shift >= input ? 0 : ceil_div(input - shift, stride);
  return {std::min(first, output), std::clamp(last, std::min(first, output), output)};
}

WindowAttributes window_attributes(const Node& node, std::vector<int64_t> kernel) {
  const size_t rank = kernel.size();
  WindowAttributes made;
  made.kernel = std::move(kernel);
  check_list(node, "kernel_shape", made.kernel, rank, 1);
  made.strides = node.ints_attribute("strides", std::vector<int64_t>(rank, 1));
  check_list(node, "strides", made.strides, rank, 1);
  made.dilations = node.ints_attribute("dilations", std::vector<int64_t>(rank, 1));
  check_list(node, "dilations", made.dilations, rank, 1);
  made.auto_pad = read_auto_pad(node);
  std::vector<int64_t> pads(2 * rank, 0);
  // Exporters write pads beside an auto_pad that overrides them: read only where they count.
  if (made.auto_pad == AutoPad::explicit_pads) {
    pads = node.ints_attribute("pads", std::move(pads));
    check_list(node, "pads", pads, 2 * rank, 0);
  }
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  made.pads_begin.assign(pads.begin(), middle);
  made.pads_end.assign(middle, pads.end());
  made.ceil_mode = node.int_attribute("ceil_mode", 0) != 0;
  return made;
}

WindowAxis resolve_axis(const WindowAttributes& attributes, size_t axis, int64_t input,
                        const std::string& where) {
  WindowAxis made;
  made.input = input;
  made.kernel = attributes.kernel[axis];
  made.stride = attributes.strides[axis];
  made.dilation = attributes.dilations[axis];
  if (attributes.auto_pad == AutoPad::same_upper || attributes.auto_pad == AutoPad::same_lower) {
    made.output = ceil_div(input, made.stride);
    const int64_t total =
        std::max<int64_t>(0, (made.output - 1) * made.stride + made.extent() - input);
    made.pad_begin = attributes.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    made.pad_end = total - made.pad_begin;
    return made;
  }
  made.pad_begin = attributes.pads_begin[axis];
  made.pad_end = attributes.pads_end[axis];
  const int64_t room = input + made.pad_begin + made.pad_end - made.extent();
  if (room < 0) {
    fail(Code::SHAPE_MISMATCH, where, "Expected at least ",
         made.extent() - made.pad_begin - made.pad_end, " elements along spatial axis ", axis,
         " for ", where, " but received ", input);
  }
  made.output = (attributes.ceil_mode ? ceil_div(room, made.stride) : room / made.stride) + 1;
  // A window that starts behind the input and its begin padding would see end padding only.
  if (attributes.ceil_mode && (made.output - 1) * made.stride >= input + made.pad_begin) {
    --made.output;
  }
  return made;
}

Dim output_dim(const WindowAttributes& attributes, size_t axis, const Dim& input,
               const std::string& where) {
  if (input.known()) return resolve_axis(attributes, axis, input.value, where).output;
  if (attributes.strides[axis] != 1) return {};
  if (attributes.auto_pad == AutoPad::same_upper || attributes.auto_pad == AutoPad::same_lower) {
    return input;
  }
  const int64_t pads = attributes.pads_begin[axis] + attributes.pads_end[axis];
  const int64_t shrink = (attributes.kernel[axis] - 1) * attributes.dilations[axis];
  return pads == shrink ? input : Dim{};
}

}  // namespace whittle
