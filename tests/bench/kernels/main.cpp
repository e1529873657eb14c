// Micro-benchmarks of the kernels: billions of multiply-accumulates (or elements) per second, one
// thread, each tier the build contains. Arguments: words that a line must contain to be run.

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#ifdef __EMSCRIPTEN__
#include <emscripten.h>
#endif

#include "tests/bench/kernels/bench.h"

#ifdef __EMSCRIPTEN__
// Processor time of this thread where Node tells it (since 23.9): on a busy machine wall time
// counts the neighbours' work.
EM_JS(double, thread_seconds, (), {
  if (process.threadCpuUsage) {
    const usage = process.threadCpuUsage();
    return (usage.user + usage.system) * 1e-6;
  }
  return performance.now() * 1e-3;
});
#endif

namespace whittle::bench {
namespace {

std::vector<std::string> filters;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds() {
#ifdef __EMSCRIPTEN__
  return thread_seconds();
#else
  return wall_seconds();
#endif
}

uint32_t next_random() {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

}  // namespace

std::vector<float> random_floats(size_t n) {
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(next_random()) * 0x1p-23f - 1.0f;
  return values;
}

std::vector<uint8_t> random_bytes(size_t n) {
  std::vector<uint8_t> values(n);
  for (uint8_t& v : values) v = static_cast<uint8_t>(next_random());
  return values;
}

void report(const KernelTable& table, const char* group, const char* name, size_t work,
            const std::function<void()>& run) {
  char line[128];
  std::snprintf(line, sizeof(line), "%-10s %-12s %-26s", tier_name(table.tier), group, name);
  for (const std::string& filter : filters) {
    if (!std::strstr(line, filter.c_str())) return;
  }
  run();
  // Processor time comes in coarse steps: measure one long stretch, not single runs.
  size_t runs = 0;
  const double start = seconds();
  double spent = 0.0;
  const double wall = wall_seconds();
  while (spent < 0.1 && wall_seconds() - wall < 3.0) {
    const double until = wall_seconds() + 0.01;
    do {
      run();
      ++runs;
    } while (wall_seconds() < until);
    spent = seconds() - start;
  }
  const double each = spent / static_cast<double>(runs);
  std::printf("%s %8.2f G/s  %10.1f us\n", line, static_cast<double>(work) / each * 1e-9,
              each * 1e6);
}

}  // namespace whittle::bench

int main(int argc, char** argv) {
  using namespace whittle;
  bench::filters.assign(argv + 1, argv + argc);
  for (const Tier tier : {Tier::simd128, Tier::relaxed}) {
    const KernelTable* const table = kernels_for(tier);
    if (!table) continue;
    bench::bench_float_matrices(*table);
    bench::bench_depthwise(*table);
    bench::bench_integer_matrices(*table);
    bench::bench_elementwise(*table);
  }
  return 0;
}
