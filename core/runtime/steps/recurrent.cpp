#include <cstring>

#include "core/kernels/pack.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

enum class CellKind : uint8_t { lstm, gru, rnn };

/** Sizes: x [steps, batch, input], w [directions, gates * hidden, input], r [.., .., hidden]. */
struct Sizes {
  size_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1, gates = 1;
  size_t width() const { return gates * hidden; }
};

/** One direction's packed matrices. */
struct Direction {
  const std::byte* w = nullptr;  // input projection, with the bias that is added before the step
  const std::byte* r = nullptr;  // recurrence: all gates (for GRU with linear_before_reset 0: z, r)
  const std::byte* r_candidate = nullptr;  // GRU with linear_before_reset 0: the candidate's rows
  bool backwards = false;
};

struct Kernels {
  GemmFn gemm_w = nullptr, gemm_r = nullptr;
  CodeTable codes_w, codes_r;
  UnaryFn sigmoid = nullptr, tanh = nullptr;
  TileShape tile;
};

/** A recurrent layer: the input projection of all time steps is one product, then each step adds
 * the recurrent product and applies the cell. Steps of the recurrence follow each other; each is
 * shared out by columns. */
class RecurrentStep {
 public:
  CellKind kind = CellKind::lstm;
  bool linear_before_reset = false;
  Sizes s;
  Kernels k;
  std::vector<Direction> directions;
  ValueId x = kNoValue, y = kNoValue, y_h = kNoValue, y_c = kNoValue;
  ValueId initial_h = kNoValue, initial_c = kNoValue;
  ValueId gates = kNoValue;   // [steps * batch, width]
  ValueId hidden = kNoValue;  // [batch, hidden]
  ValueId memory = kNoValue;  // [batch, hidden], LSTM
  ValueId extra = kNoValue;   // [batch, width], GRU

  void run(const RunState& state) const {
    for (size_t d = 0; d < s.directions; ++d) run_direction(state, d);
  }

 private:
  /** c[rows, cols] = a[rows, k] * packed (+ residual). */
  void product(const RunState& state, bool recurrent, const float* a, size_t depth,
               const std::byte* packed, size_t rows, size_t n, float* c, size_t ldc,
               const float* residual) const {
    const GemmFn fn = recurrent ? k.gemm_r : k.gemm_w;
    GemmArgs args;
    args.codes = recurrent ? k.codes_r : k.codes_w;
    args.a = a;
    args.lda = depth;
    args.packed = packed;
    args.c = c;
    args.ldc = ldc;
    args.k = depth;
    args.n = n;
    args.epilogue.residual = residual;
    args.epilogue.ld_residual = ldc;
    const size_t grain =
        std::max<size_t>(k.tile.nr, kProductGrain / std::max<size_t>(1, rows * depth));
    for_ranges(state, n, k.tile.nr, grain, [&](IndexRange cols, int thread) {
      GemmArgs own = args;
      own.scratch = state.scratch(thread);
      fn(own, IndexRange{0, rows}, cols);
    });
  }

  static void load_state(const RunState& state, ValueId from, size_t direction, size_t count,
                         float* to) {
    if (from == kNoValue) {
      std::memset(to, 0, count * sizeof(float));
    } else {
      std::memcpy(to, state.data<float>(from) + direction * count, count * sizeof(float));
    }
  }

  void run_direction(const RunState& state, size_t d) const {
    const Direction& direction = directions[d];
    const size_t cells = s.batch * s.hidden;
    float* const all_gates = state.data<float>(gates);
    float* const h = state.data<float>(hidden);
    load_state(state, initial_h, d, cells, h);
    if (kind == CellKind::lstm) load_state(state, initial_c, d, cells, state.data<float>(memory));
    product(state, false, state.data<float>(x), s.input, direction.w, s.steps * s.batch, s.width(),
            all_gates, s.width(), nullptr);
    for (size_t i = 0; i < s.steps; ++i) {
      const size_t t = direction.backwards ? s.steps - 1 - i : i;
      float* const g = all_gates + t * s.batch * s.width();
      switch (kind) {
        case CellKind::lstm:
          lstm(state, direction, g);
          break;
        case CellKind::gru:
          gru(state, direction, g);
          break;
        case CellKind::rnn:
          product(state, true, h, s.hidden, direction.r, s.batch, s.hidden, g, s.width(), g);
          k.tanh(g, h, cells, {});
          break;
      }
      if (y != kNoValue) {
        float* const row = state.data<float>(y) + (t * s.directions + d) * cells;
        std::memcpy(row, h, cells * sizeof(float));
      }
    }
    if (y_h != kNoValue) std::memcpy(state.data<float>(y_h) + d * cells, h, cells * sizeof(float));
    if (y_c != kNoValue) {
      std::memcpy(state.data<float>(y_c) + d * cells, state.data<float>(memory),
                  cells * sizeof(float));
    }
  }

  // i, o, f = sigmoid, g = tanh of x W + h R;  c = f c + i g;  h = o tanh(c)
  void lstm(const RunState& state, const Direction& direction, float* g) const {
    float* const h = state.data<float>(hidden);
    product(state, true, h, s.hidden, direction.r, s.batch, s.width(), g, s.width(), g);
    for (size_t b = 0; b < s.batch; ++b) {
      float* const gate = g + b * s.width();
      float* const c = state.data<float>(memory) + b * s.hidden;
      float* const out = h + b * s.hidden;
      k.sigmoid(gate, gate, 3 * s.hidden, {});
      k.tanh(gate + 3 * s.hidden, gate + 3 * s.hidden, s.hidden, {});
      const float* const in = gate;
      const float* const output = gate + s.hidden;
      const float* const forget = gate + 2 * s.hidden;
      const float* const candidate = gate + 3 * s.hidden;
      for (size_t j = 0; j < s.hidden; ++j) c[j] = forget[j] * c[j] + in[j] * candidate[j];
      k.tanh(c, out, s.hidden, {});
      for (size_t j = 0; j < s.hidden; ++j) out[j] *= output[j];
    }
  }

  // z, r = sigmoid;  n = tanh(x Wn + (r * h) Rn + bias) or tanh(x Wn + r * (h Rn + bias));
  // h = (1 - z) n + z h
  void gru(const RunState& state, const Direction& direction, float* g) const {
    float* const h = state.data<float>(hidden);
    float* const work = state.data<float>(extra);
    const size_t n = s.hidden;
    if (linear_before_reset) {
      product(state, true, h, n, direction.r, s.batch, s.width(), work, s.width(), nullptr);
    } else {
      product(state, true, h, n, direction.r, s.batch, 2 * n, g, s.width(), g);
    }
    for (size_t b = 0; b < s.batch; ++b) {
      float* const gate = g + b * s.width();
      float* const own = work + b * (linear_before_reset ? s.width() : n);
      if (linear_before_reset) {
        for (size_t j = 0; j < 2 * n; ++j) gate[j] += own[j];
      }
      k.sigmoid(gate, gate, 2 * n, {});
      const float* const reset = gate + n;
      if (linear_before_reset) {
        for (size_t j = 0; j < n; ++j) gate[2 * n + j] += reset[j] * own[2 * n + j];
      } else {
        for (size_t j = 0; j < n; ++j) own[j] = reset[j] * h[b * n + j];
      }
    }
    if (!linear_before_reset) {
      product(state, true, work, n, direction.r_candidate, s.batch, n, g + 2 * n, s.width(),
              g + 2 * n);
    }
    for (size_t b = 0; b < s.batch; ++b) {
      float* const gate = g + b * s.width();
      float* const out = h + b * n;
      k.tanh(gate + 2 * n, gate + 2 * n, n, {});
      for (size_t j = 0; j < n; ++j)
        out[j] = gate[2 * n + j] + gate[j] * (out[j] - gate[2 * n + j]);
    }
  }
};

size_t blocks_of(size_t depth, size_t block) {
  return (depth + block - 1) / block;
}

/** Packs rows [first, first + n) of one direction of matrix `input` with the given bias. */
const std::byte* pack_rows(const LoweredOp& op, PlanBuilder& plan, size_t input, size_t direction,
                           size_t first, size_t n, const std::vector<float>& bias,
                           const char* form) {
  ProductWeights weights(op, plan, input);
  const Tensor& matrix = plan.value(op.node.inputs[input]).constant;
  const auto rows = static_cast<size_t>(matrix.shape()[1]);
  const auto depth = static_cast<size_t>(matrix.shape()[2]);
  const TileShape tile = plan.kernels().gemm_tile;
  const PackShape shape = weights.pack_shape(1, depth, n);
  const std::string key =
      concat(weights.key(form), "|", plan.pack_key(op.node.input(3)), "|", direction, "|", first);
  return plan.pack(key, packed_bytes(weights.kind, shape, tile), [&](std::byte* out) {
    // `pack` offsets bias and scales by the first column, so the bias lies there too.
    std::vector<float> shifted(first + n, 0.0f);
    std::copy(bias.begin(), bias.end(), shifted.begin() + static_cast<std::ptrdiff_t>(first));
    weights.bias = shifted.data();
    const size_t at = (direction * rows + first) * depth;
    const size_t scales = shape.block == 0 ? 0 : direction * rows * blocks_of(depth, shape.block);
    const Tensor source = weights.source();
    weights.pack(source.raw() + at * element_bytes(source.dtype()), WeightStrides{0, 1, depth},
                 first, shape, tile, out, scales);
  });
}

}  // namespace

bool build_recurrent(const LoweredOp& op, PlanBuilder& plan) {
  if (op.node.domain != kLowered) return false;
  const bool lstm = op.node.op == "LSTM", gru = op.node.op == "GRU";
  if (!lstm && !gru && op.node.op != "RNN") return false;
  auto step = std::make_shared<RecurrentStep>();
  const Shape& x = plan.value(op.node.inputs[0]).shape;
  const Shape& r = plan.value(op.node.inputs[2]).shape;
  Sizes& s = step->s;
  s.steps = static_cast<size_t>(x[0]);
  s.batch = static_cast<size_t>(x[1]);
  s.input = static_cast<size_t>(x[2]);
  s.directions = static_cast<size_t>(r[0]);
  s.hidden = static_cast<size_t>(r[2]);
  s.gates = lstm ? 4 : gru ? 3 : 1;
  step->kind = lstm ? CellKind::lstm : gru ? CellKind::gru : CellKind::rnn;
  step->linear_before_reset = gru && op.node.int_attribute("linear_before_reset", 0) != 0;

  const std::string direction = op.node.string_attribute("direction", "forward");
  const float* biases = nullptr;
  if (const ValueId bias = op.node.input(3); bias != kNoValue) {
    biases = plan.value(bias).constant.data<float>().data();
  }
  const size_t width = s.width(), n = s.hidden;
  for (size_t d = 0; d < s.directions; ++d) {
    // The recurrent bias joins the input's, except where it must stay inside the reset gate.
    std::vector<float> wb(width, 0.0f), rb(width, 0.0f);
    if (biases != nullptr) {
      const float* const own = biases + d * 2 * width;
      for (size_t j = 0; j < width; ++j) {
        wb[j] = own[j];
        (step->linear_before_reset ? rb[j] : wb[j]) += own[width + j];
      }
    }
    Direction made;
    made.backwards = direction == "reverse" || d == 1;
    made.w = pack_rows(op, plan, 1, d, 0, width, wb, "recurrent_w");
    const bool split = gru && !step->linear_before_reset;
    made.r =
        pack_rows(op, plan, 2, d, 0, split ? 2 * n : width,
                  std::vector<float>(
                      rb.begin(), rb.begin() + static_cast<std::ptrdiff_t>(split ? 2 * n : width)),
                  "recurrent_r");
    if (split) {
      made.r_candidate =
          pack_rows(op, plan, 2, d, 2 * n, n, std::vector<float>(n, 0.0f), "recurrent_r");
    }
    step->directions.push_back(made);
  }

  const KernelTable& kernels = plan.kernels();
  const ProductWeights w(op, plan, 1), recurrent(op, plan, 2);
  step->k = {kernels.gemm_for(w.kind),
             kernels.gemm_for(recurrent.kind),
             w.codes(plan),
             recurrent.codes(plan),
             kernels.unary_for(UnaryKind::sigmoid),
             kernels.unary_for(UnaryKind::tanh),
             kernels.gemm_tile};
  plan.need_scratch(std::max(gemm_scratch_bytes(w.kind, s.input, kernels.gemm_tile),
                             gemm_scratch_bytes(recurrent.kind, n, kernels.gemm_tile)));
  step->x = op.node.inputs[0];
  step->initial_h = op.node.input(5);
  step->initial_c = lstm ? op.node.input(6) : kNoValue;
  step->y = op.node.output(0);
  step->y_h = op.node.output(1);
  step->y_c = lstm ? op.node.output(2) : kNoValue;
  const auto floats = [&](size_t count) {
    return plan.temporary(static_cast<int64_t>(count * sizeof(float)));
  };
  step->gates = floats(s.steps * s.batch * width);
  step->hidden = floats(s.batch * n);
  if (lstm) step->memory = floats(s.batch * n);
  if (gru) step->extra = floats(s.batch * width);
  plan.add_step(w.kernel_name(lstm  ? "lstm"
                              : gru ? "gru"
                                    : "rnn"),
                [step](RunState& state) { step->run(state); });
  return true;
}

}  // namespace whittle
