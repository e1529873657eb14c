#pragma once

#include <span>

namespace whittle {

/** What variational Bayes makes of a matrix: how many of its components are more than noise. */
struct Vbmf {
  int rank = 0;
  double noise_variance = 0;  // of one entry
  double threshold = 0;       // singular values at or below it are noise
};

/**
 * The global solution of empirical variational Bayesian matrix factorization in closed form
 * (Nakajima, Sugiyama, Babacan and Tomioka 2013, "Global analytic solution of fully-observed
 * variational Bayesian matrix factorization", JMLR 14; theorem 2, and the noise variance by the
 * one-dimensional search of theorem 6) for a matrix [rows, cols] with these singular values, all
 * min(rows, cols) of them in descending order.
 */
Vbmf vbmf(std::span<const double> singular_values, int rows, int cols);

/** The zero tau of Phi(tau) + Phi(tau / alpha), Phi(z) = log(z + 1) / z - 1/2, for alpha in (0, 1]:
 * about 2.5129 sqrt(alpha). */
double vbmf_tau(double alpha);

}  // namespace whittle
