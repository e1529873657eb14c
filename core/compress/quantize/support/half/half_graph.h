#pragma once

#include <functional>

#include "core/compress/graph_edit.h"
#include "core/graph/graph.h"

namespace whittle {

/** Whether the definition of an operator has no float16 form, or one nobody implements: such nodes
 * stay float32 in a float16 graph. */
bool wants_float32(const Node& node);

/**
 * Turns a float32 model into a float16 one: every float32 value becomes float16, except the model's
 * inputs and outputs (converted at the border), what an operator's definition wants in float32, and
 * the nodes `keep` says yes to, with what they make. Casts stand where float16 meets float32; two
 * neighbours that stay float32 pass their value on as it is.
 */
void convert_to_half(Graph& root, NameMaker& names, const std::function<bool(const Node&)>& keep);

}  // namespace whittle
