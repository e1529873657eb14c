#include "core/ops/support/recurrent.h"

#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

struct NamedActivation {
  std::string_view name;  // as ONNX spells it, in lower case
  float alpha;            // defaults
  float beta;
  float (*function)(float x, float alpha, float beta);
};

const NamedActivation kActivations[] = {
    {"relu", 0, 0, [](float x, float, float) { return std::max(x, 0.0f); }},
    {"tanh", 0, 0, [](float x, float, float) { return std::tanh(x); }},
    {"sigmoid", 0, 0, [](float x, float, float) { return 1.0f / (1.0f + std::exp(-x)); }},
    {"affine", 1, 0, [](float x, float a, float b) { return a * x + b; }},
    {"leakyrelu", 0.01f, 0, [](float x, float a, float) { return x >= 0 ? x : a * x; }},
    {"thresholdedrelu", 1, 0, [](float x, float a, float) { return x >= a ? x : 0.0f; }},
    {"scaledtanh", 1, 1, [](float x, float a, float b) { return a * std::tanh(b * x); }},
    {"hardsigmoid", 0.2f, 0.5f,
     [](float x, float a, float b) { return std::clamp(a * x + b, 0.0f, 1.0f); }},
    {"elu", 1, 0, [](float x, float a, float) { return x >= 0 ? x : a * (std::exp(x) - 1.0f); }},
    {"softsign", 0, 0, [](float x, float, float) { return x / (1.0f + std::fabs(x)); }},
    {"softplus", 0, 0, [](float x, float, float) { return std::log1p(std::exp(x)); }},
};

bool takes_alpha(std::string_view name) {
  return name != "relu" && name != "tanh" && name != "sigmoid" && name != "softsign" &&
         name != "softplus";
}

bool takes_beta(std::string_view name) {
  return name == "affine" || name == "scaledtanh" || name == "hardsigmoid";
}

/** Alphas and betas are listed for those activations only that take one, in their order. */
std::vector<RnnActivation> read_activations(const Node& node,
                                            const std::vector<std::string>& names) {
  const std::vector<float> alphas = node.floats_attribute("activation_alpha");
  const std::vector<float> betas = node.floats_attribute("activation_beta");
  size_t alpha = 0;
  size_t beta = 0;
  std::vector<RnnActivation> made;
  for (std::string name : names) {
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    const auto* found =
        std::find_if(std::begin(kActivations), std::end(kActivations),
                     [&](const NamedActivation& each) { return each.name == name; });
    if (found == std::end(kActivations)) {
      fail(Code::UNSUPPORTED, node.label(), "Expected a known activation for ", node.label(),
           " but received '", name, "'");
    }
    RnnActivation activation{found->function, found->alpha, found->beta};
    if (takes_alpha(name) && alpha < alphas.size()) activation.alpha = alphas[alpha++];
    if (takes_beta(name) && beta < betas.size()) activation.beta = betas[beta++];
    made.push_back(activation);
  }
  return made;
}

void require_shape(const Node& node, const char* what, const Shape& wanted, const Shape& received) {
  if (wanted == received) return;
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", what, " of shape ", to_string(wanted),
       " for ", node.label(), " but received ", to_string(received));
}

/** Offset of [direction, sequence] in a state tensor of the node's layout, in rows of `hidden`. */
int64_t state_row(const Recurrence& r, int64_t direction, int64_t sequence) {
  return r.batch_first ? sequence * r.directions + direction : direction * r.batch + sequence;
}

}  // namespace

float Recurrence::clipped(float value) const {
  return clip > 0.0f ? std::clamp(value, -clip, clip) : value;
}

Recurrence read_recurrence(const EvalContext& context, const Shape& x, const Shape& w,
                           const Shape& r, int64_t gates, std::vector<std::string> defaults) {
  const Node& node = context.node();
  if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs of rank 3 for ", node.label(),
         " but received ", to_string(x), ", ", to_string(w), " and ", to_string(r));
  }
  Recurrence made;
  made.gates = gates;
  made.batch_first = node.int_attribute("layout", 0) != 0;
  made.steps = x[made.batch_first ? 1 : 0];
  made.batch = x[made.batch_first ? 0 : 1];
  made.input = x[2];
  made.hidden = node.int_attribute("hidden_size", r[2]);
  const std::string direction = node.string_attribute("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    fail(Code::INVALID_GRAPH, node.label(), "Expected forward, reverse or bidirectional for",
         " attribute 'direction' of ", node.label(), " but received '", direction, "'");
  }
  made.reverse = direction == "reverse";
  made.directions = direction == "bidirectional" ? 2 : 1;
  const int64_t rows = checked_mul(gates, made.hidden, "gates");
  require_shape(node, "weights", Shape{made.directions, rows, made.input}, w);
  require_shape(node, "recurrent weights", Shape{made.directions, rows, made.hidden}, r);
  made.clip = node.float_attribute("clip", 0.0f);

  made.per_direction = defaults.size();
  std::vector<std::string> names = node.strings_attribute("activations");
  if (names.empty()) {
    names = defaults;
    if (made.directions == 2) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != made.per_direction * static_cast<size_t>(made.directions)) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected ",
         made.per_direction * static_cast<size_t>(made.directions), " activations for ",
         node.label(), " but received ", names.size());
  }
  made.activations = read_activations(node, names);

  made.lengths.assign(static_cast<size_t>(made.batch), made.steps);
  if (context.has_input(4)) {
    require_elements(context, context.input(4), made.batch, "sequence lengths");
    made.lengths = to_int64s(context.input(4), node.label());
    for (int64_t& length : made.lengths) length = std::clamp<int64_t>(length, 0, made.steps);
  }
  return made;
}

float recurrent_sum(const float* r_row, const float* hidden, int64_t size) {
  float sum = 0.0f;
  for (int64_t h = 0; h < size; ++h) sum += r_row[h] * hidden[h];
  return sum;
}

std::vector<float> read_state(const EvalContext& context, const Recurrence& r, size_t i) {
  std::vector<float> state(static_cast<size_t>(r.directions * r.batch * r.hidden));
  if (!context.has_input(i)) return state;
  const Tensor tensor = float_input(context, i);
  require_elements(context, tensor, static_cast<int64_t>(state.size()), "an initial state");
  const float* from = tensor.data<float>().data();
  for (int64_t d = 0; d < r.directions; ++d) {
    for (int64_t b = 0; b < r.batch; ++b) {
      std::copy_n(from + state_row(r, d, b) * r.hidden, r.hidden,
                  state.begin() + (d * r.batch + b) * r.hidden);
    }
  }
  return state;
}

void write_state(EvalContext& context, const Recurrence& r, size_t i,
                 const std::vector<float>& state) {
  if (!context.wants_output(i)) return;
  const Shape shape = r.batch_first ? Shape{r.batch, r.directions, r.hidden}
                                    : Shape{r.directions, r.batch, r.hidden};
  fill_widened(context, i, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    for (int64_t d = 0; d < r.directions; ++d) {
      for (int64_t b = 0; b < r.batch; ++b) {
        std::copy_n(state.begin() + (d * r.batch + b) * r.hidden, r.hidden,
                    out + state_row(r, d, b) * r.hidden);
      }
    }
  });
}

void run_recurrence(EvalContext& context, const Recurrence& r, const Tensor& x, const Tensor& w,
                    const RnnCell& cell) {
  const int64_t rows = r.gates * r.hidden;
  std::vector<float> bias = float_values(context, 3);
  if (bias.empty()) {
    bias.resize(static_cast<size_t>(r.directions * 2 * rows));
  } else {
    require_elements(context, context.input(3), r.directions * 2 * rows, "a bias");
  }
  std::vector<float> state = read_state(context, r, 5);
  const Shape all = r.batch_first ? Shape{r.batch, r.steps, r.directions, r.hidden}
                                  : Shape{r.steps, r.directions, r.batch, r.hidden};
  std::vector<float> steps_out(static_cast<size_t>(all.elements()));
  std::vector<float> gates_x(static_cast<size_t>(rows));
  for (int64_t d = 0; d < r.directions; ++d) {
    const float* weights = w.data<float>().data() + d * rows * r.input;
    for (int64_t b = 0; b < r.batch; ++b) {
      float* hidden = state.data() + (d * r.batch + b) * r.hidden;
      const int64_t length = r.lengths[static_cast<size_t>(b)];
      for (int64_t s = 0; s < length; ++s) {
        const int64_t step = r.backwards(d) ? length - 1 - s : s;
        const int64_t row = r.batch_first ? b * r.steps + step : step * r.batch + b;
        const float* values = x.data<float>().data() + row * r.input;
        for (int64_t g = 0; g < rows; ++g) {
          gates_x[static_cast<size_t>(g)] = recurrent_sum(weights + g * r.input, values, r.input) +
                                            bias[static_cast<size_t>(d * 2 * rows + g)];
        }
        cell(d, b, gates_x.data(), hidden);
        const int64_t to = r.batch_first ? (b * r.steps + step) * r.directions + d
                                         : (step * r.directions + d) * r.batch + b;
        std::copy_n(hidden, r.hidden, steps_out.begin() + to * r.hidden);
      }
    }
  }
  if (context.wants_output(0)) {
    fill_widened(context, 0, context.input(0).dtype(), all, [&](Tensor& y) {
      std::copy(steps_out.begin(), steps_out.end(), y.mutable_data<float>().begin());
    });
  }
  write_state(context, r, 1, state);
}

void infer_recurrence(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const bool batch_first = node.int_attribute("layout", 0) != 0;
  const bool both = node.string_attribute("direction", "forward") == "bidirectional";
  const Dim directions(both ? 2 : 1);
  Dim steps;
  Dim batch;
  Dim hidden;
  if (context.dims(0) && context.dims(0)->size() == 3) {
    steps = (*context.dims(0))[batch_first ? 1 : 0];
    batch = (*context.dims(0))[batch_first ? 0 : 1];
  }
  if (context.dims(2) && context.dims(2)->size() == 3) hidden = context.dims(2)->back();
  if (node.has("hidden_size")) hidden = node.int_attribute("hidden_size", 0);
  context.set_output(0, context.dtype(0),
                     batch_first ? Dims{batch, steps, directions, hidden}
                                 : Dims{steps, directions, batch, hidden});
  for (size_t i = 1; i < context.output_count(); ++i) {
    context.set_output(
        i, context.dtype(0),
        batch_first ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden});
  }
}

Cost recurrence_cost(const NodeFacts& facts) {
  std::vector<Shape> shapes;
  for (size_t i = 0; i < 3; ++i) {
    if (i >= facts.inputs.size() || !facts.inputs[i].dims) return {};
    const auto shape = concrete(*facts.inputs[i].dims);
    if (!shape || shape->rank() != 3) return {};
    shapes.push_back(*shape);
  }
  const int64_t positions = checked_mul(shapes[0][0], shapes[0][1], "MACs");
  const int64_t weights = checked_add(shapes[1].elements(), shapes[2].elements(), "MACs");
  return {checked_mul(positions, weights, "MACs")};
}

}  // namespace whittle
