#include "core/compress/quantize/support/integer/interpolation.h"

#include <array>

namespace whittle {
namespace {

constexpr std::array<int8_t, 9> kTent = {1, 2, 1, 2, 4, 2, 1, 2, 1};
constexpr std::array<int8_t, 4> kBox = {1, 1, 1, 1};

/** [channels, 1, k, k] of one kernel repeated. */
Tensor repeated(std::span<const int8_t> kernel, int64_t channels, int64_t size) {
  Tensor weights = Tensor::allocate(DType::i8, Shape{channels, 1, size, size});
  const std::span<int8_t> all = weights.mutable_data<int8_t>();
  for (size_t i = 0; i < all.size(); ++i) all[i] = kernel[i % kernel.size()];
  return weights;
}

}  // namespace

std::optional<IntegerInterpolation> integer_interpolation(const Graph& graph, const Node& resize) {
  const std::string coordinates =
      resize.string_attribute("coordinate_transformation_mode", "half_pixel");
  if (!resize.is("Resize") || resize.string_attribute("mode", "nearest") != "linear" ||
      resize.int_attribute("antialias", 0) != 0 ||
      (coordinates != "half_pixel" && coordinates != "pytorch_half_pixel")) {
    return std::nullopt;
  }
  const auto& x = graph.value(resize.input(0)).dims;
  const auto& y = graph.value(resize.output(0)).dims;
  if (!x || !y || x->size() != 4 || y->size() != 4 || !((*x)[0] == (*y)[0])) return std::nullopt;
  for (const auto* dims : {&*x, &*y}) {
    for (size_t axis = 1; axis < 4; ++axis) {
      // PyTorch's half pixels mean something else for a single one.
      if (!(*dims)[axis].known() || (axis > 1 && (*dims)[axis].value < 2)) return std::nullopt;
    }
  }
  const int64_t channels = (*x)[1].value;
  const auto times = [&](const Dims& small, const Dims& large) {
    return small[2].value * 2 == large[2].value && small[3].value * 2 == large[3].value;
  };
  if ((*y)[1].value != channels) return std::nullopt;
  if (times(*x, *y)) return IntegerInterpolation{true, repeated(kTent, channels, 3), 1.0f / 16};
  if (times(*y, *x)) return IntegerInterpolation{false, repeated(kBox, channels, 2), 1.0f / 4};
  return std::nullopt;
}

}  // namespace whittle
