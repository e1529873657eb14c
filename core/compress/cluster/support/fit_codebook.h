#pragma once

#include <span>

#include "core/compress/cluster/support/palette.h"
#include "core/compress/layer_error/hessian.h"
#include "core/runtime/job.h"

namespace whittle {

/**
 * Moves the values of a palette's codebooks to where, with the codes as they are, the output of the
 * layer has the least squared error over the rows of H (GPTVQ's codebook update, van Baalen et al.
 * 2024, in closed form: one unknown an entry), and puts them in ascending order again. Entries that
 * are exactly zero, or that no weight uses, stay. Does nothing where the outputs of a group do not
 * keep their codebook to themselves, or where all share one. `importance`: by how much the squared
 * error of every output counts, or empty. `damping` as of gptq.
 */
Job fit_codebooks(const CancelFlag& cancel, ThreadPool& pool, std::span<const float> weight,
                  const LayerMatrix& matrix, const Hessian& hessian,
                  std::span<const float> importance, float damping, Palette& palette);

}  // namespace whittle
