#include "core/compress/prune/support/moves.h"

#include <algorithm>

namespace whittle {
namespace {

std::optional<std::vector<int64_t>> integers(const Graph& graph, const Node& node, size_t input) {
  const Tensor* tensor = graph.constant(node.input(input));
  if (tensor == nullptr) return std::nullopt;
  return to_int64s(*tensor, node.label());
}

/** The place of `axis` in an optional list of axes that defaults to all, in order; -1 when it is
 * not there, nullopt when the list is computed. */
std::optional<int> entry_of(const Graph& graph, const Node& node, size_t input, int axis, int rank,
                            size_t count) {
  if (node.input(input) == kNoValue) return axis < static_cast<int>(count) ? axis : -1;
  const auto axes = integers(graph, node, input);
  if (!axes) return std::nullopt;
  for (size_t i = 0; i < axes->size(); ++i) {
    if (normalize_axis((*axes)[i], rank, node.label()) == axis) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

std::optional<std::vector<int64_t>> split_sizes(const Graph& graph, const Node& node,
                                                int64_t extent) {
  if (node.input(1) != kNoValue) return integers(graph, node, 1);
  const auto pieces = static_cast<int64_t>(node.outputs.size());
  if (extent < 0 || pieces == 0) return std::nullopt;
  const int64_t size = (extent + pieces - 1) / pieces;
  std::vector<int64_t> sizes(static_cast<size_t>(pieces), size);
  sizes.back() = extent - size * (pieces - 1);
  return sizes;
}

std::optional<SliceRange> slice_range(const Graph& graph, const Node& node, int axis, int rank,
                                      int64_t extent) {
  const auto starts = integers(graph, node, 1);
  const auto ends = integers(graph, node, 2);
  if (!starts || !ends) return std::nullopt;
  const std::optional<int> entry = entry_of(graph, node, 3, axis, rank, starts->size());
  if (!entry) return std::nullopt;
  if (*entry < 0) return SliceRange{0, extent, -1};
  const auto at = static_cast<size_t>(*entry);
  if (node.input(4) != kNoValue) {
    const auto steps = integers(graph, node, 4);
    if (!steps || (*steps)[at] != 1) return std::nullopt;
  }
  const auto inside = [&](int64_t place) {
    return std::clamp<int64_t>(place < 0 ? place + extent : place, 0, extent);
  };
  const int64_t begin = inside((*starts)[at]);
  return SliceRange{begin, std::max(begin, inside((*ends)[at])), *entry};
}

std::optional<AxisPads> axis_pads(const Graph& graph, const Node& node, int axis, int rank) {
  const auto pads = integers(graph, node, 1);
  if (!pads) return std::nullopt;
  const std::optional<int> entry = entry_of(graph, node, 3, axis, rank, pads->size() / 2);
  if (!entry) return std::nullopt;
  if (*entry < 0) return AxisPads{};
  const auto at = static_cast<size_t>(*entry);
  return AxisPads{(*pads)[at], (*pads)[pads->size() / 2 + at], *entry};
}

}  // namespace whittle
