#pragma once

#include "core/ops/op.h"

namespace whittle {

/** Cosines and sines of rotary position embeddings: row p has those of position p. */
struct RotaryTable {
  std::vector<float> cosines;  // [positions, columns]
  std::vector<float> sines;
  int64_t columns = 0;
  int64_t half = 0;  // pairs of values that are turned, by the first columns
  bool interleaved = false;

  /** Inputs `cosines` and `sines` of the node, of equal shapes [.., columns]. */
  static RotaryTable read(const EvalContext& context, size_t cosines, size_t sines,
                          bool interleaved);
  int64_t positions() const { return static_cast<int64_t>(cosines.size()) / columns; }
  /** y = x of one head with its pairs (x[i], x[i + half]), or (x[2 i], x[2 i + 1]) interleaved,
   * turned by the angles of a position: (a cos - b sin, a sin + b cos). Values past the pairs are
   * copied. Throws INVALID_DATA for a position outside of the table. */
  void rotate(const float* x, float* y, int64_t size, int64_t position, const Node& node) const;
};

}  // namespace whittle
