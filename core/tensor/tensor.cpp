#include "core/tensor/tensor.h"

#include <cstring>
#include <new>

#include "core/base/half.h"

namespace whittle {
namespace {

constexpr std::align_val_t kAlignment{64};

std::shared_ptr<std::byte> allocate_bytes(int64_t bytes) {
  if (bytes > kMaxTensorBytes) {
    fail(Code::LIMIT_EXCEEDED, "", "Expected a tensor of at most ", kMaxTensorBytes,
         " bytes but received ", bytes);
  }
  // Kernels load whole vectors: a little room behind the last element keeps that inside the block.
  constexpr size_t kSlack = 64;
  void* memory = ::operator new(static_cast<size_t>(bytes) + kSlack, kAlignment, std::nothrow);
  if (memory == nullptr) {
    fail(Code::OUT_OF_MEMORY, "", "Expected ", bytes,
         " free bytes for a tensor but memory ran out");
  }
  return {static_cast<std::byte*>(memory), [](std::byte* p) { ::operator delete(p, kAlignment); }};
}

}  // namespace

Tensor Tensor::allocate(DType dtype, const Shape& shape) {
  if (is_container(dtype)) {
    fail(Code::TYPE_MISMATCH, "", "Expected the element type of a tensor but received ",
         dtype_name(dtype));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.elements_ = shape.elements();
  if (dtype == DType::string) {
    constexpr int64_t kMaxStrings = 1 << 26;
    if (tensor.elements_ > kMaxStrings) {
      fail(Code::LIMIT_EXCEEDED, "", "Expected at most ", kMaxStrings, " strings but received ",
           tensor.elements_);
    }
    tensor.strings_ =
        std::make_shared<std::vector<std::string>>(static_cast<size_t>(tensor.elements_));
    tensor.owner_ = tensor.strings_;
    return tensor;
  }
  auto memory = allocate_bytes(dtype_bytes(dtype, tensor.elements_));
  tensor.data_ = memory.get();
  tensor.owner_ = std::move(memory);
  return tensor;
}

Tensor Tensor::zeros(DType dtype, const Shape& shape) {
  Tensor tensor = allocate(dtype, shape);
  if (tensor.data_ != nullptr) std::memset(tensor.data_, 0, static_cast<size_t>(tensor.bytes()));
  return tensor;
}

Tensor Tensor::borrow(DType dtype, const Shape& shape, void* data,
                      std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.elements_ = shape.elements();
  tensor.data_ = static_cast<std::byte*>(data);
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.elements() != elements_) {
    fail(Code::SHAPE_MISMATCH, "", "Expected a shape of ", elements_, " elements but received ",
         to_string(shape));
  }
  Tensor tensor = *this;
  tensor.shape_ = shape;
  return tensor;
}

Tensor Tensor::clone() const {
  if (is_container(dtype_)) return *this;  // immutable, and its tensors have memory of their own
  Tensor tensor = allocate(dtype_, shape_);
  if (dtype_ == DType::string) {
    *tensor.strings_ = *strings_;
  } else if (bytes() > 0) {
    std::memcpy(tensor.data_, data_, static_cast<size_t>(bytes()));
  }
  return tensor;
}

void Tensor::check_type(DType wanted, size_t element_size) const {
  const bool same_width = dtype_bits(dtype_) == static_cast<int>(element_size * 8);
  const bool opaque = dtype_ == DType::f16 || dtype_ == DType::bf16 || dtype_ == DType::boolean ||
                      (dtype_ >= DType::f8e4m3fn && dtype_ <= DType::f8e5m2fnuz) ||
                      dtype_ == DType::f8e8m0;
  if (wanted != dtype_ && !(opaque && same_width)) {
    fail(Code::INTERNAL, "", "Expected ", dtype_name(wanted), " elements but received ",
         dtype_name(dtype_));
  }
}

int packed_element(const Tensor& tensor, int64_t index) {
  const DType dtype = tensor.dtype();
  const bool pairs = dtype == DType::i2 || dtype == DType::u2;
  const int bits = pairs ? 2 : 4;
  const int per_byte = 8 / bits;
  const int byte = std::to_integer<int>(tensor.raw()[index / per_byte]);
  const int value = byte >> (index % per_byte * bits) & ((1 << bits) - 1);
  const bool is_signed = dtype == DType::i4 || dtype == DType::i2;
  return is_signed && value >= 1 << (bits - 1) ? value - (1 << bits) : value;
}

namespace {

template <typename Out, typename T>
void convert(const Tensor& tensor, std::vector<Out>& out) {
  for (T value : tensor.data<T>()) out.push_back(static_cast<Out>(value));
}

/** Appends integer and boolean elements; false when the tensor holds another kind. */
template <typename Out>
bool convert_integers(const Tensor& tensor, std::vector<Out>& out) {
  switch (tensor.dtype()) {
    case DType::i64:
      convert<Out, int64_t>(tensor, out);
      return true;
    case DType::i32:
      convert<Out, int32_t>(tensor, out);
      return true;
    case DType::i16:
      convert<Out, int16_t>(tensor, out);
      return true;
    case DType::i8:
      convert<Out, int8_t>(tensor, out);
      return true;
    case DType::u64:
      convert<Out, uint64_t>(tensor, out);
      return true;
    case DType::u32:
      convert<Out, uint32_t>(tensor, out);
      return true;
    case DType::u16:
      convert<Out, uint16_t>(tensor, out);
      return true;
    case DType::u8:
      convert<Out, uint8_t>(tensor, out);
      return true;
    case DType::boolean:
      convert<Out, uint8_t>(tensor, out);
      return true;
    case DType::i4:
    case DType::u4:
    case DType::i2:
    case DType::u2:
      for (int64_t i = 0; i < tensor.elements(); ++i) {
        out.push_back(static_cast<Out>(packed_element(tensor, i)));
      }
      return true;
    default:
      return false;
  }
}

[[noreturn]] void fail_type(const char* wanted, const Tensor& tensor, const std::string& where) {
  fail(Code::TYPE_MISMATCH, where, "Expected ", wanted, " elements for ", where, " but received ",
       dtype_name(tensor.dtype()));
}

}  // namespace

std::vector<int64_t> to_int64s(const Tensor& tensor, const std::string& where) {
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(tensor.elements()));
  if (!convert_integers(tensor, out)) fail_type("integer", tensor, where);
  return out;
}

std::vector<float> to_floats(const Tensor& tensor, const std::string& where) {
  std::vector<float> out;
  out.reserve(static_cast<size_t>(tensor.elements()));
  if (convert_integers(tensor, out)) return out;
  switch (tensor.dtype()) {
    case DType::f32:
      convert<float, float>(tensor, out);
      break;
    case DType::f64:
      convert<float, double>(tensor, out);
      break;
    case DType::f16:
      for (uint16_t half : tensor.data<uint16_t>()) out.push_back(half_to_float(half));
      break;
    case DType::bf16:
      for (uint16_t value : tensor.data<uint16_t>()) out.push_back(bfloat16_to_float(value));
      break;
    default:
      fail_type("numeric", tensor, where);
  }
  return out;
}

}  // namespace whittle
