#include "core/ops/op.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/recurrent.h"

namespace whittle {
namespace {

// h' = f(w x + wb + r h + rb)
//   w [directions, hidden, input]   r [directions, hidden, hidden]   b [directions, 2 * hidden]
void evaluate(EvalContext& context) {
  const Tensor x_all = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const Tensor r = float_input(context, 2);
  const Recurrence recurrence =
      read_recurrence(context, x_all.shape(), w.shape(), r.shape(), 1, {"Tanh"});
  const std::vector<float> bias = float_values(context, 3);
  const int64_t size = recurrence.hidden;
  std::vector<float> previous;
  const auto cell = [&](int64_t d, int64_t, const float* x, float* hidden) {
    previous.assign(hidden, hidden + size);
    for (int64_t h = 0; h < size; ++h) {
      const float rb = bias.empty() ? 0.0f : bias[static_cast<size_t>((2 * d + 1) * size + h)];
      const float* row = r.data<float>().data() + (d * size + h) * size;
      const float sum = x[h] + recurrent_sum(row, previous.data(), size) + rb;
      hidden[h] = recurrence.activation(d, 0)(recurrence.clipped(sum));
    }
  };
  run_recurrence(context, recurrence, x_all, w, cell);
}

}  // namespace

void register_rnn(OpTable& table) {
  table.add({.domain = "",
             .name = "RNN",
             .infer = infer_recurrence,
             .evaluate = evaluate,
             .cost = recurrence_cost});
}

}  // namespace whittle
