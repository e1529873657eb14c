// What operators couple that put channels somewhere else.
#include <algorithm>

#include "core/compress/prune/support/coupling_rules.h"
#include "core/compress/prune/support/moves.h"

namespace whittle {
namespace {

std::string fixed_at(const Node& node) {
  return concat("its width is fixed at ", node.label());
}

}  // namespace

void couple_concat(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId y = node.output(0);
  const int rank = coupling.rank(y);
  if (rank < 0) return coupling.pin(from.of(node), axis, fixed_at(node));
  if (normalize_axis(node.int_attribute("axis", 0), rank, node.label()) != axis) {
    for (ValueId id : node.inputs) coupling.tie(id, axis, y, axis);
    return;
  }
  int64_t offset = 0;
  for (ValueId id : node.inputs) {
    const int64_t extent = coupling.extent(id, axis);
    if (extent < 0 || coupling.extent(y, axis) < 0) {
      return coupling.pin(from.of(node), axis, fixed_at(node));
    }
    for (int64_t i = 0; i < extent; ++i) coupling.tie({id, axis}, i, {y, axis}, offset + i);
    offset += extent;
  }
}

void couple_split(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const int rank = coupling.rank(x);
  if (rank < 0 || (!from.output && from.index != 0)) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  if (normalize_axis(node.int_attribute("axis", 0), rank, node.label()) != axis) {
    for (ValueId id : node.outputs) coupling.tie(x, axis, id, axis);
    return;
  }
  const auto sizes = split_sizes(coupling.graph(), node, coupling.extent(x, axis));
  if (!sizes) return coupling.pin(from.of(node), axis, fixed_at(node));
  int64_t offset = 0;
  for (size_t k = 0; k < sizes->size(); ++k) {
    if (node.output(k) != kNoValue && coupling.extent(node.output(k), axis) == (*sizes)[k]) {
      for (int64_t i = 0; i < (*sizes)[k]; ++i) {
        coupling.tie({node.output(k), axis}, i, {x, axis}, offset + i);
      }
    } else if (node.output(k) != kNoValue) {
      coupling.pin(x, axis, fixed_at(node));
    }
    offset += (*sizes)[k];
  }
}

void couple_slice(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0);
  const int64_t extent = coupling.extent(x, axis);
  if (from.index != 0 || extent < 0) return coupling.pin(from.of(node), axis, fixed_at(node));
  const std::optional<SliceRange> range =
      slice_range(coupling.graph(), node, axis, coupling.rank(x), extent);
  if (!range || coupling.extent(y, axis) != range->end - range->begin) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  for (int64_t i = range->begin; i < range->end; ++i) {
    coupling.tie({x, axis}, i, {y, axis}, i - range->begin);
  }
}

void couple_pad(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0);
  const int64_t extent = coupling.extent(x, axis);
  const auto pads = axis_pads(coupling.graph(), node, axis, coupling.rank(x));
  if (from.index != 0 || extent < 0 || !pads || pads->before < 0 || pads->after < 0 ||
      coupling.extent(y, axis) != pads->before + extent + pads->after) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  // Reflected channels would be others afterwards.
  const bool constant = node.string_attribute("mode", "constant") == "constant";
  if (!constant && pads->before + pads->after > 0) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  for (int64_t i = 0; i < extent; ++i) coupling.tie({x, axis}, i, {y, axis}, pads->before + i);
}

void couple_transpose(Coupling& coupling, const Node& node, Operand from, int axis) {
  const int rank = coupling.rank(node.input(0));
  if (rank < 0) return coupling.pin(from.of(node), axis, fixed_at(node));
  std::vector<int64_t> perm = node.ints_attribute("perm");
  if (perm.empty()) {
    for (int i = rank; i-- > 0;) perm.push_back(i);
  }
  for (size_t out = 0; out < perm.size(); ++out) {
    const int in = static_cast<int>(perm[out]);
    if (from.output ? static_cast<int>(out) == axis : in == axis) {
      coupling.tie(node.input(0), in, node.output(0), static_cast<int>(out));
    }
  }
}

/** y[.., indices .., ..]: the axes in front of and behind the gathered one pass. */
void couple_gather(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0);
  const int rank = coupling.rank(x);
  const int index_rank = coupling.rank(node.input(1));
  if (rank < 1 || index_rank < 0 || (!from.output && from.index != 0)) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  const int along = normalize_axis(node.int_attribute("axis", 0), rank, node.label());
  const int shift = index_rank - 1;
  const bool before = axis < along;
  const bool behind = from.output ? axis > along + shift : axis > along;
  if (before) return coupling.tie(x, axis, y, axis);
  if (behind) {
    const int in = from.output ? axis - shift : axis;
    return coupling.tie(x, in, y, in + shift);
  }
  const auto indices = coupling.integers(node, 1);
  const int64_t extent = coupling.extent(x, along);
  if (!indices || index_rank != 1 || extent < 0) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  for (size_t i = 0; i < indices->size(); ++i) {
    const int64_t at = (*indices)[i] < 0 ? (*indices)[i] + extent : (*indices)[i];
    coupling.tie({x, along}, at, {y, along}, static_cast<int64_t>(i));
  }
}

/** [n, c, h, w]: b * b channels become the pixels of one, or the other way round. */
void couple_depth_to_space(Coupling& coupling, const Node& node, Operand from, int axis) {
  const bool deep_in = node.is("DepthToSpace");
  const ValueId deep = deep_in ? node.input(0) : node.output(0);
  const ValueId flat = deep_in ? node.output(0) : node.input(0);
  if (axis == 0) return coupling.tie(deep, 0, flat, 0);
  const int64_t block = node.int_attribute("blocksize", 1);
  const int64_t channels = coupling.extent(flat, 1);
  if (axis != 1 || channels < 1 || coupling.extent(deep, 1) != channels * block * block) {
    return coupling.pin(from.of(node), axis, fixed_at(node));
  }
  const bool channel_first = deep_in && node.string_attribute("mode", "DCR") == "CRD";
  for (int64_t i = 0; i < channels * block * block; ++i) {
    coupling.tie({deep, 1}, i, {flat, 1}, channel_first ? i / (block * block) : i % channels);
  }
}

}  // namespace whittle
