#include "core/kernels/kernel_table.h"

namespace whittle {

const char* tier_name(Tier tier) {
  switch (tier) {
    case Tier::reference:
      return "reference";
    case Tier::simd128:
      return "simd128";
    case Tier::relaxed:
      return "relaxed";
  }
  return "unknown";
}

const KernelTable* kernels_for(Tier tier) {
  switch (tier) {
    case Tier::reference:
      return &reference_kernels();
    case Tier::simd128:
#ifdef WHITTLE_HAS_SIMD128
      return &simd128_kernels();
#else
      return nullptr;
#endif
    case Tier::relaxed:
#ifdef WHITTLE_HAS_RELAXED
      return &relaxed_kernels();
#else
      return nullptr;
#endif
  }
  return nullptr;
}

Tier best_tier() {
#if defined(WHITTLE_HAS_RELAXED)
  return Tier::relaxed;
#elif defined(WHITTLE_HAS_SIMD128)
  return Tier::simd128;
#else
  return Tier::reference;
#endif
}

}  // namespace whittle
