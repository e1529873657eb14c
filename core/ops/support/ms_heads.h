#pragma once

#include "core/ops/support/attend.h"

namespace whittle {

/** Copies heads, wherever they lie, to [batch, heads, past + rows, size] of f32, behind the rows of
 * `past` [batch, heads, past, size] (undefined: none) and with `bias` [heads * size] (may be null)
 * added. */
Tensor gather_heads(const HeadRows<const float>& from, const float* bias, int64_t batch,
                    int64_t heads, int64_t rows, int64_t size, const Tensor& past = {});

/** The mask of com.microsoft's attention operators as what it adds to scores: `filter` for keys to
 * leave out. [batch] holds lengths, [2 * batch] ends and then starts, [batch, keys] and [batch,
 * queries, keys] a 0 for each key to leave out. Throws SHAPE_MISMATCH. */
ScoreBias padding_bias(const Node& node, const Tensor& mask, const Attention& task, float filter);

/** A required attribute num_heads (or another) of at least 1; throws INVALID_GRAPH. */
int64_t require_heads(const Node& node, std::string_view attribute);

/** Throws UNSUPPORTED where input i is given. */
void refuse_input(const EvalContext& context, size_t i, std::string_view what);

}  // namespace whittle
