#include "core/kernels/pack.h"
#include "tests/bench/kernels/bench.h"

namespace whittle::bench {
namespace {

struct Case {
  const char* name;
  size_t size, channels, kernel, stride;
};

// MobileNetV2's depthwise layers and two of EfficientNet's.
const Case kCases[] = {
    {"112x112x32 3x3 s1", 112, 32, 3, 1}, {"112x112x96 3x3 s2", 112, 96, 3, 2},
    {"56x56x144 3x3 s1", 56, 144, 3, 1},  {"56x56x144 3x3 s2", 56, 144, 3, 2},
    {"28x28x192 3x3 s1", 28, 192, 3, 1},  {"14x14x384 3x3 s1", 14, 384, 3, 1},
    {"14x14x576 3x3 s2", 14, 576, 3, 2},  {"7x7x960 3x3 s1", 7, 960, 3, 1},
    {"28x28x240 5x5 s1", 28, 240, 5, 1},  {"14x14x480 5x5 s2", 14, 480, 5, 2},
    {"28x28x96 7x7 s1", 28, 96, 7, 1},
};

void bench_float(const KernelTable& table, const Case& c) {
  const ConvShape s = square_conv(c.size, c.channels, c.kernel, c.stride);
  const std::vector<float> input = random_floats(s.in_h * s.row_stride);
  const std::vector<float> w = random_floats(s.taps() * s.kc);
  const std::vector<float> zero(s.kc);
  std::vector<float> out(s.out_h * s.out_w * s.kc);
  std::vector<char> packed(dwconv_packed_bytes(s.taps(), s.kc, table.dwconv_block));
  std::vector<char> scratch(dwconv_scratch_bytes(s));
  pack_dwconv_f32(w.data(), 1, s.taps(), nullptr, s.taps(), s.kc, table.dwconv_block,
                  packed.data());
  ConvArgs args;
  args.input = input.data();
  args.zero_row = zero.data();
  args.packed = packed.data();
  args.c = out.data();
  args.ldc = args.n = s.kc;
  args.epilogue.min = 0.0f;
  args.epilogue.max = 6.0f;
  args.scratch = scratch.data();
  report(table, "dwconv", c.name, out.size() * s.taps(), [&] {
    table.dwconv(s, args, {0, s.out_h}, {0, s.kc});
  });
}

void bench_integer(const KernelTable& table, const Case& c) {
  const ConvShape s = square_conv(c.size, c.channels, c.kernel, c.stride);
  const std::vector<uint8_t> input = random_bytes(s.in_h * s.row_stride);
  const std::vector<uint8_t> w = random_bytes(s.taps() * s.kc);
  const std::vector<uint8_t> zero(s.kc, 128);
  std::vector<uint8_t> out(s.out_h * s.out_w * s.kc);
  const DwTile tile = table.qdwconv_tile_for(QWeightKind::s8);
  std::vector<char> packed(
      qdwconv_packed_bytes(QWeightKind::s8, s.kernel_h, s.kernel_w, s.kc, tile));
  std::vector<char> scratch(dwconv_scratch_bytes(s));
  const std::vector<float> scale(s.kc, 0.001f);
  QPackParams params;
  params.scale = scale.data();
  pack_qdwconv(QWeightKind::s8, w.data(), true, 1, s.taps(), params, s.kernel_h, s.kernel_w, s.kc,
               tile, packed.data());
  QConvArgs args;
  args.input = input.data();
  args.zero_row = zero.data();
  args.a_zero_point = 128;
  args.packed = packed.data();
  args.c = out.data();
  args.ldc = args.n = s.kc;
  args.scratch = scratch.data();
  report(table, "dwconv int8", c.name, out.size() * s.taps(), [&] {
    table.qdwconv_for(QWeightKind::s8)(s, args, {0, s.out_h}, {0, s.kc});
  });
}

}  // namespace

void bench_depthwise(const KernelTable& table) {
  for (const Case& c : kCases) bench_float(table, c);
  for (const Case& c : kCases) bench_integer(table, c);
}

}  // namespace whittle::bench
