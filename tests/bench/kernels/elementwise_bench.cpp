#include "tests/bench/kernels/bench.h"

namespace whittle::bench {

void bench_elementwise(const KernelTable& table) {
  const size_t n = 16384;
  std::vector<float> x = random_floats(n);
  std::vector<float> y(n);
  std::vector<uint8_t> q(n);
  const struct {
    const char* name;
    UnaryKind kind;
  } unaries[] = {{"relu", UnaryKind::relu},         {"exp", UnaryKind::exp},
                 {"sigmoid", UnaryKind::sigmoid},   {"tanh", UnaryKind::tanh},
                 {"gelu_erf", UnaryKind::gelu_erf}, {"hard_swish", UnaryKind::hard_swish},
                 {"silu", UnaryKind::silu},         {"log", UnaryKind::log}};
  for (const auto& u : unaries) {
    report(table, "unary", u.name, n, [&] { table.unary_for(u.kind)(x.data(), y.data(), n, {}); });
  }
  const BinaryShape same{1, n, 0, 1, 0, 1, n};
  report(table, "binary", "add", n,
         [&] { table.binary_for(BinaryKind::add)(x.data(), x.data(), y.data(), same); });
  const RowsArgs rows{x.data(), 128, y.data(), 128, 128};
  report(table, "rows", "softmax 128x128", n, [&] { table.softmax(rows, {0, n / 128}); });
  report(table, "rows", "layer_norm 128x128", n, [&] {
    table.layer_norm(rows, {0, n / 128}, x.data(), x.data(), 1e-5f);
  });
  const QuantParams params{0.01f, 128, false};
  report(table, "quantize", "f32 to u8", n, [&] { table.quantize(x.data(), q.data(), n, params); });
  report(table, "quantize", "u8 to f32", n,
         [&] { table.dequantize(q.data(), y.data(), n, params); });
  float low = 0, high = 0;
  report(table, "quantize", "min_max", n, [&] { table.min_max(x.data(), n, &low, &high); });
  QBinaryParams add;
  add.a = add.b = add.out = params;
  report(table, "quantize", "add u8", n,
         [&] { table.qbinary[0](q.data(), q.data(), q.data(), same, add); });
  report(table, "layout", "transpose32 128x128", n, [&] {
    table.transpose32(reinterpret_cast<const uint32_t*>(x.data()), 128, 128,
                      reinterpret_cast<uint32_t*>(y.data()), 128, {0, 128});
  });
  const ConvShape pool = square_conv(56, 64, 3, 2);
  const std::vector<float> image = random_floats(56 * 56 * 64);
  std::vector<float> pooled(28 * 28 * 64);
  report(table, "pool", "max 56x56x64 3x3 s2", pooled.size() * 9, [&] {
    table.max_pool(pool, image.data(), pooled.data(), 64, {0, 28});
  });
}

}  // namespace whittle::bench
