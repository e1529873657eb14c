#include <map>

#include "core/compress/technique.h"
#include "core/ops/shape_inference.h"
#include "core/passes/pass.h"
#include "core/passes/quantized_forms.h"

namespace whittle {
namespace {

/** What is still in the form that was to go. */
bool is_left(const Graph& graph, const Node& node, bool to_qoperator) {
  if (!to_qoperator) return form_of_quantized(node) != nullptr;
  if (form_of_float(node) == nullptr) return false;
  for (const Node& other : graph.nodes) {
    if (other.is("DequantizeLinear") && other.outputs[0] == node.input(0)) return true;
  }
  return false;
}

Job run(TechniqueContext& context) {
  if (!context.options.has("to")) {
    fail(Code::INVALID_OPTION, "to",
         "Expected \"qdq\" or \"qoperator\" for \"to\" but received nothing");
  }
  const bool to_qoperator = context.options.text("to") == "qoperator";
  Graph& graph = context.model.graph;
  co_await report_progress("convert", "", 0, 1);
  infer_shapes(graph, context.ops);
  std::map<std::string, std::string> before;
  for (const Node& node : graph.nodes) before[node.name] = node.op;
  std::vector<Pass> passes = {
      *find_pass(to_qoperator ? "qdq-to-qoperator" : "qoperator-to-qdq"),
      *find_pass("eliminate-dead-code"),
  };
  run_passes(graph, passes, PassContext{context.ops, context.pool});
  for (const Node& node : graph.nodes) {
    const auto was = before.find(node.name);
    if (was != before.end() && was->second != node.op) {
      context.report.touch(node, {{"from", was->second}});
    } else if (is_left(graph, node, to_qoperator)) {
      context.report.leave(node, to_qoperator ? "its inputs, bias or result are not quantized in a "
                                                "way that one integer node can say"
                                              : "its scales are not constant");
    }
  }
}

}  // namespace

void register_convert(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "convert";
  technique.summary =
      "turns the two forms of a quantized model into each other: QuantizeLinear / DequantizeLinear "
      "around float operators, and operators on integers";
  technique.options = {{.name = "to",
                        .type = OptionType::choice,
                        .doc = "the form to turn into",
                        .choices = {"qdq", "qoperator"},
                        .per_layer = false}};
  technique.changes_layers = true;
  technique.pays_in_bytes = false;
  technique.weight_bits = nullptr;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
