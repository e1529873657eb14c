// If: one of two subgraphs, by a condition.
#include <vector>

#include "core/ops/support/control_flow.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer_if(InferContext& context) {
  const Node& node = context.node();
  const Tensor& condition = context.input(0).constant;
  std::vector<Fact> facts;
  if (condition.defined()) {
    const char* branch = truth(condition, node) ? "then_branch" : "else_branch";
    facts = context.infer_subgraph(*require_subgraph(node, branch), {});
  } else {
    facts = context.infer_subgraph(*require_subgraph(node, "then_branch"), {});
    auto others = context.infer_subgraph(*require_subgraph(node, "else_branch"), {});
    for (size_t i = 0; i < facts.size() && i < others.size(); ++i) {
      // What may have no content in one branch may have none in the result.
      if (is_container(others[i].dtype) && others[i].dtype > facts[i].dtype) {
        std::swap(facts[i], others[i]);
      }
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
  const auto results = context.run_subgraph(*require_subgraph(node, branch), {});
  for (size_t i = 0; i < results.size(); ++i) {
    if (context.wants_output(i)) context.forward(i, results[i]);
  }
}

}  // namespace

void register_if(OpTable& table) {
  table.add({.name = "If",
             .infer = infer_if,
             .evaluate = evaluate_if,
             .traits = Trait::control_flow | Trait::takes_containers});
}

}  // namespace whittle
