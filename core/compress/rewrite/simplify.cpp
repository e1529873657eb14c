#include <algorithm>
#include <charconv>
#include <map>

#include "core/base/nearest.h"
#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"
#include "core/onnx/writer.h"
#include "core/ops/shape_inference.h"
#include "core/passes/pass.h"
#include "core/runtime/control_flow.h"

namespace whittle {
namespace {

/** In the order they run: detours go first, then what joins several operators, since folding may
 * take a part of it away (a scale of ones). */
const std::vector<std::string>& pass_names() {
  static const std::vector<std::string> names = {
      "eliminate-identity", "fold-shapes",     "fold-constants",      "fuse-instance-norm",
      "fuse-layer-norm",    "fuse-gelu",       "fuse-attention",      "fold-pad",
      "fold-batchnorm",     "drop-zero-state", "fold-reshape-target", "fold-arithmetic",
      "eliminate-common",   "sink-transposes", "merge-moves",         "eliminate-dead-code"};
  return names;
}

int64_t parse_size(std::string_view text, const std::string& name) {
  int64_t size = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc{} || end != text.data() + text.size() || size < 0) {
    fail(Code::INVALID_OPTION, "shapes",
         "Expected whole numbers joined by \"x\" for the shape of '", name, "' but received \"",
         text, "\"");
  }
  return size;
}

/** Sizes that the option gives: of inputs by name, and of named dimensions. */
class FixedShapes {
 public:
  FixedShapes(Graph& graph, const nlohmann::json& texts) : graph_(graph) {
    for (const auto& [name, text] : texts.items()) take(name, text.get<std::string>());
  }

  /** Whether anything was fixed. */
  bool apply() {
    if (symbols_.empty() && !changed_) return false;
    for (ValueId id : graph_.inputs) resolve(graph_.value(id).dims);
    for (ValueId id : graph_.outputs) resolve(graph_.value(id).dims);
    return true;
  }

 private:
  void resolve(std::optional<Dims>& dims) const {
    if (!dims) return;
    for (Dim& dim : *dims) {
      const auto found = symbols_.find(dim.symbol);
      if (!dim.known() && !dim.symbol.empty() && found != symbols_.end()) dim = Dim(found->second);
    }
  }

  void take(const std::string& name, const std::string& text) {
    const auto input = std::find_if(graph_.inputs.begin(), graph_.inputs.end(),
                                    [&](ValueId id) { return graph_.value(id).name == name; });
    if (input != graph_.inputs.end()) return take_input(graph_.value(*input), text);
    std::vector<std::string> known;
    bool is_symbol = false;
    for (ValueId id : graph_.inputs) {
      const Value& value = graph_.value(id);
      known.push_back(value.name);
      for (const Dim& dim : value.dims.value_or(Dims{})) {
        if (!dim.symbol.empty()) known.push_back(dim.symbol);
        is_symbol = is_symbol || dim.symbol == name;
      }
    }
    if (!is_symbol) {
      fail(Code::INVALID_OPTION, "shapes",
           "Expected an input or a named dimension of the model for shapes but received '", name,
           "'", did_you_mean(name, known));
    }
    symbols_[name] = parse_size(text, name);
  }

  void take_input(Value& value, std::string_view text) {
    Dims dims;
    while (!text.empty()) {
      const size_t end = std::min(text.find('x'), text.size());
      dims.push_back(Dim(parse_size(text.substr(0, end), value.name)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    const bool fits = !value.dims || value.dims->size() == dims.size();
    for (size_t i = 0; fits && value.dims && i < dims.size(); ++i) {
      const Dim& declared = (*value.dims)[i];
      if (declared.known() && !(declared == dims[i])) {
        fail(Code::INVALID_OPTION, "shapes", "Expected ", declared.value, " for dimension ", i,
             " of input '", value.name, "' of shape ", to_string(*value.dims), " but received ",
             dims[i].value);
      }
      if (!declared.known() && !declared.symbol.empty()) symbols_[declared.symbol] = dims[i].value;
    }
    if (!fits) {
      fail(Code::INVALID_OPTION, "shapes", "Expected ", value.dims->size(),
           " dimensions for input '", value.name, "' of shape ", to_string(*value.dims),
           " but received ", dims.size());
    }
    value.dims = dims;
    changed_ = true;
  }

  Graph& graph_;
  std::map<std::string, int64_t> symbols_;
  bool changed_ = false;
};

/** States the opset asked for; fails where an operator is newer and cannot be written out. */
void state_opset(TechniqueContext& context, int64_t opset) {
  Model& model = context.model;
  model.source_opsets[""] = opset;
  infer_shapes(model.graph, context.ops);
  PassContext pass{context.ops, context.pool};
  pass.opset = opset;
  expand_newer(model.graph, pass);
  const int64_t needed = required_opset(model);
  if (needed <= opset) return;
  fail(Code::INVALID_OPTION, "opset", "Expected an opset of at least ", needed,
       " for opset but received ", opset, ": ", newest_need(model.graph),
       " cannot be said in an older one");
}

void run_all(TechniqueContext& context, int64_t opset) {
  std::vector<Pass> passes;
  for (const std::string& name : pass_names()) {
    if (const Pass* pass = find_pass(name)) passes.push_back(*pass);
  }
  PassContext pass{context.ops, context.pool};
  pass.opset = opset;
  Graph& graph = context.model.graph;
  run_passes(graph, passes, pass);
  // A branch taken for certain makes room for the same rewrites.
  if (inline_known_branches(graph, infer_shapes(graph, context.ops))) {
    run_passes(graph, passes, pass);
  }
}

Job run(TechniqueContext& context) {
  Graph& graph = context.model.graph;
  const size_t before = graph.nodes.size();
  co_await report_progress("simplify", "", 0, 1);
  std::vector<std::optional<Dims>> declared;
  for (ValueId id : graph.outputs) declared.push_back(graph.value(id).dims);
  const bool fixed = FixedShapes(graph, context.options.texts("shapes")).apply();
  const bool asked = context.options.has("opset");
  const int64_t opset = asked ? context.options.integer("opset") : required_opset(context.model);
  if (asked) state_opset(context, opset);
  run_all(context, opset);
  // Inference says less of outputs than a model declares, unless its inputs were fixed.
  for (size_t i = 0; i < graph.outputs.size() && !fixed; ++i) {
    graph.value(graph.outputs[i]).dims = declared[i];
  }
  share_small_constants(graph);
  const size_t after = graph.nodes.size();
  if (after != before || fixed || asked) {
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
      "fold constants, shapes and batch normalisations, join what is one operator, merge what is "
      "computed twice, drop nodes that do nothing";
  technique.options = {
      {.name = "opset",
       .type = OptionType::integer,
       .doc = "the ai.onnx opset to write: operators that are newer are written out, and what one "
              "newer operator says is joined (default: the model's own)",
       .min = 13,
       .max = kNewestOpset,
       .per_layer = false},
      {.name = "shapes",
       .type = OptionType::texts,
       .doc = "sizes to fix: of inputs (\"1x3x224x224\") and of named dimensions (\"1\"), by name",
       .per_layer = false},
  };
  technique.changes_layers = true;
  technique.weight_bits = [](const Options&) { return 32.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
