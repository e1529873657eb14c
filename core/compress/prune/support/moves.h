#pragma once

#include <optional>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

// What Split, Slice and Pad do along one axis, read from their constants.

/** The sizes of the pieces of an axis of `extent`, or nullopt when they are computed. */
std::optional<std::vector<int64_t>> split_sizes(const Graph& graph, const Node& node,
                                                int64_t extent);

struct SliceRange {
  int64_t begin = 0;
  int64_t end = 0;
  /** The place in starts and ends that says so; -1 when the axis is taken whole. */
  int entry = -1;
};
/** The part of an axis that a Slice takes in steps of one; nullopt when computed or with gaps. */
std::optional<SliceRange> slice_range(const Graph& graph, const Node& node, int axis, int rank,
                                      int64_t extent);

struct AxisPads {
  int64_t before = 0;
  int64_t after = 0;
  /** The place in the first half of `pads`; -1 when the axis is not mentioned. */
  int entry = -1;
};
std::optional<AxisPads> axis_pads(const Graph& graph, const Node& node, int axis, int rank);

}  // namespace whittle
