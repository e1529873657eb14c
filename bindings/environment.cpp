#include "bindings/environment.h"

#include <emscripten/bind.h>
#include <emscripten/emscripten.h>

#include <memory>

#include "bindings/guard.h"
#include "bindings/threads/make_pool.h"

namespace whittle::bindings {
namespace {

std::unique_ptr<ThreadPool> g_pool = std::make_unique<SerialPool>();

const KernelTable* best_kernels() {
  for (Tier tier : {Tier::relaxed, Tier::simd128, Tier::reference}) {
    if (const KernelTable* table = kernels_for(tier)) return table;
  }
  return nullptr;
}

/** Starts workers so that `threads` work in all; they count from the moment they report. Call once,
 * and return to the event loop before relying on them. A module without threads stays serial. */
void start_threads(int threads) {
  if (threads > 1) g_pool = make_pool(threads);
}

int active_threads() {
  return g_pool->threads();
}

std::string best_tier() {
  return tier_name(best_kernels()->tier);
}

double heap_bytes() {
  return static_cast<double>(__builtin_wasm_memory_size(0)) * 65536.0;
}

}  // namespace

ThreadPool& pool() {
  return *g_pool;
}

const KernelTable& kernels(const std::string& tier) {
  if (tier.empty()) return *best_kernels();
  for (Tier candidate : {Tier::relaxed, Tier::simd128, Tier::reference}) {
    const KernelTable* table = kernels_for(candidate);
    if (table != nullptr && tier == tier_name(candidate)) return *table;
  }
  fail(Code::INVALID_OPTION, "tier", "Expected a tier of this module for tier but received '", tier,
       "'");
}

double now_ms() {
  return emscripten_get_now();
}

EMSCRIPTEN_BINDINGS(whittle_environment) {
  emscripten::function("startThreads", &start_threads);
  emscripten::function("activeThreads", &active_threads);
  emscripten::function("bestTier", &best_tier);
  emscripten::function("heapBytes", &heap_bytes);
}

}  // namespace whittle::bindings
