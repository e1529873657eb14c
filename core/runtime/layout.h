#pragma once

#include <vector>

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

/** Adds the operation that hands each observed value to the observer, right after it is made; as it
 * is stored, or in ONNX's order. */
void insert_observers(LoweredGraph& graph, bool stored);

/**
 * Chooses the layout of every value: spatial operations work channels-last, what stands between
 * them follows, and conversions are put where plain and channels-last operations meet.
 */
void assign_layouts(LoweredGraph& graph);

/** Where axis `axis` of ONNX lies in the stored order of a value. */
int stored_axis(const LoweredValue& value, int axis);
/** For each stored axis of `to`, the stored axis of `from` that it takes, when `to` is the
 * transpose of `from` by ONNX's `perm`. */
std::vector<int> stored_permutation(const LoweredValue& from, const LoweredValue& to,
                                    const std::vector<int64_t>& perm);
/** Permuting `shape` by `perm` moves no element: axes longer than 1 keep their order. */
bool keeps_order(const Shape& shape, const std::vector<int>& perm);

}  // namespace whittle
