// Compress: the slices a condition picks. The number of them depends on the data.
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_compress(InferContext& context) {
  std::optional<Dims> dims;
  if (!context.node().has("axis")) {
    dims = unknown_dims(1);
  } else if ((dims = context.dims(0))) {
    const Node& node = context.node();
    const int axis = normalize_axis(node.int_attribute("axis", 0), rank_of(*dims), node.label());
    (*dims)[static_cast<size_t>(axis)] = Dim();
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// The slices along the axis (or the elements of the flat tensor) whose condition is true.
void evaluate_compress(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const bool is_flat = !node.has("axis");
  const Tensor x =
      is_flat ? context.input(0).reshaped({context.input(0).elements()}) : context.input(0);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const AxisSplit split = split_at(x.shape(), axis, node);
  const auto condition = to_int64s(context.input(1), node.label());
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < condition.size() && static_cast<int64_t>(i) < split.axis; ++i) {
    if (condition[i] != 0) chosen.push_back(static_cast<int64_t>(i));
  }
  Shape shape = x.shape();
  shape[axis] = static_cast<int64_t>(chosen.size());
  Tensor& y = context.output(0, x.dtype(), shape);
  int64_t out = 0;
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i : chosen) {
      copy_elements(y, out, x, (o * split.axis + i) * split.inner, split.inner);
      out += split.inner;
    }
  }
}

}  // namespace

void register_compress(OpTable& table) {
  table.add({.name = "Compress", .infer = infer_compress, .evaluate = evaluate_compress});
}

}  // namespace whittle
