#include "core/ops/support/indices.h"

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

int64_t resolve(int64_t index, int64_t extent, const Node& node) {
  if (index < -extent || index >= extent) {
    fail(Code::INVALID_DATA, node.label(), "Expected an index in [", -extent, ",", extent - 1,
         "] for ", node.label(), " but received ", index);
  }
  return index < 0 ? index + extent : index;
}

[[noreturn]] void fail_shapes(const Node& node, const Shape& indices, const Shape& data) {
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected indices that fit data of shape ",
       to_string(data), " for ", node.label(), " but received ", to_string(indices));
}

}  // namespace

std::vector<int64_t> read_indices(const Tensor& indices, int64_t extent, const Node& node) {
  std::vector<int64_t> result = to_int64s(indices, node.label());
  for (int64_t& index : result) index = resolve(index, extent, node);
  return result;
}

std::vector<int64_t> read_element_indices(const Tensor& indices, const Shape& data,
                                          const Node& node) {
  require_rank(node, data, 1);
  const int axis = normalize_axis(node.int_attribute("axis", 0), data.rank(), node.label());
  const Shape& shape = indices.shape();
  if (shape.rank() != data.rank()) fail_shapes(node, shape, data);
  for (int i = 0; i < data.rank(); ++i) {
    if (i != axis && shape[i] > data[i]) fail_shapes(node, shape, data);
  }
  std::vector<int64_t> offsets = read_indices(indices, data[axis], node);
  const Shape own = strides_of(data);
  Shape strides = own;
  strides[axis] = 0;
  size_t i = 0;
  for_each_row(shape, std::span(&strides, 1), [&](const int64_t* offset) {
    for (int64_t k = 0; k < shape.back(); ++k, ++i) {
      offsets[i] = *offset + k * strides.back() + offsets[i] * own[axis];
    }
  });
  return offsets;
}

TupleIndices read_tuple_indices(const Tensor& indices, const Shape& data, int batch_dims,
                                const Node& node) {
  const Shape& shape = indices.shape();
  if (batch_dims < 0 || shape.rank() <= batch_dims || data.rank() <= batch_dims ||
      shape.back() > data.rank() - batch_dims) {
    fail_shapes(node, shape, data);
  }
  for (int i = 0; i < batch_dims; ++i) {
    if (shape[i] != data[i]) fail_shapes(node, shape, data);
  }
  const auto length = static_cast<int>(shape.back());
  const auto rank = static_cast<size_t>(shape.rank());
  TupleIndices result;
  result.outer = Shape(shape.dims().first(rank - 1));
  result.slice = Shape(data.dims().subspan(static_cast<size_t>(batch_dims + length)));
  const auto values = to_int64s(indices, node.label());
  const Shape strides = strides_of(data);
  const int64_t tuples = result.outer.elements();
  const int64_t per_batch =
      shape.elements(batch_dims, shape.rank() - 1);  // tuples that share a batch index
  const int64_t batch_size = data.elements(batch_dims, data.rank());
  for (int64_t i = 0; i < tuples; ++i) {
    int64_t offset = i / per_batch * batch_size;
    for (int k = 0; k < length; ++k) {
      const int axis = batch_dims + k;
      offset +=
          resolve(values[static_cast<size_t>(i * length + k)], data[axis], node) * strides[axis];
    }
    result.offsets.push_back(offset);
  }
  return result;
}

}  // namespace whittle
