// SequenceMap: a subgraph applied to the tensors of sequences in turn.
#include <vector>

#include "core/ops/support/control_flow.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/sequences.h"
#include "core/tensor/sequence.h"

namespace whittle {
namespace {

// The body maps (a tensor of each sequence, each tensor as it is) to (a tensor of each result).
void infer_sequence_map(InferContext& context) {
  const auto body = require_subgraph(context.node(), "body");
  std::vector<Fact> inputs;
  for (size_t i = 0; i < context.input_count(); ++i) {
    Fact fact = context.input(i);
    fact.constant = Tensor{};
    if (fact.dtype == DType::sequence) fact = Fact{fact.element, std::nullopt, {}};
    inputs.push_back(std::move(fact));
  }
  const auto facts = context.infer_subgraph(*body, std::move(inputs));
  for (size_t i = 0; i < facts.size(); ++i) context.set_output(i, sequence_of(facts[i].dtype));
}

void evaluate_sequence_map(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const auto body = require_subgraph(node, "body");
  const size_t length = as_sequence(context.input(0), node.label()).items.size();
  std::vector<std::vector<Tensor>> results(body->outputs.size());
  for (size_t k = 0; k < length; ++k) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!is_sequence(context.input(i))) {
        inputs.push_back(context.input(i));
        continue;
      }
      const auto& items = as_sequence(context.input(i), node.label()).items;
      if (items.size() != length) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected sequences of ", length, " tensors for ",
             node.label(), " but received one of ", items.size());
      }
      inputs.push_back(items[k]);
    }
    std::vector<Tensor> outputs = context.run_subgraph(*body, std::move(inputs));
    for (size_t i = 0; i < results.size(); ++i) results[i].push_back(std::move(outputs[i]));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (!context.wants_output(i)) continue;
    const DType element =
        results[i].empty() ? body->value(body->outputs[i]).dtype : results[i][0].dtype();
    context.forward(i, make_sequence(element, std::move(results[i]), node.label()));
  }
}

}  // namespace

void register_sequence_map(OpTable& table) {
  table.add({.name = "SequenceMap",
             .infer = infer_sequence_map,
             .evaluate = evaluate_sequence_map,
             .traits = Trait::control_flow | Trait::takes_containers});
}

}  // namespace whittle
