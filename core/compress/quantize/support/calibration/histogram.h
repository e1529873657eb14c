#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whittle {

/**
 * The distribution of a tensor's values, taken in one pass in fixed memory: counts in kBins bins of
 * one width, which is a power of two. Edges are multiples of the width, so zero is one of them,
 * data on one side of it uses all the bins there, and when a value falls outside, widening is
 * adding neighbours in pairs. The least and greatest values are exact.
 */
class Histogram {
 public:
  static constexpr int kBins = 2048;
  /** Of a larger tensor every n-th value is counted, n coprime to its size so that every channel
   * and row has its turn, from another start each time. */
  static constexpr size_t kMostCounted = 1 << 15;

  /** Counts `values`, which lie in [low, high] and are numbers; both finite, low <= 0 <= high. */
  void add(std::span<const float> values, float low, float high);

  /** The extremes of everything added, zero included. */
  float min() const { return min_; }
  float max() const { return max_; }
  /** Bin i holds the values in [edge(i), edge(i + 1)); max() may lie on the last edge. */
  double edge(int i) const { return static_cast<double>(first_ + i) * width_; }
  double width() const { return width_; }
  std::span<const uint64_t> counts() const { return counts_; }
  uint64_t total() const { return total_; }
  /** How many of the counted values were zero; they are in the counts as well. */
  uint64_t zeros() const { return zeros_; }
  /** The bin that begins at zero. */
  int zero_bin() const { return static_cast<int>(-first_); }

 private:
  void make_room(float low, float high);

  float min_ = 0;
  float max_ = 0;
  double width_ = 0;   // 0 before the first value other than zero
  int64_t first_ = 0;  // edge of the first bin, in widths
  std::vector<uint64_t> counts_ = std::vector<uint64_t>(kBins, 0);
  uint64_t total_ = 0;
  uint64_t zeros_ = 0;
  size_t start_ = 0;  // turns the place where sampling starts
};

}  // namespace whittle
