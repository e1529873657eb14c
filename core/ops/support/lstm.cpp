#include "core/ops/support/lstm.h"

#include "core/ops/support/float_io.h"

namespace whittle {

void evaluate_lstm(EvalContext& context, const Tensor& x_all, const Tensor& w, const Tensor& r_all,
                   FunctionRef<void(std::vector<float>&)> before_use) {
  const Recurrence recurrence = read_recurrence(context, x_all.shape(), w.shape(), r_all.shape(), 4,
                                                {"Sigmoid", "Tanh", "Tanh"});
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
  const auto step = [&](int64_t d, int64_t b, const float* x, float* hidden) {
    const auto& f = recurrence.activation(d, 0);
    const auto& g = recurrence.activation(d, 1);
    const auto& h_of = recurrence.activation(d, 2);
    previous.assign(hidden, hidden + size);
    before_use(previous);
    float* cell = cells.data() + (d * recurrence.batch + b) * size;
    const float* p = peepholes.data() + d * 3 * size;
    const auto gate = [&](int64_t row) {
      const float* r_row = r_all.data<float>().data() + (d * rows + row) * size;
      return x[row] + recurrent_sum(r_row, previous.data(), size) +
             bias[static_cast<size_t>((2 * d + 1) * rows + row)];
    };
    for (int64_t h = 0; h < size; ++h) {
      const float in = f(recurrence.clipped(gate(h) + p[h] * cell[h]));
      const float forget =
          input_forget ? 1.0f - in
                       : f(recurrence.clipped(gate(2 * size + h) + p[2 * size + h] * cell[h]));
      const float candidate = g(recurrence.clipped(gate(3 * size + h)));
      cell[h] = forget * cell[h] + in * candidate;
      const float out = f(recurrence.clipped(gate(size + h) + p[size + h] * cell[h]));
      hidden[h] = out * h_of(cell[h]);
    }
  };
  run_recurrence(context, recurrence, x_all, w, step);
  write_state(context, recurrence, 2, cells);
}

}  // namespace whittle
