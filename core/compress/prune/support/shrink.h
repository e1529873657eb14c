#pragma once

#include <map>
#include <set>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/prune/support/channel_slots.h"
#include "core/ops/op.h"

namespace whittle {

/** Which places of each axis stay; only axes that lose some are listed. */
using KeptPlaces = std::map<ValueAxis, std::vector<bool>>;

/** The places that stay when the classes of `removed` go. */
KeptPlaces kept_places(const ChannelSlots& slots, const std::set<int>& removed);

/** Elements of `tensor` at the kept places of one axis. */
Tensor kept_part(const Tensor& tensor, int axis, const std::vector<bool>& kept);

/**
 * Takes the other places away: constants become smaller, and groups, hidden sizes, pieces, ranges,
 * pads, shapes and indices that say how many there are are brought in line. Shapes of the graph's
 * values are inferred anew. Throws SHAPE_MISMATCH or INVALID_GRAPH when an operator does not go
 * along, as with a shape that is computed from something else.
 */
void shrink(Graph& graph, const OpTable& ops, const KeptPlaces& kept);

}  // namespace whittle
