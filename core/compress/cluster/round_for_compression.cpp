#include <algorithm>
#include <cmath>
#include <map>

#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"

namespace whittle {
namespace {

struct Rounded {
  Tensor values;
  double signal = 0;
  double noise = 0;

  double sqnr_db() const { return noise > 0 && signal > 0 ? 10 * std::log10(signal / noise) : 300; }
};

using RoundFn = float (*)(float value, int exponent);

/** To the nearest multiple of 2^exponent. Few bits of the mantissa survive, so both the values and
 * their low bytes repeat, which is what gzip and brotli look for. */
float round_to_grid(float value, int exponent) {
  return std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent);
}

/** To `bits` explicit bits of the mantissa, half to even. */
float round_mantissa(float value, int bits) {
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);  // in [0.5, 1)
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, bits + 1)), exponent - bits - 1);
}

/** Noise of rounding a strided set of values; `apply` writes them. */
double noise_of(std::span<const float> values, RoundFn round, int parameter) {
  double noise = 0;
  for (float value : values) {
    const double error = static_cast<double>(round(value, parameter)) - value;
    noise += error * error;
  }
  return noise;
}

/** The coarsest grid whose noise stays under `allowed`, from the estimate step^2 / 12 per value. */
int coarsest_grid(std::span<const float> values, double allowed) {
  const double step = std::sqrt(12 * allowed / static_cast<double>(values.size()));
  int exponent = std::clamp(static_cast<int>(std::floor(std::log2(step))) + 2, -149, 126);
  while (exponent > -149 && noise_of(values, round_to_grid, exponent) > allowed) --exponent;
  return exponent;
}

int fewest_bits(std::span<const float> values, double allowed) {
  int bits = 0;
  while (bits < 23 && noise_of(values, round_mantissa, bits) > allowed) ++bits;
  return bits;
}

/** Rounds each slice along `axis` so that its own signal-to-noise ratio is at least `sqnr_db`. */
Rounded round_tensor(const Tensor& tensor, int axis, double sqnr_db, bool grid) {
  const Shape& shape = tensor.shape();
  const int64_t outer = shape.elements(0, axis);
  const int64_t channels = shape[axis];
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  Rounded rounded;
  rounded.values = Tensor::allocate(DType::f32, shape);
  const std::span<const float> from = tensor.data<float>();
  const std::span<float> to = rounded.values.mutable_data<float>();
  std::vector<float> slice(static_cast<size_t>(outer * inner));
  for (int64_t c = 0; c < channels; ++c) {
    const auto place = [&](int64_t o, int64_t i) {
      return static_cast<size_t>((o * channels + c) * inner + i);
    };
    double signal = 0;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const float value = from[place(o, i)];
        slice[static_cast<size_t>(o * inner + i)] = value;
        signal += static_cast<double>(value) * value;
      }
    }
    const double allowed = signal / std::pow(10.0, sqnr_db / 10);
    const bool still = !(signal > 0) || !std::isfinite(signal);
    const RoundFn round = grid ? round_to_grid : round_mantissa;
    const int parameter = still  ? 0
                          : grid ? coarsest_grid(slice, allowed)
                                 : fewest_bits(slice, allowed);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const float value = from[place(o, i)];
        const float kept = still ? value : round(value, parameter);
        to[place(o, i)] = kept;
        const double error = static_cast<double>(kept) - value;
        rounded.noise += error * error;
      }
    }
    rounded.signal += signal;
  }
  return rounded;
}

/** Slices get a precision of their own along the first axis when they are long enough to matter. */
Rounded round_weight(const Tensor& tensor, double sqnr_db, bool grid) {
  constexpr int64_t kShortSlice = 8;
  const Shape& shape = tensor.shape();
  const bool slices = shape.rank() > 1 && shape.elements(1, shape.rank()) >= kShortSlice;
  if (slices) return round_tensor(tensor, 0, sqnr_db, grid);
  Shape whole{1, tensor.elements()};
  Rounded rounded = round_tensor(tensor.reshaped(whole), 0, sqnr_db, grid);
  rounded.values = rounded.values.reshaped(shape);
  return rounded;
}

const std::vector<std::string>& rounded_ops() {
  static const std::vector<std::string> ops = {"Conv", "ConvTranspose", "Gemm", "MatMul",
                                               "LSTM", "GRU",           "RNN",  "Gather"};
  return ops;
}

Job run(TechniqueContext& context) {
  // Fewer values than this are not worth the loss.
  constexpr int64_t kLeastElements = 64;
  const ConstantFinder finder(context.model.graph);
  const std::vector<Layer> layers = context.layers(rounded_ops());
  std::map<ConstantRef, Rounded> results;
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    std::string reason = layer.selected ? "it has no float32 weights" : "not selected";
    bool touched = false;
    bool any_weight = false;
    double worst = 300;
    for (size_t i = 0; layer.selected && i < layer.node->inputs.size(); ++i) {
      const ConstantRef constant = finder.find_weight(*layer.graph, layer.node->input(i));
      if (!constant.found() || constant.tensor().dtype() != DType::f32) continue;
      any_weight = true;
      if (constant.tensor().shape().rank() < 2) continue;  // biases are few and matter
      if (constant.tensor().elements() < kLeastElements) {
        reason = "too small to gain";
        continue;
      }
      auto known = results.find(constant);
      if (known == results.end()) {
        co_await report_progress("round for compression", layer.name(), done,
                                 static_cast<int64_t>(layers.size()));
        context.cancel.poll();
        known = results
                    .emplace(constant, round_weight(constant.tensor(), layer.options.number("sqnr"),
                                                    layer.options.text("method") == "grid"))
                    .first;
      }
      worst = std::min(worst, known->second.sqnr_db());
      touched = true;
    }
    if (touched) {
      context.report.touch(*layer.node, {{"weightSqnrDb", worst}});
    } else if (any_weight || layer.op() != "Gather") {  // a Gather of indices is no layer
      context.report.leave(*layer.node, reason);
    }
  }
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    for (auto& [constant, rounded] : results) {
      if (constant.owner == before) graph.value(constant.id).constant = rounded.values;
    }
  });
}

}  // namespace

void register_round_for_compression(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "round-for-compression";
  technique.summary =
      "round float weights to few distinct values, so that gzip and brotli shrink the file; no "
      "operator changes";
  technique.ops = rounded_ops();
  technique.needs_passes = weight_passes();
  OptionSpec sqnr;
  sqnr.name = "sqnr";
  sqnr.doc = "signal-to-noise ratio every slice of a weight keeps; lower is smaller";
  sqnr.default_value = 36.0;
  sqnr.unit = "dB";
  sqnr.min = 6;
  sqnr.max = 120;
  OptionSpec method;
  method.name = "method";
  method.type = OptionType::choice;
  method.doc = "\"grid\": multiples of a power of two per slice; \"mantissa\": fewer mantissa bits";
  method.default_value = "grid";
  method.choices = {"grid", "mantissa"};
  technique.options = {sqnr, method};
  technique.not_after = {"quantize-*", "mixed-precision", "fp16", "palettize"};
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
