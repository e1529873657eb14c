#pragma once

#include <optional>
#include <vector>

#include "core/ops/support/window.h"

namespace whittle {

/** The window of a pooling node over x [batch, channels, axes[i].input ...]; the output is
 * [batch, channels, axes[i].output ...]. */
struct PoolGeometry {
  int64_t batch = 0;
  int64_t channels = 0;
  std::vector<WindowAxis> axes;

  Shape output_shape() const;
};

/** Geometry of a MaxPool, AveragePool or LpPool node (also the quantized ones) at a concrete shape
 * of x. Throws SHAPE_MISMATCH or INVALID_GRAPH naming the node. */
PoolGeometry pool_geometry(const Node& node, const Shape& x);
/** Output dims of such a node from what is known of x. */
std::optional<Dims> pool_dims(const Node& node, const std::optional<Dims>& x);
/** Output dims of a global pool: every spatial axis becomes 1. */
std::optional<Dims> global_pool_dims(const Node& node, const std::optional<Dims>& x);

}  // namespace whittle
