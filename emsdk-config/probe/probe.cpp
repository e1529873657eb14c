// One use of each thing the modules depend on: relaxed SIMD, exceptions, Embind and, if built for
// them, threads.

#include <emscripten/bind.h>
#include <wasm_simd128.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace {

std::atomic<int> answer{0};

// 2 * 3 + 1, by way of a relaxed multiply-add and an exception.
int compute() {
  const v128_t sum =
      wasm_f32x4_relaxed_madd(wasm_f32x4_splat(2), wasm_f32x4_splat(3), wasm_f32x4_splat(1));
  try {
    throw std::runtime_error("caught below");
  } catch (const std::exception&) {
    return static_cast<int>(wasm_f32x4_extract_lane(sum, 0));
  }
}

// Starts the computation; JavaScript polls result(), since waiting here would block the thread
// start.
void start() {
#ifdef PROBE_THREADS
  std::thread([] { answer = compute(); }).detach();
#else
  answer = compute();
#endif
}

int result() {
  return answer;
}

}  // namespace

EMSCRIPTEN_BINDINGS(probe) {
  emscripten::function("start", &start);
  emscripten::function("result", &result);
}
