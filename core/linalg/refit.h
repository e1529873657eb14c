#pragma once

#include <span>
#include <vector>

namespace whittle {

/**
 * The last factor of a layer anew: U [m, r] with the least E ||W x - U F x||^2 for inputs of second
 * moment C [k, k], W [m, k] and features F [r, k], held to `start` [m, r] by a ridge of 1e-3 of the
 * mean power of a feature, so that what the data does not tell stays as it was:
 * U = start + (W - start F) C F^T (F C F^T + ridge)^-1.
 */
std::vector<float> refit_output(std::span<const float> weight, int m, int k,
                                std::span<const float> features, int r,
                                std::span<const float> start, std::span<const double> moment);

}  // namespace whittle
