#pragma once

#include <cstdint>

namespace whittle {

/** PCG32 (O'Neill 2014): a small seeded generator with the same stream on every platform. */
class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : increment_((stream << 1) | 1) {
    next();
    state_ += seed;
    next();
  }

  uint32_t next() {
    const uint64_t old = state_;
    state_ = old * 6364136223846793005ULL + increment_;
    const uint32_t shifted = static_cast<uint32_t>(((old >> 18) ^ old) >> 27);
    const uint32_t rotation = static_cast<uint32_t>(old >> 59);
    return (shifted >> rotation) | (shifted << ((32 - rotation) & 31));
  }

  /** Uniform in [0, 1), 24 bits. */
  float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }
  /** Uniform in [low, high). */
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /** Uniform integer in [0, bound), bound > 0, without modulo bias worth noticing (Lemire 2019). */
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>((static_cast<uint64_t>(next()) * bound) >> 32);
  }
  /** Approximately standard normal (sum of twelve uniforms; bounded by +-6). */
  float normal() {
    float sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  uint64_t state_ = 0;
  uint64_t increment_;
};

}  // namespace whittle
