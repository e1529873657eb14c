#pragma once

// Tables the integer tests run: every tier, and natively the relaxed tier on a model of each kind
// of engine.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/kernels/kernel_table.h"
#include "core/kernels/relaxed_dot.h"
#include "tests/core/kernels/support.h"

namespace whittle::test {

struct Engine {
  const char* name;
  Tier tier;
  RelaxedDotBehaviour behaviour;

  KernelTable table() const {
#ifndef __wasm__
    if (tier == Tier::relaxed) {
      set_modelled_relaxed_dot(behaviour);
      EXPECT_EQ(probe_relaxed_dot(), behaviour);
      return make_relaxed_kernels(behaviour);
    }
#endif
    return *kernels_for(tier);
  }
};

inline std::vector<Engine> engines() {
  std::vector<Engine> list;
  if (kernels_for(Tier::simd128)) {
    list.push_back({"simd128", Tier::simd128, RelaxedDotBehaviour::saturating});
  }
  if (!kernels_for(Tier::relaxed)) return list;
#ifdef __wasm__
  list.push_back({"relaxed", Tier::relaxed, RelaxedDotBehaviour::saturating});
#else
  list.push_back({"relaxed_unsigned", Tier::relaxed, RelaxedDotBehaviour::unsigned_exact});
  list.push_back({"relaxed_signed", Tier::relaxed, RelaxedDotBehaviour::signed_exact});
  list.push_back({"relaxed_saturating", Tier::relaxed, RelaxedDotBehaviour::saturating});
#endif
  return list;
}

struct EngineName {
  std::string operator()(const testing::TestParamInfo<Engine>& info) const {
    return info.param.name;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Engine& engine) {
  return out << engine.name;
}

// Weights of n columns: full 8-bit range, with a zero point per column if `shifted`.
struct QWeights {
  std::vector<uint8_t> values;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  std::vector<float> fbias;
  std::vector<int32_t> zero_point;
  bool is_signed = true;

  QWeights(Random& random, size_t count, size_t n, bool shifted) {
    values = random.bytes(count);
    is_signed = !shifted;
    for (size_t i = 0; i < n; ++i) {
      bias.push_back(random.integer(-100000, 100000));
      scale.push_back(random.uniform(0.0001f, 0.01f));
      fbias.push_back(random.uniform(-5, 5));
      zero_point.push_back(shifted ? random.integer(0, 255) : 0);
    }
  }
  QPackParams params() const {
    return {bias.data(), scale.data(), fbias.data(), zero_point.data()};
  }
};

// The epilogues, with clamps and zero points at both ends of the range.
inline std::vector<QEpilogue> q_epilogues() {
  std::vector<QEpilogue> list(6);
  list[0].out_zero_point = 0;
  list[1].out_zero_point = 255;
  list[1].qmin = 100;
  list[2].output = QOutput::s8;
  list[2].out_zero_point = -128;
  list[2].qmin = -128;
  list[2].qmax = 127;
  list[3].output = QOutput::s8;
  list[3].out_zero_point = 127;
  list[3].qmin = -3;
  list[3].qmax = 90;
  list[4].output = QOutput::f32;
  list[4].a_scale = 0.037f;
  list[4].float_epilogue.min = 0.0f;
  list[5].output = QOutput::i32;
  return list;
}

inline size_t q_output_bytes(QOutput output) {
  return output == QOutput::u8 || output == QOutput::s8 ? 1 : 4;
}

}  // namespace whittle::test
