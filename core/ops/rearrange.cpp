// DepthToSpace, SpaceToDepth, ReverseSequence, Trilu: rearrangements that are no plain transpose.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

int64_t block_size(const Node& node) {
  const int64_t block = node.int_attribute("blocksize", 0);
  if (block < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a blocksize of at least 1 for ",
         node.label(), " but received ", block);
  }
  return block;
}

/** [N, C, H, W] to [N, C / b^2, H b, W b] or back; throws where b does not divide. */
Dims blocked_dims(const Node& node, const Dims& dims, bool to_space) {
  const int64_t b = block_size(node);
  const auto times = [](const Dim& dim, int64_t factor) {
    return dim.known() ? Dim(checked_mul(dim.value, factor, "a block size")) : Dim();
  };
  const auto over = [&](const Dim& dim, int64_t divisor) {
    if (dim.known() && dim.value % divisor != 0) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a multiple of ", divisor, " for ",
           node.label(), " but received ", to_string(dims));
    }
    return dim.known() ? Dim(dim.value / divisor) : Dim();
  };
  if (dims.size() != 4) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a rank of 4 for ", node.label(),
         " but received ", to_string(dims));
  }
  if (to_space) return {dims[0], over(dims[1], b * b), times(dims[2], b), times(dims[3], b)};
  return {dims[0], times(dims[1], b * b), over(dims[2], b), over(dims[3], b)};
}

void infer_blocks(InferContext& context) {
  const bool to_space = context.node().op == "DepthToSpace";
  const auto& dims = context.dims(0);
  context.set_output(0, context.dtype(0),
                     dims ? blocked_dims(context.node(), *dims, to_space) : unknown_dims(4));
}

// With the channels of the deep side seen as [b, b, c] (DCR, and always for SpaceToDepth) or
// [c, b, b] (CRD): deep[n, (i, j, c), h, w] = wide[n, c, h b + i, w b + j].
void evaluate_blocks(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const bool to_space = node.op == "DepthToSpace";
  const Shape shape = concrete(blocked_dims(node, to_dims(x.shape()), to_space)).value();
  Tensor& y = context.output(0, x.dtype(), shape);
  const int64_t b = block_size(node);
  const Shape& deep = to_space ? x.shape() : shape;
  const Shape& wide = to_space ? shape : x.shape();
  const int64_t plane = deep[2] * deep[3];
  const int64_t channels = wide[1];
  const bool depth_first = node.string_attribute("mode", "DCR") == "DCR";
  // Walked axes: n, c, h, i, w, j.
  const Shape walked{wide[0], channels, deep[2], b, deep[3], b};
  const View in_wide{0,
                     {channels * wide[2] * wide[3], wide[2] * wide[3], b * wide[3], wide[3], b, 1}};
  const int64_t per_block = depth_first ? channels * plane : plane;
  const View in_deep{0,
                     {deep[1] * plane, depth_first ? plane : b * b * plane, deep[3], b * per_block,
                      1, per_block}};
  copy_view(y, to_space ? in_wide : in_deep, x, to_space ? in_deep : in_wide, walked);
}

// Along time_axis the first sequence_lens[b] elements of batch b come in reverse order.
void evaluate_reverse_sequence(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 2);
  const int64_t batch_axis = node.int_attribute("batch_axis", 1);
  const int64_t time_axis = node.int_attribute("time_axis", 0);
  const auto lengths = to_int64s(context.input(1), node.label());
  if (batch_axis < 0 || batch_axis > 1 || time_axis != 1 - batch_axis ||
      static_cast<int64_t>(lengths.size()) != x.shape()[static_cast<int>(batch_axis)]) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected batch and time axes 0 and 1 for ",
         node.label(), ", with a length for each batch, but received axes ", batch_axis, " and ",
         time_axis, " and ", lengths.size(), " lengths");
  }
  const int64_t inner = x.shape().elements(2, x.shape().rank());
  const int64_t steps = x.shape()[static_cast<int>(time_axis)];
  const int64_t batch_stride = batch_axis == 0 ? x.shape()[1] * inner : inner;
  const int64_t time_stride = time_axis == 0 ? x.shape()[1] * inner : inner;
  Tensor& y = context.output(0, x.dtype(), x.shape());
  for (size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 0 || lengths[b] > steps) {
      fail(Code::INVALID_DATA, node.label(), "Expected a sequence length in [0,", steps, "] for ",
           node.label(), " but received ", lengths[b]);
    }
    const int64_t base = static_cast<int64_t>(b) * batch_stride;
    for (int64_t t = 0; t < steps; ++t) {
      const int64_t from = t < lengths[b] ? lengths[b] - 1 - t : t;
      copy_elements(y, base + t * time_stride, x, base + from * time_stride, inner);
    }
  }
}

// y[..., i, j] = x where j - i >= k (upper) or j - i <= k (lower), else 0.
void evaluate_trilu(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 2);
  const bool upper = node.int_attribute("upper", 1) != 0;
  const int64_t k = context.has_input(1) ? to_int64s(context.input(1), node.label()).at(0) : 0;
  Tensor& y = context.output(0, x.dtype(), x.shape());
  std::memset(y.mutable_raw(), 0, static_cast<size_t>(y.bytes()));
  const int64_t columns = x.shape().back();
  const int64_t rows = x.shape()[x.shape().rank() - 2];
  if (x.elements() == 0) return;
  for (int64_t r = 0; r < x.elements() / columns; ++r) {
    // Clamped first, so that no k of the int64 range overflows.
    const int64_t i = r % rows;
    const int64_t diagonal = std::clamp(k, -rows - 1, columns + 1) + i;
    const int64_t first = upper ? std::clamp<int64_t>(diagonal, 0, columns) : 0;
    const int64_t last = upper ? columns : std::clamp<int64_t>(diagonal + 1, 0, columns);
    copy_elements(y, r * columns + first, x, r * columns + first, last - first);
  }
}

}  // namespace

void register_rearrange(OpTable& table) {
  for (const char* name : {"DepthToSpace", "SpaceToDepth"}) {
    table.add({.name = name,
               .infer = infer_blocks,
               .evaluate = evaluate_blocks,
               .traits = Trait::moves_data});
  }
  table.add({.name = "ReverseSequence",
             .infer = infer_same,
             .evaluate = evaluate_reverse_sequence,
             .traits = Trait::moves_data});
  table.add({.name = "Trilu", .infer = infer_same, .evaluate = evaluate_trilu});
}

}  // namespace whittle
