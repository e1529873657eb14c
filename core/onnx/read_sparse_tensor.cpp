#include <algorithm>
#include <cstring>

#include "core/base/checked.h"
#include "core/onnx/proto.h"
#include "core/onnx/read_tensor.h"

namespace whittle::onnx {
namespace {

/** A dense tensor larger than this times its sparse form, plus a megabyte, is taken for a damaged
 * or hostile file rather than allocated: density below one in four thousand gains nothing over it.
 */
constexpr int64_t kMaxExpansion = 4096;

void place(const Tensor& values, int64_t from, Tensor& dense, int64_t to) {
  if (values.dtype() == DType::string) {
    dense.mutable_strings()[static_cast<size_t>(to)] = values.strings()[static_cast<size_t>(from)];
    return;
  }
  const auto width = static_cast<size_t>(dtype_bits(values.dtype()) / 8);
  std::memcpy(dense.mutable_raw() + static_cast<size_t>(to) * width,
              values.raw() + static_cast<size_t>(from) * width, width);
}

/** The linear index of each value: `indices` is [n] (linear already) or [n, rank]. */
std::vector<int64_t> linear_indices(const Tensor& indices, int64_t count, const Shape& shape,
                                    const std::string& where) {
  const std::vector<int64_t> stored = to_int64s(indices, where);
  const Shape& form = indices.shape();
  const bool linear = form.rank() == 1 && form[0] == count;
  const bool per_axis = form.rank() == 2 && form[0] == count && form[1] == shape.rank();
  if (!linear && !per_axis) {
    fail(Code::INVALID_MODEL, where, "Expected indices of shape [", count, "] or [", count, ",",
         shape.rank(), "] for ", where, " but received ", to_string(form));
  }
  if (linear) return stored;
  const Shape strides = strides_of(shape);
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int64_t index = stored[static_cast<size_t>(i * shape.rank() + axis)];
      if (index < 0 || index >= shape[axis]) position = -shape.elements() - 1;
      if (position >= 0) position += index * strides[axis];
    }
    result.push_back(position);
  }
  return result;
}

}  // namespace

NamedTensor read_sparse_tensor(std::string_view bytes, TensorContext& context, Storage storage) {
  NamedTensor values;
  NamedTensor indices;
  std::vector<int64_t> dims;
  Message message(bytes, context.source);
  while (message.next()) {
    switch (message.field()) {
      case proto::sparse::values:
        values = read_tensor(message.bytes(), context, storage);
        break;
      case proto::sparse::indices:
        indices = read_tensor(message.bytes(), context, storage);
        break;
      case proto::sparse::dims:
        message.append_integers(dims);
        break;
      default:
        message.skip();
    }
  }
  const std::string where = "sparse tensor '" + values.name + "'";
  const auto invalid = [&](const std::string& expected, const std::string& received) {
    fail(Code::INVALID_MODEL, where, "Expected ", expected, " for ", where, " but received ",
         received);
  };
  if (!values.tensor.defined() || !indices.tensor.defined()) {
    invalid("values and indices", "only one of them");
  }
  if (values.tensor.shape().rank() != 1) {
    invalid("values in one dimension", to_string(values.tensor.shape()));
  }
  Shape shape;
  for (int64_t dim : dims) {
    if (dim < 0) invalid("dimensions of at least 0", std::to_string(dim));
    shape.push_back(dim);
  }
  const DType dtype = values.tensor.dtype();
  const int64_t count = values.tensor.elements();
  const int64_t elements = shape.elements();
  const int bits = std::max(dtype_bits(dtype), 8);
  if (is_packed(dtype)) invalid("elements of whole bytes", std::string(dtype_name(dtype)));
  const int64_t limit =
      checked_add(checked_mul(checked_mul(count, bits / 8 + 8, where), kMaxExpansion, where),
                  int64_t{1} << 20, where);
  if (checked_mul(elements, bits / 8, where) > limit) {
    fail(Code::LIMIT_EXCEEDED, where, "Expected at most ", limit, " dense bytes for ", where,
         " but received ", to_string(shape), " with ", count, " values");
  }
  if (!context.missing.empty()) {
    return {std::move(values.name), Tensor::borrow(dtype, shape, nullptr)};
  }
  Tensor dense = Tensor::zeros(dtype, shape);
  const std::vector<int64_t> positions = linear_indices(indices.tensor, count, shape, where);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t position = positions[static_cast<size_t>(i)];
    if (position < 0 || position >= elements) {
      invalid("indices inside " + to_string(shape), "one outside");
    }
    place(values.tensor, i, dense, position);
  }
  return {std::move(values.name), std::move(dense)};
}

}  // namespace whittle::onnx
