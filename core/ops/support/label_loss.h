#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Output 0 of a loss over labels: the labels' dims with reduction "none", else a scalar. Inputs:
 * scores [N, C, d...], labels [N, d...], optional weights [C]. */
void infer_label_loss(InferContext& context);

/**
 * Output 0 = -w[t] x[n, t, d] for the label t at each [n, d], 0 where t is attribute ignore_index;
 * summed, or averaged over the sum of the weights that count, as attribute reduction says.
 * `log_probabilities` stands for input 0. Throws SHAPE_MISMATCH, INVALID_DATA on a label outside of
 * [0, C).
 */
void evaluate_label_loss(EvalContext& context, const Tensor& log_probabilities);

}  // namespace whittle
