#include "core/compress/prune/support/channel_slots.h"

#include <algorithm>
#include <utility>

namespace whittle {

int ChannelSlots::open(const ValueAxis& at, int64_t extent) {
  const auto [place, added] = axes_.try_emplace(at, slots(), extent);
  if (added) {
    for (int64_t i = 0; i < extent; ++i) parents_.push_back(slots());
    reasons_.resize(parents_.size(), -1);
  }
  return place->second.first;
}

int ChannelSlots::class_of(const ValueAxis& at, int64_t index) const {
  return root(axes_.at(at).first + static_cast<int>(index));
}

int ChannelSlots::root(int slot) const {
  int at = slot;
  while (parents_[static_cast<size_t>(at)] != at) at = parents_[static_cast<size_t>(at)];
  while (parents_[static_cast<size_t>(slot)] != at) {
    slot = std::exchange(parents_[static_cast<size_t>(slot)], at);
  }
  return at;
}

void ChannelSlots::join(int a, int b) {
  const auto [low, high] = std::minmax({root(a), root(b)});
  if (low == high) return;
  parents_[static_cast<size_t>(high)] = low;
  int& kept = reasons_[static_cast<size_t>(low)];
  if (kept < 0) kept = reasons_[static_cast<size_t>(high)];
}

void ChannelSlots::pin(int slot, const std::string& reason) {
  int& kept = reasons_[static_cast<size_t>(root(slot))];
  if (kept >= 0) return;
  if (texts_.empty() || texts_.back() != reason) texts_.push_back(reason);
  kept = static_cast<int>(texts_.size()) - 1;
}

const std::string& ChannelSlots::pinned(int class_root) const {
  static const std::string none;
  const int reason = reasons_[static_cast<size_t>(class_root)];
  return reason < 0 ? none : texts_[static_cast<size_t>(reason)];
}

}  // namespace whittle
