// Scan: a subgraph applied to the slices of sequences in turn.
#include <algorithm>
#include <vector>

#include "core/ops/support/control_flow.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

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
  form.body = require_subgraph(node, "body");
  const int64_t scans_in = node.int_attribute("num_scan_inputs", 0);
  if (scans_in < 1 || scans_in > static_cast<int64_t>(node.inputs.size())) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected num_scan_inputs in [1,", node.inputs.size(),
         "] for ", node.label(), " but received ", scans_in);
  }
  form.scans_in = static_cast<size_t>(scans_in);
  form.states = node.inputs.size() - form.scans_in;
  require_body_outputs(node, *form.body, form.states);
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
    inputs.push_back(carried_fact(context.input(i), *form.body, i));
    Fact& fact = inputs.back();
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
      context.set_output(
          i, Fact{fact.dtype, common_dims(context.dims(i), fact.dims), {}, fact.element});
    } else {
      context.set_output(i, fact.dtype,
                         stacked_dims(length, fact.dims, form.output_axes[i - form.states]));
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
    context.forward(output, stack(node, *form.body, output, scanned[i], form.output_axes[i]));
  }
}

}  // namespace

void register_scan(OpTable& table) {
  table.add({.name = "Scan",
             .infer = infer_scan,
             .evaluate = evaluate_scan,
             .traits = Trait::control_flow | Trait::takes_containers});
}

}  // namespace whittle
