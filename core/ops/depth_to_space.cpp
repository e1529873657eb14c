// DepthToSpace and SpaceToDepth: blocks of channels to blocks of pixels and back.
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

int64_t block_size(const Node& node) {
  const int64_t block = node.int_attribute("blocksize", 0);
  constexpr int64_t kMost = 1 << 16;
  if (block < 1 || block > kMost) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a blocksize in [1,", kMost, "] for ",
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
  const View in_deep{
      0,
      {deep[1] * plane, depth_first ? plane : b * b * plane, deep[3], b * per_block, 1, per_block}};
  copy_view(y, to_space ? in_wide : in_deep, x, to_space ? in_deep : in_wide, walked);
}

}  // namespace

void register_depth_to_space(OpTable& table) {
  for (const char* name : {"DepthToSpace", "SpaceToDepth"}) {
    table.add({.name = name,
               .infer = infer_blocks,
               .evaluate = evaluate_blocks,
               .traits = Trait::moves_data});
  }
}

}  // namespace whittle
