// RotaryEmbedding of ai.onnx and of com.microsoft: pairs of values turned by angles that grow with
// the position (Su and others, "RoFormer", 2021).
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/rotary.h"

namespace whittle {
namespace {

/** Where the two domains have their inputs. */
struct Places {
  size_t cosines, sines, positions;
};

//   x, y [batch, heads, rows, size] or [batch, rows, heads * size]
//   table [positions, half or more], with positions [batch, rows] or [1], the position of the first
//   row; or without positions [batch, rows, half or more]
void evaluate_at(EvalContext& context, const Places& places) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Shape& shape = x.shape();
  RotaryTable table = RotaryTable::read(context, places.cosines, places.sines,
                                        node.int_attribute("interleaved", 0) != 0);
  const int rank = shape.rank();
  if (rank != 3 && rank != 4) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected 3 or 4 axes for ", node.label(),
         " but received ", to_string(shape));
  }
  const int64_t rotated = node.int_attribute("rotary_embedding_dim", 0);
  // Files of ONNX 1.19 have tables for whole heads though only a part of each is turned.
  if (rotated > 0 && rotated / 2 <= table.columns) table.half = rotated / 2;
  int64_t heads = rank == 4 ? shape[1] : node.int_attribute("num_heads", 0);
  if (heads == 0 && rank == 3 && rotated == 0) heads = shape[2] / (2 * table.half);
  const int64_t width = rank == 4 ? shape[3] : shape[2];
  if (heads < 1 || (rank == 3 && width % heads != 0) ||
      (rotated != 0 && rotated != 2 * table.half)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected heads that divide ", width,
         " values and a table of half the rotated ones for ", node.label(), " but received ", heads,
         " heads and a table of ", table.half);
  }
  const int64_t size = rank == 4 ? width : width / heads;
  const int64_t rows = shape[rank - 2];
  std::vector<int64_t> positions;
  if (context.has_input(places.positions)) {
    positions = to_int64s(context.input(places.positions), node.label());
    if (positions.size() != 1) {
      require_elements(context, context.input(places.positions), shape[0] * rows, "positions");
    }
  } else if (table.positions() != shape[0] * rows) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected angles for each of ", shape[0] * rows,
         " rows of ", node.label(), " but received ", table.positions());
  }
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    for (int64_t i = 0; i < x.elements() / size; ++i) {
      const int64_t row = rank == 4 ? i % rows : i / heads % rows;
      const int64_t token = i / (heads * rows) * rows + row;
      const int64_t position = positions.empty()       ? token
                               : positions.size() == 1 ? positions[0] + row
                                                       : positions[static_cast<size_t>(token)];
      table.rotate(x.data<float>().data() + i * size, y.mutable_data<float>().data() + i * size,
                   size, position, node);
    }
  });
}

void evaluate(EvalContext& context) {
  require_inputs(context.node(), 3);
  evaluate_at(context, {1, 2, 3});
}
void evaluate_microsoft(EvalContext& context) {
  require_inputs(context.node(), 4);
  if (context.node().int_attribute("is_packed_batching", 0) != 0) {
    fail(Code::UNSUPPORTED, context.node().label(), "Expected no packed batches for ",
         context.node().label(), " but received is_packed_batching");
  }
  evaluate_at(context, {2, 3, 1});
}

}  // namespace

void register_rotary_embedding(OpTable& table) {
  table.add({.name = "RotaryEmbedding", .infer = infer_same, .evaluate = evaluate});
  table.add({.domain = "com.microsoft",
             .name = "RotaryEmbedding",
             .infer = infer_same,
             .evaluate = evaluate_microsoft});
}

}  // namespace whittle
