#pragma once

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

/** Adds the operation that hands each observed value to the observer, right after it is made. */
void insert_observers(LoweredGraph& graph);

/**
 * Chooses the layout of every value: spatial operations work channels-last, what stands between them
 * follows, and conversions are put where plain and channels-last operations meet.
 */
void assign_layouts(LoweredGraph& graph);

}  // namespace whittle
