#pragma once

#include <span>
#include <vector>

namespace whittle {

/** Where the outputs of a linear layer live: orthonormal directions, the strongest first. */
struct OutputBasis {
  std::vector<double> energy;  // of the outputs along each direction, descending: min(m, k) of them
  std::vector<float> vectors;  // [min(m, k), m] row-major
};

/**
 * The directions that y = W x spreads in when the inputs have the second moment C = E[x x^T]: with
 * the Cholesky factor C = L L^T the left singular vectors of W L, which is how SVD-LLM (Wang et al.
 * 2024) whitens. Cutting W L to its first r singular triples and undoing the whitening gives V V^T
 * W with the first r of them as V, the best approximation of rank r in E ||W x - W' x||^2, so L
 * never has to be inverted. `weight` is [m, k], `moment` [k, k] symmetric; a singular C is damped
 * by 1e-9 of its mean diagonal, no moment at all (empty) counts as the identity: then the
 * directions are the left singular vectors of W. Throws INVALID_DATA on what is not finite.
 */
OutputBasis output_basis(std::span<const float> weight, int m, int k,
                         std::span<const double> moment);

/** Makes `count` rows of m values orthonormal without changing the spans of the first ones (QR);
 * count <= m. */
void orthonormalize(std::span<float> rows, int count, int m);

/** E ||W x - W' x||^2 / E ||W x||^2 for W, W' [m, k] and C [k, k]; plain norms when C is empty. */
double output_error2(std::span<const float> weight, std::span<const float> other, int m, int k,
                     std::span<const double> moment);

}  // namespace whittle
