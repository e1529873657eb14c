#pragma once

#include <cstdint>
#include <span>

#include "core/linalg/svd.h"

namespace whittle {

struct RandomizedSvdOptions {
  int oversampling = 10;     // directions beyond the rank that are looked at
  int power_iterations = 2;  // each sharpens the spectrum once more
  uint64_t seed = 0;
};

/**
 * The leading `rank` components of a row-major matrix by the randomized range finder with power
 * iterations (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1), for matrices too large to
 * take apart whole. The signs are fixed as svd() fixes them; u is [rows, rank], v is [cols, rank].
 * Throws INVALID_DATA on a NaN or an infinity.
 */
Svd randomized_svd(std::span<const float> matrix, int rows, int cols, int rank,
                   const RandomizedSvdOptions& options = {});

}  // namespace whittle
