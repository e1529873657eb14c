// NegativeLogLikelihoodLoss: the loss of given log-probabilities (support/label_loss.h).
#include "core/ops/support/infer.h"
#include "core/ops/support/label_loss.h"

namespace whittle {
namespace {

void evaluate_negative_log_likelihood(EvalContext& context) {
  require_inputs(context.node(), 2);
  evaluate_label_loss(context, context.input(0));
}

}  // namespace

void register_negative_log_likelihood_loss(OpTable& table) {
  table.add({.name = "NegativeLogLikelihoodLoss",
             .infer = infer_label_loss,
             .evaluate = evaluate_negative_log_likelihood});
}

}  // namespace whittle
