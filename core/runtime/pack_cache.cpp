#include "core/runtime/pack_cache.h"

#include "core/tensor/tensor.h"

namespace whittle {

std::shared_ptr<const std::byte> PackCache::get(const std::string& key, size_t bytes,
                                                const std::function<void(std::byte*)>& fill) {
  Entry& entry = entries_[key];
  if (auto block = entry.block.lock()) return block;
  Tensor memory = Tensor::allocate(DType::u8, Shape{static_cast<int64_t>(bytes)});
  fill(memory.mutable_raw());
  std::shared_ptr<const std::byte> block(memory.owner(), memory.raw());
  entry = {block, bytes};
  return block;
}

int PackCache::new_scope() {
  std::erase_if(entries_, [](const auto& item) { return item.second.block.expired(); });
  return next_scope_++;
}

int64_t PackCache::bytes() const {
  int64_t total = 0;
  for (const auto& [key, entry] : entries_) {
    if (!entry.block.expired()) total += static_cast<int64_t>(entry.bytes);
  }
  return total;
}

}  // namespace whittle
