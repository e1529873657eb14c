#include "core/ops/support/lstm.h"

#include "core/ops/op.h"
#include "core/ops/support/float_io.h"

namespace whittle {
namespace {

// The formulas are in lstm.h.
//   x [steps, batch, input]   w [directions, 4 * hidden, input]   r [directions, 4 * hidden,
//   hidden]
void evaluate(EvalContext& context) {
  evaluate_lstm(context, float_input(context, 0), float_input(context, 1), float_input(context, 2),
                [](std::vector<float>&) {});
}

}  // namespace

void register_lstm(OpTable& table) {
  table.add({.domain = "",
             .name = "LSTM",
             .infer = infer_recurrence,
             .evaluate = evaluate,
             .cost = recurrence_cost});
}

}  // namespace whittle
