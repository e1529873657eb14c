#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/graph/graph.h"

namespace whittle {

/** One axis of one value. */
struct ValueAxis {
  ValueId value = kNoValue;
  int axis = 0;
  auto operator<=>(const ValueAxis&) const = default;
};

/**
 * The places along the axes of values that can only be removed together: a set of slots, one for
 * each index of each axis that was looked at, joined into classes. A class may be pinned, with the
 * reason why none of its slots can go.
 */
class ChannelSlots {
 public:
  /** The first slot of an axis of `extent` places, made on the first call. */
  int open(const ValueAxis& at, int64_t extent);
  bool is_open(const ValueAxis& at) const { return axes_.contains(at); }
  /** The class of place `index` of an axis that is open. */
  int class_of(const ValueAxis& at, int64_t index) const;
  int64_t extent(const ValueAxis& at) const { return axes_.at(at).second; }
  /** Every open axis, sorted. */
  const std::map<ValueAxis, std::pair<int, int64_t>>& axes() const { return axes_; }

  void join(int a, int b);
  void pin(int slot, const std::string& reason);
  int root(int slot) const;
  /** Why a class cannot be removed, or "". */
  const std::string& pinned(int class_root) const;
  int slots() const { return static_cast<int>(parents_.size()); }

 private:
  std::map<ValueAxis, std::pair<int, int64_t>> axes_;  // first slot, extent
  mutable std::vector<int> parents_;
  std::vector<int> reasons_;  // by root: index into texts_, -1 for none
  std::vector<std::string> texts_;
};

}  // namespace whittle
