#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor.h"

namespace whittle {

/** Which elements of a weight become zero. */
using WeightMask = std::vector<bool>;

/**
 * How the elements of a weight are grouped into units that become zero together: `block`
 * neighbouring output channels (fewer at the end) at the same place of all other axes.
 */
struct MaskUnits {
  Shape shape;
  int channel_axis = 0;
  int64_t block = 1;

  int64_t count() const;
  /** The unit of an element. */
  int64_t unit_of(int64_t element) const;
  /** Of a unit: which block of output channels it belongs to. */
  int64_t row_of(int64_t unit) const;
  int64_t rows() const;
};

/** Sums of an importance of elements over units. */
std::vector<float> unit_scores(const MaskUnits& units, std::span<const float> elements);

/** The share `sparsity` of all units with the least scores; of equal ones those that come first.
 * `by_row`: the share of the units of each block of output channels. */
WeightMask lowest(const MaskUnits& units, std::span<const float> scores, double sparsity,
                  bool by_row);
/** The units whose score is below `threshold`. */
WeightMask below(const MaskUnits& units, std::span<const float> scores, float threshold);

/** Six elements a letter of base64url, the first in the highest bit. */
std::string write_mask(const WeightMask& mask);
/** Throws INVALID_OPTION naming `where` unless `text` is the mask of `count` elements. */
WeightMask read_mask(std::string_view text, size_t count, const std::string& where);

}  // namespace whittle
