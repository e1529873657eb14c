#include "core/runtime/compile.h"

#include <algorithm>
#include <unordered_map>

#include "core/graph/traversal.h"
#include "core/ops/shape_inference.h"
#include "core/passes/pass.h"
#include "core/runtime/control_flow.h"
#include "core/runtime/layout.h"
#include "core/runtime/lower/lower.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** Folding at compile time may add this much to memory: shape arithmetic and small tables. */
constexpr int64_t kFoldBytes = 1 << 24;

void check_operators(const Graph& graph, const OpTable& ops) {
  for (const Node& node : graph.nodes) {
    ops.at(node);
    for_each_subgraph(node, [&](const Graph& body) { check_operators(body, ops); });
  }
}

/** The value that stands for the original tensor `name`, or kNoValue. */
ValueId find_origin(const Graph& graph, const std::string& name) {
  const ValueId exact = graph.find(name);
  if (exact != kNoValue) return exact;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].origin_name() == name) return static_cast<ValueId>(i);
  }
  return kNoValue;
}

/** Turns what inference evaluated into constants and drops the nodes that made them. */
void adopt_constants(Graph& graph, const std::vector<Fact>& facts) {
  std::vector<bool> kept_open(graph.values.size(), false);
  for (ValueId id : graph.inputs) kept_open[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes) {
    // Weights stored narrow are widened in registers: lowering wants to see how they are stored.
    const bool widens = node.is("DequantizeLinear") || node.is("Cast");
    const ValueId source = node.input(0);
    if (!widens || source == kNoValue || !graph.value(source).is_constant()) continue;
    const DType dtype = graph.value(source).constant.dtype();
    if (node.is("DequantizeLinear") || dtype == DType::f16) {
      kept_open[static_cast<size_t>(node.outputs[0])] = true;
    }
  }
  for (size_t i = 0; i < facts.size() && i < graph.values.size(); ++i) {
    Value& value = graph.values[i];
    if (!facts[i].constant.defined() || value.is_constant() || kept_open[i]) continue;
    value.constant = facts[i].constant;
    value.dtype = value.constant.dtype();
    value.dims = to_dims(value.constant.shape());
  }
  std::vector<Node> kept;
  for (Node& node : graph.nodes) {
    bool needed = node.outputs.empty();
    for (ValueId& id : node.outputs) {
      if (id == kNoValue) continue;
      if (graph.value(id).is_constant()) {
        id = kNoValue;
      } else {
        needed = true;
      }
    }
    if (needed) kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
}

/** Facts at concrete shapes, with branches taken and constants folded as far as they are known. */
std::vector<Fact> specialise(Graph& graph, const InputKnowledge& inputs,
                             const CompileOptions& options) {
  InferenceOptions inference;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    Value& value = graph.value(graph.inputs[i]);
    // A body is given what its node has, whatever type it declares.
    if (inputs.dtypes[i] != DType::undefined) value.dtype = inputs.dtypes[i];
    value.dims.reset();
    if (!is_container(value.dtype)) value.dims = to_dims(inputs.shapes[i]);
    inference.input_shapes[value.name] = inputs.shapes[i];
    if (inputs.values[i].defined()) inference.input_values[value.name] = inputs.values[i];
  }
  const PassContext context{*options.ops, *options.pool, kFoldBytes};
  std::vector<Fact> facts;
  for (bool again = true; again;) {
    facts = infer_shapes(graph, *options.ops, inference);
    again = inline_known_branches(graph, facts);
    if (!again) {
      adopt_constants(graph, facts);
      if (fold_constants(graph, context)) again = true;
    }
  }
  return facts;
}

bool has_run_time_shapes(const LoweredGraph& graph) {
  return std::any_of(graph.ops.begin(), graph.ops.end(), [&](const LoweredOp& op) {
    if (op.definition != nullptr && op.definition->has(Trait::control_flow)) return true;
    return std::any_of(op.node.outputs.begin(), op.node.outputs.end(), [&](ValueId id) {
      if (id == kNoValue || graph.value(id).is_static) return false;
      const DType dtype = graph.value(id).dtype;
      return dtype != DType::string && !is_container(dtype);
    });
  });
}

}  // namespace

Graph prepare_graph(Graph graph, const CompileOptions& options) {
  check_operators(graph, *options.ops);
  // Observed values join the outputs while the passes run, so that none of them is rewritten away.
  for (const std::string& name : options.observe) {
    const ValueId id = find_origin(graph, name);
    if (id == kNoValue) {
      fail(Code::UNKNOWN_OUTPUT, name, "Expected a value of the model to observe but received '",
           name, "'");
    }
    graph.outputs.push_back(id);
  }
  const PassContext context{*options.ops, *options.pool};
  run_passes(graph, compile_passes(), context);
  return graph;
}

CompileResult compile(const Graph& source, const InputKnowledge& inputs,
                      const CompileOptions& options, const std::shared_ptr<PackCache>& packs) {
  Graph graph = source;
  const std::vector<Fact> facts = specialise(graph, inputs, options);
  LoweredGraph lowered = lower_graph(graph, facts, *options.ops);

  // Constants of the source graph are the same in every plan, so their packed forms are shared.
  std::unordered_map<std::string_view, const std::byte*> shared;
  for (const Value& value : source.values) {
    if (value.is_constant()) shared[value.name] = value.constant.raw();
  }
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    const auto found = shared.find(value.name);
    if (value.is_constant() && found != shared.end() && found->second == value.constant.raw()) {
      lowered.values[i].shared_key = value.name;
    }
  }
  const size_t real_outputs = lowered.outputs.size() - options.observe.size();
  for (size_t i = 0; i < options.observe.size(); ++i) {
    lowered.observed.emplace_back(lowered.outputs[real_outputs + i], options.observe[i]);
  }
  lowered.outputs.resize(real_outputs);
  remove_dead_ops(lowered);

  CompileResult result;
  result.run_time_shapes = has_run_time_shapes(lowered);
  if (options.fuse) {
    for (const Lowering& lowering : lowerings()) lowering.run(lowered);
    remove_dead_ops(lowered);
  }
  insert_observers(lowered, options.observe_stored);
  if (options.fuse) assign_layouts(lowered);

  PlanBuilder builder(std::move(lowered), options, packs);
  for (const LoweredOp& op : builder.graph().ops) {
    builder.begin_op(op);
    build_step(op, builder);
  }
  result.plan = std::make_unique<Plan>(builder.finish());
  return result;
}

}  // namespace whittle
