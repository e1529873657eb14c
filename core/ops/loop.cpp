// Loop: a subgraph repeated while a condition holds.
#include <limits>
#include <vector>

#include "core/ops/support/control_flow.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// Loop: inputs are max_trip_count, condition, state...; the body maps (i, condition, state...) to
// (condition, state..., scans...); outputs are the last state and the scans stacked along axis 0.
void infer_loop(InferContext& context) {
  const Node& node = context.node();
  const auto body = require_subgraph(node, "body");
  const size_t states = context.input_count() < 2 ? 0 : context.input_count() - 2;
  require_body_outputs(node, *body, 1 + states);
  std::vector<Fact> inputs{Fact{DType::i64, Dims{}, {}}, Fact{DType::boolean, Dims{}, {}}};
  for (size_t i = 0; i < states; ++i) {
    inputs.push_back(carried_fact(context.input(2 + i), *body, 2 + i));
  }
  const auto facts = infer_body(context, *body, inputs, 2, states, 1);
  for (size_t i = 0; i + 1 < facts.size(); ++i) {
    const Fact& fact = facts[i + 1];
    if (i < states) {
      // No iteration at all leaves the state as it came in.
      context.set_output(
          i, Fact{fact.dtype, common_dims(context.dims(2 + i), fact.dims), {}, fact.element});
    } else {
      context.set_output(i, fact.dtype, stacked_dims(Dim(), fact.dims, 0));
    }
  }
}

void evaluate_loop(EvalContext& context) {
  const Node& node = context.node();
  const auto body = require_subgraph(node, "body");
  const size_t states = context.input_count() < 2 ? 0 : context.input_count() - 2;
  require_body_outputs(node, *body, 1 + states);
  const size_t scans = body->outputs.size() - 1 - states;
  int64_t limit = std::numeric_limits<int64_t>::max();
  if (context.has_input(0)) limit = require_integer(node, context.input(0));
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
    context.forward(states + i, stack(node, *body, 1 + states + i, scanned[i], 0));
  }
}

}  // namespace

void register_loop(OpTable& table) {
  table.add({.name = "Loop",
             .infer = infer_loop,
             .evaluate = evaluate_loop,
             .traits = Trait::control_flow | Trait::takes_containers});
}

}  // namespace whittle
