#pragma once

#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** An index tensor's values brought to [0, extent); throws INVALID_DATA naming the node. */
std::vector<int64_t> read_indices(const Tensor& indices, int64_t extent, const Node& node);

/** GatherElements, ScatterElements: for each element of `indices`, the offset in the data it names
 * along attribute `axis`. */
std::vector<int64_t> read_element_indices(const Tensor& indices, const Shape& data,
                                          const Node& node);

/** GatherND, ScatterND: for each index tuple, the offset of the slice of the data it names. */
struct TupleIndices {
  std::vector<int64_t> offsets;
  Shape outer;  // of the tuples
  Shape slice;  // of what each one names
};
TupleIndices read_tuple_indices(const Tensor& indices, const Shape& data, int batch_dims,
                                const Node& node);

}  // namespace whittle
