#pragma once

#include "core/base/progress.h"
#include "core/compress/layer_error/hessian.h"
#include "core/compress/prune/support/fit_rows.h"
#include "core/runtime/job.h"

namespace whittle {

/** What is added to a layer's weight (in its layout) and bias (empty: nothing). */
struct FitChange {
  std::vector<float> weight;
  std::vector<float> bias;
  /** Share of the squared error that it takes back; 0: nothing changes. */
  double recovered = 0;
};

/**
 * The change of a layer's weight and bias that brings its target closest to what it was, in the sum
 * of squares over the rows. With S = sum of x x^T and E = sum of e x^T: D = E (S + r mean(diag S)
 * I)^-1, the bias free of r. Inputs that went are made up for by a linear combination of those that
 * stayed, and the errors of the layers before by what tells of them (as in He et al. 2017, "Channel
 * Pruning for Accelerating Very Deep Neural Networks", section 3.2). r is `ridge` or a power of ten
 * more, whichever does best on the rows held out: with fewer rows than weights, which is common in
 * layers that a sample has one row for, the least of them learns the rows by heart. Where none is
 * better than no change, there is none.
 */
Job fit_layer(const CancelFlag& cancel, const std::string& name, const FitLayer& layer,
              Products& products, double ridge, FitRows& rows, FitChange& change);

}  // namespace whittle
