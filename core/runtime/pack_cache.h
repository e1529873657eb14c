#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace whittle {

/** Packed constants of a session, shared by its plans: packed once, kept while a plan uses them. */
class PackCache {
 public:
  /** The block named `key`, 64-byte aligned, filled by `fill` on first use. */
  std::shared_ptr<const std::byte> get(const std::string& key, size_t bytes,
                                       const std::function<void(std::byte*)>& fill);
  int64_t bytes() const;
  /** A number no other plan of the session has, to name its private constants by. Forgets the names
   * of blocks that are gone: where shapes change all the time there would be ever more. */
  int new_scope();
  /** How many names are remembered. */
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::weak_ptr<const std::byte> block;
    size_t bytes = 0;
  };
  std::unordered_map<std::string, Entry> entries_;
  int next_scope_ = 0;
};

}  // namespace whittle
