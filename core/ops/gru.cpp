#include "core/ops/op.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/recurrent.h"

namespace whittle {
namespace {

// Gates in the order z (update), r (reset), h (candidate); X_g = w_g x + wb_g:
//   z = f(X_z + r_z h + rb_z)
//   r = f(X_r + r_r h + rb_r)
//   n = g(X_h + r_h (r * h) + rb_h)     or, linear_before_reset:  g(X_h + r * (r_h h + rb_h))
//   h' = (1 - z) * n + z * h
//   w [directions, 3 * hidden, input]   r [directions, 3 * hidden, hidden]
//   b [directions, 6 * hidden]: wb, then rb
void evaluate(EvalContext& context) {
  const Tensor x_all = float_input(context, 0);
  const Tensor w = float_input(context, 1);
  const Tensor weights = float_input(context, 2);
  const Recurrence recurrence =
      read_recurrence(context, x_all.shape(), w.shape(), weights.shape(), 3, {"Sigmoid", "Tanh"});
  const int64_t size = recurrence.hidden;
  const int64_t rows = 3 * size;
  std::vector<float> bias = float_values(context, 3);
  if (bias.empty()) bias.resize(static_cast<size_t>(recurrence.directions * 2 * rows));
  const bool linear_before_reset = context.node().int_attribute("linear_before_reset", 0) != 0;
  std::vector<float> update(static_cast<size_t>(size));
  std::vector<float> reset(static_cast<size_t>(size));
  std::vector<float> before(static_cast<size_t>(size));  // h, or r * h
  const auto cell = [&](int64_t d, int64_t, const float* x, float* hidden) {
    const auto& f = recurrence.activation(d, 0);
    const auto& g = recurrence.activation(d, 1);
    const auto recurrent = [&](int64_t row, const float* state) {
      const float* r_row = weights.data<float>().data() + (d * rows + row) * size;
      return recurrent_sum(r_row, state, size);
    };
    const auto recurrent_bias = [&](int64_t row) {
      return bias[static_cast<size_t>((2 * d + 1) * rows + row)];
    };
    for (int64_t h = 0; h < size; ++h) {
      const auto at = static_cast<size_t>(h);
      const float z = x[h] + recurrent(h, hidden) + recurrent_bias(h);
      const float r = x[size + h] + recurrent(size + h, hidden) + recurrent_bias(size + h);
      update[at] = f(recurrence.clipped(z));
      reset[at] = f(recurrence.clipped(r));
      before[at] = linear_before_reset ? hidden[h] : reset[at] * hidden[h];
    }
    for (int64_t h = 0; h < size; ++h) {
      const auto at = static_cast<size_t>(h);
      const float sum = recurrent(2 * size + h, before.data());
      const float rb = recurrent_bias(2 * size + h);
      const float inner = linear_before_reset ? x[2 * size + h] + reset[at] * (sum + rb)
                                              : x[2 * size + h] + sum + rb;
      const float candidate = g(recurrence.clipped(inner));
      hidden[h] = (1.0f - update[at]) * candidate + update[at] * hidden[h];
    }
  };
  run_recurrence(context, recurrence, x_all, w, cell);
}

}  // namespace

void register_gru(OpTable& table) {
  table.add({.domain = "",
             .name = "GRU",
             .infer = infer_recurrence,
             .evaluate = evaluate,
             .cost = recurrence_cost});
}

}  // namespace whittle
