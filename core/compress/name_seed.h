#pragma once

#include <cstdint>
#include <string_view>

namespace whittle {

/** FNV-1a: a stream of random numbers of its own for every weight, whatever else is selected. */
inline uint64_t name_seed(std::string_view name) {
  uint64_t hash = 14695981039346656037ULL;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace whittle
