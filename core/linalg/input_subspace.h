#pragma once

#include <span>
#include <vector>

namespace whittle {

/** Which combinations of its inputs a linear layer needs the most: row i of `rows`, the strongest
 * first; the first r of them span the best r-dimensional choice. */
struct InputSubspace {
  std::vector<double> energy;  // of the outputs that each brings, descending: min(m, k) of them
  std::vector<float> rows;     // [min(m, k), k], orthonormal
};

/**
 * For y = A x with A [m, k] and inputs of second moment C = L L^T: with A L = U S Q^T, the first r
 * rows of Q^T L^-1. Together with input_decoder they lose the least of E ||A x - A D E x||^2.
 * C is damped by 1e-6 of its mean diagonal; empty counts as the identity.
 */
InputSubspace input_subspace(std::span<const float> a, int m, int k,
                             std::span<const double> moment);

/** D [k, count] with the least E ||x - D E x||^2 for E = the `count` orthonormal `rows` [count, k];
 * E^T without a moment. */
std::vector<float> input_decoder(std::span<const float> rows, int count, int k,
                                 std::span<const double> moment);

}  // namespace whittle
