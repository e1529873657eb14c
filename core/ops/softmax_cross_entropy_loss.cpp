// SoftmaxCrossEntropyLoss: the loss of the log-softmax of scores over the classes (axis 1).
#include <cmath>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/label_loss.h"

namespace whittle {
namespace {

void infer_softmax_cross_entropy(InferContext& context) {
  infer_label_loss(context);
  context.copy_output(1, 0);
}

// log p[c] = x[c] - m - log(sum e^(x - m)), m the maximum of x over the classes
void log_softmax(const Tensor& x, const AxisSplit& split, Tensor& y) {
  std::vector<double> values(static_cast<size_t>(split.axis));
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i = 0; i < split.inner; ++i) {
      const int64_t first = o * split.axis * split.inner + i;
      load_block(x, first, split.inner, split.axis, values.data());
      double most = values[0];
      for (double value : values) most = std::fmax(most, value);
      double total = 0;
      for (double value : values) total += std::exp(value - most);
      for (double& value : values) value -= most + std::log(total);
      store_block(y, first, split.inner, split.axis, values.data());
    }
  }
}

void evaluate_softmax_cross_entropy(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 2);
  if (x.shape()[1] == 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected at least one class for ", node.label(),
         " but received ", to_string(x.shape()));
  }
  Tensor log_probabilities = context.wants_output(1) ? context.output(1, x.dtype(), x.shape())
                                                     : Tensor::allocate(x.dtype(), x.shape());
  log_softmax(x, split_at(x.shape(), 1, node), log_probabilities);
  evaluate_label_loss(context, log_probabilities);
}

}  // namespace

void register_softmax_cross_entropy_loss(OpTable& table) {
  table.add({.name = "SoftmaxCrossEntropyLoss",
             .infer = infer_softmax_cross_entropy,
             .evaluate = evaluate_softmax_cross_entropy});
}

}  // namespace whittle
