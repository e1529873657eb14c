#pragma once

#include "core/compress/layer_error/hessian.h"
#include "core/compress/layer_error/sample_store.h"
#include "core/compress/prune/support/fit_layers.h"

namespace whittle {

/** What a layer is fitted on: rows z = (x, 1, e), groups one after the other; x what it reads, e
 * what its target is short of. */
struct FitRows {
  explicit FitRows(const FitLayer& layer, uint64_t seed)
      : moments(layer.moments()), held(kMostHeld, layer.moments().row_size(), seed) {}
  /** Bytes it takes for such a layer. */
  static int64_t bytes(const FitLayer& layer) {
    return Hessian::bytes(layer.moments()) + 4 * kMostHeld * layer.moments().row_size();
  }

  static constexpr int64_t kMostHeld = 1024;
  Hessian moments;    // sum of z z^T
  RowReservoir held;  // rows of other samples, to judge a fit by
};

/** Gathers the rows of `layer` in `smaller`, whose target is compared with the same value in the
 * context's model: both are run on the samples. A quarter of them is held out. */
Job gather_rows(TechniqueContext& context, SampleStore& samples, const Model& smaller,
                FitLayer& layer, Products& products, FitRows& rows);

}  // namespace whittle
