#include "core/runtime/steps/support.h"

namespace whittle {

size_t element_bytes(DType dtype) {
  return static_cast<size_t>(dtype_bits(dtype) / 8);
}

size_t elements(const LoweredValue& value) {
  return static_cast<size_t>(value.shape.elements());
}

FloatEpilogue float_epilogue(const Epilogue& epilogue, const KernelTable& kernels) {
  FloatEpilogue made;
  made.min = epilogue.min;
  made.max = epilogue.max;
  if (epilogue.unary) {
    made.unary = kernels.unary_for(*epilogue.unary);
    made.unary_params = epilogue.unary_params;
  }
  return made;
}

ImageShape image_shape(const Shape& shape) {
  ImageShape image;
  image.batch = static_cast<size_t>(shape[0]);
  image.channels = static_cast<size_t>(shape[1]);
  image.width = static_cast<size_t>(shape.back());
  image.height = shape.rank() == 4 ? static_cast<size_t>(shape[2]) : 1;
  return image;
}

}  // namespace whittle
