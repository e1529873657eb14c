// GatherElements: one element for each index.
#include <vector>

#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_gather_elements(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(1));
}

// y[p] = x[p with its `axis` replaced by indices[p]]
void evaluate_gather_elements(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const auto offsets = read_element_indices(context.input(1), x.shape(), node);
  Tensor& y = context.output(0, x.dtype(), context.input(1).shape());
  for (size_t i = 0; i < offsets.size(); ++i) {
    copy_elements(y, static_cast<int64_t>(i), x, offsets[i], 1);
  }
}

}  // namespace

void register_gather_elements(OpTable& table) {
  table.add({.name = "GatherElements",
             .infer = infer_gather_elements,
             .evaluate = evaluate_gather_elements,
             .traits = Trait::moves_data});
}

}  // namespace whittle
