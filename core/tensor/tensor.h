#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace whittle {

/**
 * A dense row-major tensor: a type, a shape and a piece of memory that is owned, shared or
 * borrowed. Copying a Tensor copies no elements. Elements are immutable once a tensor is shared:
 * write only to what you have just allocated (or to memory you lent with `borrow`).
 */
class Tensor {
 public:
  Tensor() = default;

  /** Owned memory, 64-byte aligned, uninitialised (strings: empty). Throws OUT_OF_MEMORY,
   * LIMIT_EXCEEDED past kMaxTensorBytes. */
  static Tensor allocate(DType dtype, const Shape& shape);
  static Tensor zeros(DType dtype, const Shape& shape);
  /** A view of memory that `owner` keeps alive; with a null owner the caller does. The memory must
   * be aligned for the element type and hold dtype_bytes(...) bytes. */
  static Tensor borrow(DType dtype, const Shape& shape, void* data,
                       std::shared_ptr<const void> owner = nullptr);
  /** Copies `values`; their number must equal the shape's elements. */
  template <typename T>
  static Tensor of(const Shape& shape, std::span<const T> values);
  template <typename T>
  static Tensor of(const Shape& shape, std::initializer_list<T> values) {
    return of(shape, std::span<const T>(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return of(Shape{}, std::span<const T>(&value, 1));
  }

  bool defined() const { return dtype_ != DType::undefined; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return elements_; }
  /** Bytes of the elements; 0 for strings. */
  int64_t bytes() const { return dtype_ == DType::string ? 0 : dtype_bytes(dtype_, elements_); }

  const std::byte* raw() const { return data_; }
  std::byte* mutable_raw() { return data_; }
  /** The elements; T must match the element type (checked: INTERNAL). f16, bf16 and the 8-bit
   * floats are read as uint16_t / uint8_t, booleans as bool or uint8_t. */
  template <typename T>
  std::span<const T> data() const {
    check_type(dtype_of<T>, sizeof(T));
    return {reinterpret_cast<const T*>(data_), static_cast<size_t>(elements_)};
  }
  template <typename T>
  std::span<T> mutable_data() {
    check_type(dtype_of<T>, sizeof(T));
    return {reinterpret_cast<T*>(data_), static_cast<size_t>(elements_)};
  }
  std::span<const std::string> strings() const { return *strings_; }
  std::vector<std::string>& mutable_strings() { return *strings_; }

  /** The same elements under another shape of as many elements (checked: SHAPE_MISMATCH). */
  Tensor reshaped(const Shape& shape) const;
  /** A copy with memory of its own. */
  Tensor clone() const;
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  void check_type(DType wanted, size_t element_size) const;

  DType dtype_ = DType::undefined;
  Shape shape_;
  int64_t elements_ = 0;
  std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<std::vector<std::string>> strings_;
};

/** Element values of any integer or boolean tensor as int64 (throws TYPE_MISMATCH otherwise). */
std::vector<int64_t> to_int64s(const Tensor& tensor, const std::string& where);
/** Element values of any numeric tensor as float: packed and 16-bit types are widened. */
std::vector<float> to_floats(const Tensor& tensor, const std::string& where);
/** The value of element `index` of a packed tensor; of f4e2m1 its code. */
int packed_element(const Tensor& tensor, int64_t index);

template <typename T>
Tensor Tensor::of(const Shape& shape, std::span<const T> values) {
  Tensor tensor = allocate(dtype_of<T>, shape);
  if (static_cast<int64_t>(values.size()) != tensor.elements_) {
    fail(Code::SHAPE_MISMATCH, "", "Expected ", tensor.elements_, " values for shape ",
         to_string(shape), " but received ", values.size());
  }
  T* out = reinterpret_cast<T*>(tensor.data_);
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return tensor;
}

}  // namespace whittle
