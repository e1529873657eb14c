#pragma once

// Shared by the micro-benchmarks: seeded data and one line of output per case.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/kernels/kernel_table.h"

namespace whittle::bench {

std::vector<float> random_floats(size_t n);
std::vector<uint8_t> random_bytes(size_t n);

// Times `run` and prints "tier group name G/s", `work` being multiply-accumulates or elements of
// one run.
void report(const KernelTable& table, const char* group, const char* name, size_t work,
            const std::function<void()>& run);

// size x size x channels, odd kernel, output size / stride, centred padding.
ConvShape square_conv(size_t size, size_t channels, size_t kernel, size_t stride);

void bench_float_matrices(const KernelTable& table);
void bench_depthwise(const KernelTable& table);
void bench_integer_matrices(const KernelTable& table);
void bench_elementwise(const KernelTable& table);

}  // namespace whittle::bench
