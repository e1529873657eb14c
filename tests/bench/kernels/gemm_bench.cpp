#include <cstring>
#include <string>

#include "core/kernels/pack.h"
#include "tests/bench/kernels/bench.h"

namespace whittle::bench {
namespace {

void bench_gemm(const KernelTable& table, WeightKind kind, const char* name, size_t m, size_t n,
                size_t k) {
  const PackShape shape{1, k, n};
  const TileShape tile = table.gemm_tile;
  const std::vector<float> a = random_floats(m * k);
  const std::vector<float> w = random_floats(n * k);
  std::vector<float> c(m * n);
  std::vector<char> packed(packed_bytes(kind, shape, tile));
  std::vector<char> scratch(gemm_scratch_bytes(kind, k, tile));
  const WeightStrides strides{0, 1, k};
  if (kind == WeightKind::f32) {
    pack_weights_f32(w.data(), strides, nullptr, shape, tile, packed.data());
  } else if (kind == WeightKind::f16) {
    std::vector<uint16_t> half(w.size());
    table.float_to_half(w.data(), half.data(), w.size());
    pack_weights_f16(half.data(), strides, nullptr, shape, tile, packed.data());
  } else {
    const std::vector<uint8_t> q = random_bytes(w.size());
    const std::vector<float> scale(n, 0.01f);
    pack_weights_s8(q.data(), true, strides, scale.data(), nullptr, nullptr, shape, tile,
                    packed.data());
  }
  GemmArgs args{a.data(), k, packed.data(), c.data(), n, k, n, {}, scratch.data()};
  report(table, "gemm", name, m * n * k, [&] { table.gemm_for(kind)(args, {0, m}, {0, n}); });
}

// The same product with a tenth, a fifth ... of the weights; G/s counts all of them.
void bench_sparse(const KernelTable& table, const char* name, size_t m, size_t n, size_t k) {
  for (const int percent : {10, 20, 30, 40}) {
    const PackShape shape{1, k, n};
    const std::vector<float> a = random_floats(m * k);
    std::vector<float> w = random_floats(n * k);
    const std::vector<float> chance = random_floats(n * k);
    for (size_t i = 0; i < w.size(); ++i) {
      if (chance[i] > -1 + 0.02f * static_cast<float>(percent)) w[i] = 0;
    }
    const WeightStrides strides{0, 1, k};
    const size_t block = table.sparse_block;
    std::vector<float> c(m * n);
    std::vector<char> packed(sparse_packed_bytes(count_nonzeros(w.data(), strides, shape), n));
    std::vector<char> scratch(sparse_scratch_bytes(k, block));
    pack_sparse_f32(w.data(), strides, nullptr, shape, block, packed.data());
    GemmArgs args{a.data(), k, packed.data(), c.data(), n, k, n, {}, scratch.data()};
    report(table, ("sparse " + std::to_string(percent) + "%").c_str(), name, m * n * k, [&] {
      fn(args, {0, m}, {0, n});
    });
  }
}

void bench_conv(const KernelTable& table, const char* name, ConvShape s, size_t n) {
  const PackShape shape{s.taps(), s.kc, n};
  const std::vector<float> input = random_floats(s.in_h * s.row_stride + s.kc * s.kernel_h);
  const std::vector<float> w = random_floats(s.taps() * s.kc * n);
  const std::vector<float> zero(s.kc);
  std::vector<float> c(s.out_h * s.out_w * n);
  std::vector<char> packed(packed_bytes(WeightKind::f32, shape, table.gemm_tile));
  std::vector<char> scratch(conv_scratch_bytes(WeightKind::f32, s, table.gemm_tile));
  pack_weights_f32(w.data(), {1, s.taps(), s.taps() * s.kc}, nullptr, shape, table.gemm_tile,
                   packed.data());
  ConvArgs args{input.data(), zero.data(), packed.data(), c.data(), n, n, {}, scratch.data()};
  report(table, "conv", name, s.out_h * s.out_w * n * s.taps() * s.kc, [&] {
    table.conv_for(WeightKind::f32)(s, args, {0, s.out_h * s.out_w}, {0, n});
  });
}

}  // namespace

ConvShape square_conv(size_t size, size_t channels, size_t kernel, size_t stride) {
  ConvShape s;
  s.in_h = s.in_w = size;
  s.out_h = s.out_w = (size + stride - 1) / stride;
  s.kernel_h = s.kernel_w = kernel;
  s.stride_h = s.stride_w = stride;
  s.pad_top = s.pad_left = (kernel - 1) / 2;
  s.kc = s.pixel_stride = channels;
  s.row_stride = size * channels;
  return s;
}

void bench_float_matrices(const KernelTable& table) {
  // One register tile from the first-level cache: what the machine can do.
  bench_gemm(table, WeightKind::f32, "tile x256 (peak)", table.gemm_tile.mr, 8, 256);
  bench_gemm(table, WeightKind::f32, "512x512x512 f32", 512, 512, 512);
  bench_gemm(table, WeightKind::f16, "512x512x512 f16", 512, 512, 512);
  bench_gemm(table, WeightKind::s8, "512x512x512 s8", 512, 512, 512);
  bench_gemm(table, WeightKind::f32, "1x1000x1280 f32", 1, 1000, 1280);
  bench_gemm(table, WeightKind::f16, "1x1000x1280 f16", 1, 1000, 1280);
  bench_gemm(table, WeightKind::s8, "1x1000x1280 s8", 1, 1000, 1280);
  bench_gemm(table, WeightKind::f32, "1x4096x4096 f32", 1, 4096, 4096);
  bench_gemm(table, WeightKind::f16, "1x4096x4096 f16", 1, 4096, 4096);
  bench_gemm(table, WeightKind::s8, "1x4096x4096 s8", 1, 4096, 4096);
  bench_gemm(table, WeightKind::f32, "128x384x384 MiniLM", 128, 384, 384);
  bench_gemm(table, WeightKind::f32, "128x1536x384 MiniLM", 128, 1536, 384);
  bench_gemm(table, WeightKind::f32, "12544x16x32 MobileNetV2", 12544, 16, 32);
  bench_gemm(table, WeightKind::f32, "12544x96x16 MobileNetV2", 12544, 96, 16);
  bench_gemm(table, WeightKind::f32, "3136x24x96 MobileNetV2", 3136, 24, 96);
  bench_gemm(table, WeightKind::f32, "784x192x32 MobileNetV2", 784, 192, 32);
  bench_gemm(table, WeightKind::f32, "196x384x64 MobileNetV2", 196, 384, 64);
  bench_gemm(table, WeightKind::f32, "196x96x576 MobileNetV2", 196, 96, 576);
  bench_gemm(table, WeightKind::f32, "49x160x960 MobileNetV2", 49, 160, 960);
  bench_gemm(table, WeightKind::f32, "49x1280x320 MobileNetV2", 49, 1280, 320);
  bench_sparse(table, "1x1000x1280", 1, 1000, 1280);
  bench_sparse(table, "128x1536x384 MiniLM", 128, 1536, 384);
  bench_sparse(table, "12544x96x16 MobileNetV2", 12544, 96, 16);
  bench_sparse(table, "784x192x32 MobileNetV2", 784, 192, 32);
  bench_sparse(table, "196x96x576 MobileNetV2", 196, 96, 576);
  bench_sparse(table, "49x160x960 MobileNetV2", 49, 160, 960);
  bench_sparse(table, "49x1280x320 MobileNetV2", 49, 1280, 320);
  bench_conv(table, "56x56x64 3x3 ResNet", square_conv(56, 64, 3, 1), 64);
  bench_conv(table, "28x28x128 3x3 ResNet", square_conv(28, 128, 3, 1), 128);
  bench_conv(table, "14x14x256 3x3 ResNet", square_conv(14, 256, 3, 1), 256);
  bench_conv(table, "7x7x512 3x3 ResNet", square_conv(7, 512, 3, 1), 512);
  bench_conv(table, "224x224x3 3x3 s2 taps", square_conv(224, 3, 3, 2), 32);
  // The same with kernel rows folded: 226 x 226 padded image, 3 taps of 9 values.
  ConvShape folded = square_conv(224, 3, 3, 2);
  folded.in_h = folded.in_w = 226;
  folded.kernel_w = 1;
  folded.pad_top = folded.pad_left = 0;
  folded.kc = 9;
  folded.pixel_stride = 3;
  folded.row_stride = 226 * 3;
  bench_conv(table, "224x224x3 3x3 s2 folded", folded, 32);
}

}  // namespace whittle::bench
