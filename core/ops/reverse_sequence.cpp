// ReverseSequence: the head of each sequence in reverse order.
#include <vector>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

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

}  // namespace

void register_reverse_sequence(OpTable& table) {
  table.add({.name = "ReverseSequence",
             .infer = infer_same,
             .evaluate = evaluate_reverse_sequence,
             .traits = Trait::moves_data});
}

}  // namespace whittle
