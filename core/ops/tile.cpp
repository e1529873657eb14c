// Tile: the tensor repeated along each axis.
#include <vector>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void require_repeats(const Node& node, const std::vector<int64_t>& repeats, int rank) {
  if (static_cast<int>(repeats.size()) != rank) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", rank, " repeats for ", node.label(),
         " but received ", repeats.size());
  }
}

void infer_tile(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const auto repeats = context.integers(1);
    if (repeats) require_repeats(context.node(), *repeats, rank_of(*result));
    for (size_t i = 0; i < result->size(); ++i) {
      Dim& dim = (*result)[i];
      if (!repeats) {
        dim = Dim();
      } else if ((*repeats)[i] != 1) {
        dim = dim.known() ? Dim(checked_mul(dim.value, (*repeats)[i], "Tile")) : Dim();
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// Tile: along an axis repeated r times the input is read with stride 0 over an axis of extent r.
void evaluate_tile(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const int rank = x.shape().rank();
  const auto repeats = to_int64s(context.input(1), node.label());
  require_repeats(node, repeats, rank);
  Shape shape = x.shape();
  for (int i = 0; i < rank; ++i) {
    shape[i] = checked_mul(shape[i], repeats[static_cast<size_t>(i)], "Tile");
  }
  Tensor& y = context.output(0, x.dtype(), shape);
  Tensor done = x;
  // One axis at a time keeps the number of axes walked within kMaxRank.
  for (int axis = rank - 1; axis >= 0; --axis) {
    const int64_t times = repeats[static_cast<size_t>(axis)];
    if (times == 1 && axis != 0) continue;
    Shape grown = done.shape();
    grown[axis] *= times;
    const int64_t outer = grown.elements(0, axis);
    const int64_t inner = done.shape().elements(axis, rank);
    const Shape walked{outer, times, inner};
    Tensor next = axis == 0 ? y : Tensor::allocate(x.dtype(), grown);
    copy_view(next, view_of(walked), done, {0, {inner, 0, 1}}, walked);
    done = next;
  }
  if (rank == 0) copy_elements(y, 0, x, 0, 1);
}

}  // namespace

void register_tile(OpTable& table) {
  table.add({.name = "Tile",
             .infer = infer_tile,
             .evaluate = evaluate_tile,
             .traits = Trait::moves_data});
}

}  // namespace whittle
