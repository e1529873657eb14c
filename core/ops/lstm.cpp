#include "core/ops/op.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/recurrent.h"

namespace whittle {
namespace {

// Gates in the order i, o, f, c; X_g = w_g x + wb_g; peepholes p act on the cell state:
//   i = f(X_i + r_i h + rb_i + p_i * c)      f = f(X_f + r_f h + rb_f + p_f * c)
//   n = g(X_c + r_c h + rb_c)                c' = f * c + i * n
//   o = f(X_o + r_o h + rb_o + p_o * c')     h' = o * h(c')
// With input_forget, f = 1 - i.
//   w [directions, 4 * hidden, input]   r [directions, 4 * hidden, hidden]
//   b [directions, 8 * hidden]: wb, then rb   initial_h, initial_c [directions, batch, hidden]
//   p [directions, 3 * hidden]: i, o, f
void evaluate(EvalContext& context) {
  const Recurrence recurrence = read_recurrence(context, 4, {"Sigmoid", "Tanh", "Tanh"});
  const Tensor weights = float_input(context, 2);
  const int64_t size = recurrence.hidden;
  const int64_t rows = 4 * size;
  std::vector<float> bias = float_values(context, 3);
  if (bias.empty()) bias.resize(static_cast<size_t>(recurrence.directions * 2 * rows));
  std::vector<float> peepholes = float_values(context, 7);
  if (peepholes.empty()) {
    peepholes.resize(static_cast<size_t>(recurrence.directions * 3 * size));
  } else {
    require_elements(context, context.input(7), recurrence.directions * 3 * size, "peepholes");
  }
  const bool input_forget = context.node().int_attribute("input_forget", 0) != 0;
  std::vector<float> cells = read_state(context, recurrence, 6);
  std::vector<float> previous;
  run_recurrence(context, recurrence, [&](int64_t d, int64_t b, const float* x, float* hidden) {
    const auto& f = recurrence.activation(d, 0);
    const auto& g = recurrence.activation(d, 1);
    const auto& h_of = recurrence.activation(d, 2);
    previous.assign(hidden, hidden + size);
    float* cell = cells.data() + (d * recurrence.batch + b) * size;
    const float* p = peepholes.data() + d * 3 * size;
    const auto gate = [&](int64_t row) {
      const float* r_row = weights.data<float>().data() + (d * rows + row) * size;
      return x[row] + recurrent_sum(r_row, previous.data(), size) +
             bias[static_cast<size_t>((2 * d + 1) * rows + row)];
    };
    for (int64_t h = 0; h < size; ++h) {
      const float in = f(recurrence.clipped(gate(h) + p[h] * cell[h]));
      const float forget =
          input_forget
              ? 1.0f - in
              : f(recurrence.clipped(gate(2 * size + h) + p[2 * size + h] * cell[h]));
      const float candidate = g(recurrence.clipped(gate(3 * size + h)));
      cell[h] = forget * cell[h] + in * candidate;
      const float out = f(recurrence.clipped(gate(size + h) + p[size + h] * cell[h]));
      hidden[h] = out * h_of(cell[h]);
    }
  });
  write_state(context, recurrence, 2, cells);
}

}  // namespace

void register_lstm(OpTable& table) {
  table.add({.domain = "", .name = "LSTM", .infer = infer_recurrence, .evaluate = evaluate,
             .cost = recurrence_cost});
}

}  // namespace whittle
