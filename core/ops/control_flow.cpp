// If, Loop and Scan: operators that run subgraphs.
#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

std::shared_ptr<const Graph> subgraph(const Node& node, std::string_view attribute) {
  auto graph = node.graph_attribute(attribute);
  if (graph == nullptr) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a subgraph '", attribute, "' for ",
         node.label(), " but received none");
  }
  return graph;
}

bool truth(const Tensor& tensor, const Node& node) {
  const auto values = to_int64s(tensor, node.label());
  if (values.size() != 1) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected one boolean as condition of ", node.label(),
         " but received ", to_string(tensor.shape()));
  }
  return values[0] != 0;
}

/** What holds for both: dims that differ become unknown. */
std::optional<Dims> common_dims(const std::optional<Dims>& a, const std::optional<Dims>& b) {
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  Dims result = *a;
  for (size_t i = 0; i < result.size(); ++i) {
    if (!(result[i] == (*b)[i])) result[i] = Dim();
  }
  return result;
}

void infer_if(InferContext& context) {
  const Node& node = context.node();
  const Tensor& condition = context.input(0).constant;
  std::vector<Fact> facts;
  if (condition.defined()) {
    const char* branch = truth(condition, node) ? "then_branch" : "else_branch";
    facts = context.infer_subgraph(*subgraph(node, branch), {});
  } else {
    facts = context.infer_subgraph(*subgraph(node, "then_branch"), {});
    const auto others = context.infer_subgraph(*subgraph(node, "else_branch"), {});
    for (size_t i = 0; i < facts.size() && i < others.size(); ++i) {
      facts[i].dims = common_dims(facts[i].dims, others[i].dims);
      facts[i].constant = Tensor{};
    }
  }
  for (size_t i = 0; i < facts.size() && i < context.output_count(); ++i) {
    context.outputs()[i] = std::move(facts[i]);
  }
}

void evaluate_if(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const char* branch = truth(context.input(0), node) ? "then_branch" : "else_branch";
  const auto results = context.run_subgraph(*subgraph(node, branch), {});
  for (size_t i = 0; i < results.size(); ++i) {
    if (context.wants_output(i)) context.forward(i, results[i]);
  }
}

void require_outputs(const Node& node, const Graph& body, size_t outputs) {
  if (body.outputs.size() < outputs) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected at least ", outputs,
         " outputs of the body of ", node.label(), " but received ", body.outputs.size());
  }
}

/** True when `narrower` says no more than `wider` about every dimension. */
bool is_implied(const std::optional<Dims>& wider, const std::optional<Dims>& narrower) {
  if (!wider) return true;
  return narrower && std::equal(wider->begin(), wider->end(), narrower->begin(), narrower->end(),
                                [](const Dim& a, const Dim& b) {
                                  return (!a.known() && a.symbol.empty()) || a == b;
                                });
}

/** Facts of the body's outputs that hold in every iteration: dims of the n carried values, inputs
 * from `first` and outputs from `first_out` on, that change from one to the next become unknown. */
std::vector<Fact> infer_body(const InferContext& context, const Graph& body,
                             std::vector<Fact> inputs, size_t first, size_t n, size_t first_out) {
  for (;;) {
    std::vector<Fact> outputs = context.infer_subgraph(body, inputs);
    bool is_stable = true;
    for (size_t i = 0; i < n; ++i) {
      std::optional<Dims>& before = inputs[first + i].dims;
      const std::optional<Dims>& after = outputs[first_out + i].dims;
      if (is_implied(before, after)) continue;
      before = common_dims(before, after);
      is_stable = false;
    }
    if (is_stable) return outputs;
  }
}

std::optional<Dims> stacked(const Dim& length, const std::optional<Dims>& dims, int64_t axis) {
  if (!dims) return std::nullopt;
  Dims result = *dims;
  const auto at = axis < 0 ? axis + rank_of(result) + 1 : axis;
  result.insert(result.begin() + std::clamp<int64_t>(at, 0, rank_of(result)), length);
  return result;
}

// Loop: inputs are max_trip_count, condition, state...; the body maps (i, condition, state...) to
// (condition, state..., scans...); outputs are the last state and the scans stacked along axis 0.
void infer_loop(InferContext& context) {
  const Node& node = context.node();
  const auto body = subgraph(node, "body");
  const size_t states = context.input_count() < 2 ? 0 : context.input_count() - 2;
  require_outputs(node, *body, 1 + states);
  std::vector<Fact> inputs{Fact{DType::i64, Dims{}, {}}, Fact{DType::boolean, Dims{}, {}}};
  for (size_t i = 0; i < states; ++i) {
    inputs.push_back(context.input(2 + i));
    inputs.back().constant = Tensor{};
  }
  const auto facts = infer_body(context, *body, inputs, 2, states, 1);
  for (size_t i = 0; i + 1 < facts.size(); ++i) {
    const Fact& fact = facts[i + 1];
    if (i < states) {
      // No iteration at all leaves the state as it came in.
      context.set_output(i, fact.dtype, common_dims(context.dims(2 + i), fact.dims));
    } else {
      context.set_output(i, fact.dtype, stacked(Dim(), fact.dims, 0));
    }
  }
}

/** Joins equally shaped tensors along a new axis. `type` and `shape` serve when there are none. */
Tensor stack(const Node& node, const std::vector<Tensor>& parts, int64_t axis, DType type,
             const Shape& element) {
  const Shape& shape = parts.empty() ? element : parts[0].shape();
  const int at = normalize_axis(axis, shape.rank() + 1, node.label());
  Shape whole;
  for (int i = 0; i <= shape.rank(); ++i) {
    whole.push_back(i == at ? static_cast<int64_t>(parts.size()) : shape[i < at ? i : i - 1]);
  }
  Tensor result = Tensor::allocate(parts.empty() ? type : parts[0].dtype(), whole);
  View to = view_of(whole);
  const int64_t step = to.strides[at];
  Shape strides;
  for (int i = 0; i <= shape.rank(); ++i) {
    if (i != at) strides.push_back(to.strides[i]);
  }
  for (size_t k = 0; k < parts.size(); ++k) {
    if (parts[k].shape() != shape) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", to_string(shape),
           " from every iteration of ", node.label(), " but received ",
           to_string(parts[k].shape()));
    }
    copy_view(result, {static_cast<int64_t>(k) * step, strides}, parts[k], view_of(shape), shape);
  }
  return result;
}

/** The declared shape of a body's output, for scans of no iterations; unknown dims count as 0. */
Shape declared_shape(const Graph& body, size_t output) {
  Shape shape;
  const auto& dims = body.value(body.outputs[output]).dims;
  if (dims) {
    for (const Dim& dim : *dims) shape.push_back(dim.known() ? dim.value : 0);
  }
  return shape;
}

void evaluate_loop(EvalContext& context) {
  const Node& node = context.node();
  const auto body = subgraph(node, "body");
  const size_t states = context.input_count() < 2 ? 0 : context.input_count() - 2;
  require_outputs(node, *body, 1 + states);
  const size_t scans = body->outputs.size() - 1 - states;
  int64_t limit = std::numeric_limits<int64_t>::max();
  if (context.has_input(0)) limit = to_int64s(context.input(0), node.label()).at(0);
  bool goes_on = !context.has_input(1) || truth(context.input(1), node);
  std::vector<Tensor> state;
  for (size_t i = 0; i < states; ++i) state.push_back(context.input(2 + i));
  std::vector<std::vector<Tensor>> scanned(scans);
  for (int64_t trip = 0; trip < limit && goes_on; ++trip) {
    std::vector<Tensor> inputs{Tensor::scalar<int64_t>(trip), Tensor::scalar<bool>(true)};
    inputs.insert(inputs.end(), state.begin(), state.end());
    std::vector<Tensor> outputs = context.run_subgraph(*body, std::move(inputs));
    goes_on = truth(outputs[0], node);
    for (size_t i = 0; i < states; ++i) state[i] = outputs[1 + i];
    for (size_t i = 0; i < scans; ++i) scanned[i].push_back(outputs[1 + states + i]);
  }
  for (size_t i = 0; i < states; ++i) {
    if (context.wants_output(i)) context.forward(i, state[i]);
  }
  for (size_t i = 0; i < scans; ++i) {
    if (!context.wants_output(states + i)) continue;
    const size_t output = 1 + states + i;
    context.forward(states + i, stack(node, scanned[i], 0,
                                      body->value(body->outputs[output]).dtype,
                                      declared_shape(*body, output)));
  }
}

/** How a Scan's inputs and outputs are divided, and along which axes it walks. */
struct ScanForm {
  std::shared_ptr<const Graph> body;
  size_t states;
  size_t scans_in;
  size_t scans_out;
  std::vector<int64_t> input_axes;
  std::vector<int64_t> input_directions;  // 1: from the end
  std::vector<int64_t> output_axes;
  std::vector<int64_t> output_directions;
};

ScanForm scan_form(const Node& node) {
  ScanForm form;
  form.body = subgraph(node, "body");
  const int64_t scans_in = node.int_attribute("num_scan_inputs", 0);
  if (scans_in < 1 || scans_in > static_cast<int64_t>(node.inputs.size())) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected num_scan_inputs in [1,", node.inputs.size(),
         "] for ", node.label(), " but received ", scans_in);
  }
  form.scans_in = static_cast<size_t>(scans_in);
  form.states = node.inputs.size() - form.scans_in;
  require_outputs(node, *form.body, form.states);
  form.scans_out = form.body->outputs.size() - form.states;
  const auto read = [&](std::string_view attribute, size_t count) {
    std::vector<int64_t> values = node.ints_attribute(attribute);
    values.resize(count, 0);
    return values;
  };
  form.input_axes = read("scan_input_axes", form.scans_in);
  form.input_directions = read("scan_input_directions", form.scans_in);
  form.output_axes = read("scan_output_axes", form.scans_out);
  form.output_directions = read("scan_output_directions", form.scans_out);
  return form;
}

// Scan: the body maps (state..., one slice of each scan input) to (state..., one slice of each scan
// output); outputs are the last state and the stacked slices.
void infer_scan(InferContext& context) {
  const Node& node = context.node();
  const ScanForm form = scan_form(node);
  std::vector<Fact> inputs;
  Dim length;
  for (size_t i = 0; i < context.input_count(); ++i) {
    inputs.push_back(context.input(i));
    Fact& fact = inputs.back();
    fact.constant = Tensor{};
    if (i < form.states || !fact.dims) continue;
    const int axis =
        normalize_axis(form.input_axes[i - form.states], rank_of(*fact.dims), node.label());
    const Dim walked = (*fact.dims)[static_cast<size_t>(axis)];
    if (!length.known()) length = walked;
    fact.dims->erase(fact.dims->begin() + axis);
  }
  const auto facts = infer_body(context, *form.body, inputs, 0, form.states, 0);
  for (size_t i = 0; i < facts.size(); ++i) {
    const Fact& fact = facts[i];
    if (i < form.states) {
      context.set_output(i, fact.dtype, common_dims(context.dims(i), fact.dims));
    } else {
      context.set_output(i, fact.dtype,
                         stacked(length, fact.dims, form.output_axes[i - form.states]));
    }
  }
}

Tensor slice_at(const Tensor& x, int axis, int64_t index) {
  Shape shape;
  View from;
  const Shape strides = strides_of(x.shape());
  from.offset = index * strides[axis];
  for (int i = 0; i < x.shape().rank(); ++i) {
    if (i == axis) continue;
    shape.push_back(x.shape()[i]);
    from.strides.push_back(strides[i]);
  }
  Tensor slice = Tensor::allocate(x.dtype(), shape);
  copy_view(slice, view_of(shape), x, from, shape);
  return slice;
}

void evaluate_scan(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, node.inputs.size());
  const ScanForm form = scan_form(node);
  std::vector<Tensor> state;
  for (size_t i = 0; i < form.states; ++i) state.push_back(context.input(i));
  std::vector<int> axes;
  int64_t length = -1;
  for (size_t i = 0; i < form.scans_in; ++i) {
    const Shape& shape = context.input(form.states + i).shape();
    axes.push_back(normalize_axis(form.input_axes[i], shape.rank(), node.label()));
    const int64_t extent = shape[axes.back()];
    if (length >= 0 && extent != length) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected scan inputs of ", length, " slices for ",
           node.label(), " but received ", extent);
    }
    length = extent;
  }
  std::vector<std::vector<Tensor>> scanned(form.scans_out);
  for (int64_t step = 0; step < length; ++step) {
    std::vector<Tensor> inputs = state;
    for (size_t i = 0; i < form.scans_in; ++i) {
      const int64_t index = form.input_directions[i] != 0 ? length - 1 - step : step;
      inputs.push_back(slice_at(context.input(form.states + i), axes[i], index));
    }
    const std::vector<Tensor> outputs = context.run_subgraph(*form.body, std::move(inputs));
    for (size_t i = 0; i < form.states; ++i) state[i] = outputs[i];
    for (size_t i = 0; i < form.scans_out; ++i) scanned[i].push_back(outputs[form.states + i]);
  }
  for (size_t i = 0; i < form.states; ++i) {
    if (context.wants_output(i)) context.forward(i, state[i]);
  }
  for (size_t i = 0; i < form.scans_out; ++i) {
    const size_t output = form.states + i;
    if (!context.wants_output(output)) continue;
    if (form.output_directions[i] != 0) std::reverse(scanned[i].begin(), scanned[i].end());
    context.forward(output, stack(node, scanned[i], form.output_axes[i],
                                  form.body->value(form.body->outputs[output]).dtype,
                                  declared_shape(*form.body, output)));
  }
}

}  // namespace

void register_control_flow(OpTable& table) {
  const auto add = [&](std::string_view name, void (*infer)(InferContext&),
                       void (*evaluate)(EvalContext&)) {
    table.add({.name = name, .infer = infer, .evaluate = evaluate, .traits = Trait::control_flow});
  };
  add("If", infer_if, evaluate_if);
  add("Loop", infer_loop, evaluate_loop);
  add("Scan", infer_scan, evaluate_scan);
}

}  // namespace whittle
