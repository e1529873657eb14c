#pragma once

// Shared by the kernel tests: tiers as test parameters, guarded buffers, seeded data.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/kernels/kernel_table.h"
#include "core/kernels/pack.h"
#include "tests/support/tolerance.h"

namespace whittle::test {

// A buffer of n elements between canaries, starting at an address of only element alignment. The
// canaries catch in-page overruns where no sanitizer runs (wasm).
template <typename T>
class Guarded {
 public:
  explicit Guarded(size_t n, T fill = T())
      : bytes_((n + 1) * sizeof(T) + 2 * kGuard, kCanary), n_(n) {
    for (size_t i = 0; i < n; ++i) data()[i] = fill;
  }
  ~Guarded() {
    const size_t head = kGuard + offset();
    for (size_t i = 0; i < bytes_.size(); ++i) {
      if (i >= head && i < head + n_ * sizeof(T)) continue;
      if (bytes_[i] != kCanary) {
        ADD_FAILURE() << "canary overwritten at byte "
                      << static_cast<int64_t>(i) - static_cast<int64_t>(head) << " of a buffer of "
                      << n_ * sizeof(T);
        return;
      }
    }
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + kGuard + offset()); }
  T& operator[](size_t i) { return data()[i]; }
  size_t size() const { return n_; }

 private:
  static constexpr size_t kGuard = 64;
  static constexpr uint8_t kCanary = 0xa5;
  size_t offset() const { return sizeof(T); }  // never 16-byte aligned

  std::vector<uint8_t> bytes_;
  size_t n_;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(engine_() >> 8) * 0x1p-24f;
  }
  int32_t integer(int32_t low, int32_t high) {  // both included
    return low + static_cast<int32_t>(engine_() % static_cast<uint32_t>(high - low + 1));
  }
  std::vector<float> floats(size_t n, float low = -1.0f, float high = 1.0f) {
    std::vector<float> values(n);
    for (float& v : values) v = uniform(low, high);
    return values;
  }
  // Bytes of the whole range, the extremes often.
  std::vector<uint8_t> bytes(size_t n) {
    static constexpr uint8_t kExtremes[] = {0, 1, 127, 128, 129, 255};
    std::vector<uint8_t> values(n);
    for (uint8_t& v : values) {
      const uint32_t r = engine_();
      v = (r & 3) == 0 ? kExtremes[(r >> 8) % 6] : static_cast<uint8_t>(r >> 16);
    }
    return values;
  }

 private:
  std::mt19937 engine_;
};

// Fast tiers the build contains.
inline std::vector<Tier> fast_tiers() {
  std::vector<Tier> tiers;
  for (const Tier tier : {Tier::simd128, Tier::relaxed}) {
    if (kernels_for(tier)) tiers.push_back(tier);
  }
  return tiers;
}

// Names a parameterised test after its tier.
struct TierName {
  std::string operator()(const testing::TestParamInfo<Tier>& info) const {
    return tier_name(info.param);
  }
};

// Packed weights need 16-byte alignment.
class Packed {
 public:
  explicit Packed(size_t bytes) : storage_(bytes / sizeof(Block) + 1) {}
  void* data() { return storage_.data(); }

 private:
  struct alignas(16) Block {
    uint8_t bytes[16];
  };
  std::vector<Block> storage_;
};

}  // namespace whittle::test
