#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

const std::vector<std::string>& pass_names() {
  static const std::vector<std::string> names = {"eliminate-identity", "fold-constants",
                                                 "fold-pad",           "fold-batchnorm",
                                                 "fuse-instance-norm", "eliminate-dead-code"};
  return names;
}

Job run(TechniqueContext& context) {
  std::vector<Pass> passes;
  for (const std::string& name : pass_names()) {
    if (const Pass* pass = find_pass(name)) passes.push_back(*pass);
  }
  const size_t before = context.model.graph.nodes.size();
  co_await report_progress("simplify", "", 0, 1);
  run_passes(context.model.graph, passes, PassContext{context.ops, context.pool});
  share_small_constants(context.model.graph);
  const size_t after = context.model.graph.nodes.size();
  if (after < before) {
    Node whole;
    whole.name = "graph";
    context.report.touch(whole, {{"nodesBefore", before}, {"nodesAfter", after}});
  }
}

}  // namespace

void register_simplify(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "simplify";
  technique.summary =
      "fold constants and batch normalisations, join what is one operator, drop nodes that do "
      "nothing";
  technique.changes_layers = true;
  technique.weight_bits = [](const Options&) { return 32.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
