#include "core/kernels/pack.h"
#include "tests/bench/kernels/bench.h"

namespace whittle::bench {
namespace {

void bench_qgemm(const KernelTable& table, bool a_signed, const char* name, size_t m, size_t n,
                 size_t k) {
  const PackShape shape{1, k, n};
  const TileShape tile = table.qtile_for(QWeightKind::s8);
  const std::vector<uint8_t> a = random_bytes(m * k);
  const std::vector<uint8_t> w = random_bytes(n * k);
  std::vector<uint8_t> c(m * n);
  std::vector<char> packed(packed_bytes(QWeightKind::s8, shape, tile));
  const std::vector<float> scale(n, 0.001f);
  QPackParams params;
  params.scale = scale.data();
  pack_weights_q(QWeightKind::s8, w.data(), true, {0, 1, k}, params, shape, tile, packed.data());
  QGemmArgs args;
  args.a = a.data();
  args.a_signed = a_signed;
  args.lda = args.k = k;
  args.packed = packed.data();
  args.c = c.data();
  args.ldc = args.n = n;
  report(table, a_signed ? "gemm s8" : "gemm u8", name, m * n * k, [&] {
    table.qgemm_for(QWeightKind::s8)(args, {0, m}, {0, n});
  });
}

void bench_qconv(const KernelTable& table, const char* name, ConvShape s, size_t n) {
  const PackShape shape{s.taps(), s.kc, n};
  const TileShape tile = table.qtile_for(QWeightKind::s8);
  const std::vector<uint8_t> input = random_bytes(s.in_h * s.row_stride + s.kc);
  const std::vector<uint8_t> w = random_bytes(s.taps() * s.kc * n);
  const std::vector<uint8_t> zero(s.kc);
  std::vector<uint8_t> c(s.out_h * s.out_w * n);
  std::vector<char> packed(packed_bytes(QWeightKind::s8, shape, tile));
  std::vector<char> scratch(qconv_scratch_bytes(s, tile));
  const std::vector<float> scale(n, 0.001f);
  QPackParams params;
  params.scale = scale.data();
  pack_weights_q(QWeightKind::s8, w.data(), true, {1, s.taps(), s.taps() * s.kc}, params, shape,
                 tile, packed.data());
  QConvArgs args;
  args.input = input.data();
  args.zero_row = zero.data();
  args.packed = packed.data();
  args.c = c.data();
  args.ldc = args.n = n;
  args.scratch = scratch.data();
  report(table, "conv u8", name, s.out_h * s.out_w * n * s.taps() * s.kc, [&] {
    table.qconv_for(QWeightKind::s8)(s, args, {0, s.out_h * s.out_w}, {0, n});
  });
}

}  // namespace

void bench_integer_matrices(const KernelTable& table) {
  bench_qgemm(table, false, "tile x512 (peak)", table.qtile_for(QWeightKind::s8).mr, 8, 512);
  bench_qgemm(table, false, "512x512x512", 512, 512, 512);
  bench_qgemm(table, true, "512x512x512", 512, 512, 512);
  bench_qgemm(table, false, "1x1000x1280", 1, 1000, 1280);
  bench_qgemm(table, false, "128x384x384 MiniLM", 128, 384, 384);
  bench_qgemm(table, false, "128x1536x384 MiniLM", 128, 1536, 384);
  bench_qgemm(table, false, "12544x16x32 MobileNetV2", 12544, 16, 32);
  bench_qgemm(table, false, "12544x96x16 MobileNetV2", 12544, 96, 16);
  bench_qgemm(table, false, "3136x24x96 MobileNetV2", 3136, 24, 96);
  bench_qgemm(table, false, "784x192x32 MobileNetV2", 784, 192, 32);
  bench_qgemm(table, false, "196x384x64 MobileNetV2", 196, 384, 64);
  bench_qgemm(table, false, "49x160x960 MobileNetV2", 49, 160, 960);
  bench_qconv(table, "56x56x64 3x3 ResNet", square_conv(56, 64, 3, 1), 64);
  bench_qconv(table, "28x28x128 3x3 ResNet", square_conv(28, 128, 3, 1), 128);
  bench_qconv(table, "14x14x256 3x3 ResNet", square_conv(14, 256, 3, 1), 256);
  bench_qconv(table, "7x7x512 3x3 ResNet", square_conv(7, 512, 3, 1), 512);
}

}  // namespace whittle::bench
