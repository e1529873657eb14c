#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/linalg/output_basis.h"

namespace whittle {

/** W [m, k] as second [m, rank] times first [rank, k]. */
struct LowRank {
  int rank = 0;
  std::vector<float> first;
  std::vector<float> second;
};

/** The directions of the outputs of W [m, k] when every input counts the same, with the squared
 * singular values as their energy. */
OutputBasis weight_basis(std::span<const float> weight, int m, int k);
/** The first `rank` of them by random projection, for large matrices. */
OutputBasis projected_basis(std::span<const float> weight, int m, int k, int rank, uint64_t seed);

/** W projected on the span of the first `rank` rows of `vectors` [.., m], which are orthonormal;
 * both factors of a component get the same norm, so that neither has a wide range. */
LowRank project_on(std::span<const float> weight, int m, int k, std::span<const float> vectors,
                   int rank);
/** The product [m, k], added up in double precision. */
std::vector<float> multiply_out(const LowRank& factors, int m, int k);

/** Rows of values in [-1, 1] as text, 16 bits each, and back. read_basis throws INVALID_OPTION
 * naming `where` for a text of another length or with other characters. */
std::string write_basis(std::span<const float> rows);
std::vector<float> read_basis(const std::string& text, size_t count, const std::string& where);
/** The same for values of any size, with their scale in front. */
std::string write_scaled(std::span<const float> values);
std::vector<float> read_scaled(const std::string& text, size_t count, const std::string& where);
/** Characters that `count` of them take. */
size_t scaled_length(size_t count);

}  // namespace whittle
