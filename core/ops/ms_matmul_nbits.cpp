#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/packed_product.h"

namespace whittle {
namespace {

/** How the weights lie: rows of n, each in blocks along k that share a scale. */
struct Blocks {
  int64_t k = 0, n = 0;
  int64_t bits = 4;
  int64_t size = 32;    // weights of a block
  int64_t per_row = 0;  // blocks of a row
};

Blocks blocks_of(const Node& node) {
  Blocks made;
  made.k = node.int_attribute("K", 0);
  made.n = node.int_attribute("N", 0);
  made.bits = node.int_attribute("bits", 4);
  made.size = node.int_attribute("block_size", 32);
  const bool known_bits = made.bits == 2 || made.bits == 4 || made.bits == 8;
  constexpr int64_t kMaxSize = int64_t{1} << 32;
  if (made.k < 1 || made.n < 1 || made.k > kMaxSize || made.n > kMaxSize || !known_bits ||
      made.size < 16 || made.size > (1 << 20)) {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected positive K and N, 2, 4 or 8 bits and blocks of 16 or more for ", node.label(),
         " but received ", made.k, ", ", made.n, ", ", made.bits, " and ", made.size);
  }
  made.per_row = (made.k + made.size - 1) / made.size;
  return made;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 3);
  std::optional<Dims> dims = context.dims(0);
  if (dims && !dims->empty()) dims->back() = blocks_of(context.node()).n;
  context.set_output(0, context.dtype(0), dims);
}

/** Field `index` of `bits` bits, the lowest bits of each byte first. */
int field(const uint8_t* bytes, int64_t index, int64_t bits) {
  const int64_t per_byte = 8 / bits;
  return bytes[index / per_byte] >> (index % per_byte * bits) & ((1 << bits) - 1);
}

// w[n, k] = (q[n, k] - zero_point[n, k / block]) * scale[n, k / block]; y = a w^T + bias
//   a [rows.., K]   q packed [N, blocks, bytes of a block] u8   scales [N * blocks]
//   zero_points packed [N, bytes of a row of blocks] u8, or of a's type [N * blocks]; 2^(bits-1) if
//   absent bias [N]   y [rows.., N]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Blocks blocks = blocks_of(node);
  if (context.has_input(4)) {
    fail(Code::UNSUPPORTED, node.label(), "Expected no g_idx for ", node.label(),
         " but received one");
  }
  const Tensor a = float_input(context, 0);
  const std::vector<float> scales = float_values(context, 2);
  const int64_t block_bytes = blocks.size * blocks.bits / 8;
  const int64_t total = checked_mul(blocks.n, blocks.per_row, "blocks");
  require_elements(context, context.input(1), checked_mul(total, block_bytes, "weights"),
                   "weights");
  require_elements(context, context.input(2), total, "scales");
  std::vector<float> zero_points(static_cast<size_t>(total),
                                 static_cast<float>(1 << (blocks.bits - 1)));
  if (context.has_input(3) && context.input(3).dtype() == DType::u8) {
    const int64_t row_bytes = (blocks.per_row * blocks.bits + 7) / 8;
    require_elements(context, context.input(3), blocks.n * row_bytes, "zero points");
    const uint8_t* packed = context.input(3).data<uint8_t>().data();
    for (int64_t i = 0; i < total; ++i) {
      zero_points[static_cast<size_t>(i)] = static_cast<float>(
          field(packed + i / blocks.per_row * row_bytes, i % blocks.per_row, blocks.bits));
    }
  } else if (context.has_input(3)) {
    zero_points = float_values(context, 3);
    require_elements(context, context.input(3), total, "zero points");
  }

  const uint8_t* q = context.input(1).data<uint8_t>().data();
  std::vector<float> weights(static_cast<size_t>(checked_mul(blocks.n, blocks.k, "weights")));
  for (int64_t n = 0; n < blocks.n; ++n) {
    for (int64_t k = 0; k < blocks.k; ++k) {
      const int64_t block = n * blocks.per_row + k / blocks.size;
      const int value = field(q + block * block_bytes, k % blocks.size, blocks.bits);
      weights[static_cast<size_t>(n * blocks.k + k)] =
          (static_cast<float>(value) - zero_points[static_cast<size_t>(block)]) *
          scales[static_cast<size_t>(block)];
    }
  }
  require_rank(node, a.shape(), 1);
  if (a.shape().back() != blocks.k) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", blocks.k, " columns for ", node.label(),
         " but received ", to_string(a.shape()));
  }
  Shape shape = a.shape();
  shape[shape.rank() - 1] = blocks.n;
  const std::vector<float> bias = float_values(context, 5);
  if (!bias.empty()) require_elements(context, context.input(5), blocks.n, "a bias");
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    PackedProduct(context.kernels(), weights.data(), 1, blocks.k, blocks.k, blocks.n)
        .run(context.pool(), a.data<float>().data(), blocks.k, out.data(), blocks.n,
             a.elements() / blocks.k);
    for (size_t i = 0; i < out.size() && !bias.empty(); ++i) out[i] += bias[i % bias.size()];
  });
}

Cost cost(const NodeFacts& facts) {
  const auto& dims = facts.inputs[0].dims;
  if (!dims || !concrete(*dims)) return {};
  return {checked_mul(concrete(*dims)->elements(), blocks_of(facts.node).n, "MACs")};
}

}  // namespace

void register_ms_matmul_nbits(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "MatMulNBits",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cost});
}

}  // namespace whittle
