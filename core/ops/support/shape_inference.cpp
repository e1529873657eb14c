#include "core/ops/shape_inference.h"

#include <algorithm>

#include "core/ops/interpret.h"

namespace whittle {
namespace {

Fact declared_fact(const Value& value) {
  Fact fact{value.dtype, value.dims, value.constant, value.element};
  if (fact.constant.defined()) fact.dims = to_dims(fact.constant.shape());
  return fact;
}

/** Infers one graph; one instance per graph and nesting level. */
class Inference {
 public:
  Inference(const OpTable& table, int64_t fold_elements, bool trust_declared)
      : table_(table), fold_elements_(fold_elements), trust_declared_(trust_declared) {}

  /** Facts by ValueId, given those of the inputs and of the enclosing graph. */
  std::vector<Fact> run(const Graph& graph, std::vector<Fact> inputs,
                        const std::vector<Fact>* parent) const {
    std::vector<Fact> facts(graph.values.size());
    for (size_t i = 0; i < facts.size(); ++i) {
      const Value& value = graph.values[i];
      if (value.captured != kNoValue && parent != nullptr) {
        facts[i] = (*parent)[static_cast<size_t>(value.captured)];
      } else if (value.is_constant()) {
        facts[i] = declared_fact(value);
      }
    }
    for (size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i) {
      facts[static_cast<size_t>(graph.inputs[i])] = std::move(inputs[i]);
    }
    for (const Node& node : graph.nodes) infer_node(graph, node, facts);
    return facts;
  }

 private:
  void infer_node(const Graph& graph, const Node& node, std::vector<Fact>& facts) const {
    if (++visits_ > kMaxVisits) {
      fail(Code::LIMIT_EXCEEDED, node.label(), "Expected at most ", kMaxVisits,
           " nodes to look at, loop bodies again for each change, but received more");
    }
    std::vector<Fact> inputs;
    for (ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? Fact{} : facts[static_cast<size_t>(id)]);
    }
    const OpDef* op = table_.find(node);
    InferContext context(node, std::move(inputs));
    context.subgraph_inference = [&](const Graph& subgraph, std::vector<Fact> subgraph_inputs) {
      const std::vector<Fact> inner = run(subgraph, std::move(subgraph_inputs), &facts);
      std::vector<Fact> outputs;
      for (ValueId id : subgraph.outputs) outputs.push_back(inner[static_cast<size_t>(id)]);
      return outputs;
    };
    if (op != nullptr && op->infer != nullptr) op->infer(context);
    if (op != nullptr) fold(*op, context);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      Fact& fact = facts[static_cast<size_t>(node.outputs[i])];
      fact = std::move(context.outputs()[i]);
      if (fact.constant.defined()) fact.dims = to_dims(fact.constant.shape());
      complete(fact, graph.value(node.outputs[i]));
    }
  }

  /** Fills what inference could not tell from what the file declares. */
  void complete(Fact& fact, const Value& value) const {
    if (fact.dtype == DType::undefined) fact.dtype = value.dtype;
    if (is_container(fact.dtype) && fact.element == DType::undefined) fact.element = value.element;
    if (!trust_declared_ || !value.dims) return;
    if (!fact.dims) {
      fact.dims = value.dims;
    } else if (fact.dims->size() == value.dims->size()) {
      for (size_t i = 0; i < fact.dims->size(); ++i) {
        Dim& dim = (*fact.dims)[i];
        const Dim& declared = (*value.dims)[i];
        if (!dim.known() && (dim.symbol.empty() || declared.known())) dim = declared;
      }
    }
  }

  /** Evaluates a node whose inputs are all known and small. */
  void fold(const OpDef& op, InferContext& context) const {
    if (op.evaluate == nullptr || op.has(Trait::nondeterministic) || op.has(Trait::control_flow)) {
      return;
    }
    std::vector<Fact>& outputs = context.outputs();
    const auto is_done = [](const Fact& fact) { return fact.constant.defined(); };
    if (outputs.empty() || std::all_of(outputs.begin(), outputs.end(), is_done)) return;
    const auto is_large = [this](const Fact& fact) {
      const auto shape = fact.dims ? concrete(*fact.dims) : std::nullopt;
      return shape && shape->elements() > fold_elements_;
    };
    if (std::any_of(outputs.begin(), outputs.end(), is_large)) return;
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const Tensor& constant = context.input(i).constant;
      if (context.has_input(i) && !constant.defined()) return;
      if (constant.defined() && constant.elements() > kMaxFoldedInput) return;
      inputs.push_back(constant);
    }
    SerialPool pool;
    std::vector<Tensor> results = evaluate_node(context.node(), table_, inputs, pool);
    for (size_t i = 0; i < outputs.size() && i < results.size(); ++i) {
      // A sequence has no place in a file's initializers.
      if (!results[i].defined() || is_container(results[i].dtype())) continue;
      outputs[i].dtype = results[i].dtype();
      outputs[i].dims = to_dims(results[i].shape());
      if (results[i].elements() <= fold_elements_) outputs[i].constant = std::move(results[i]);
    }
  }

  // A constant that gives shapes is small; scanning a weight for its maximum is not worth the time.
  static constexpr int64_t kMaxFoldedInput = 1 << 14;

  // Nested loops whose shapes change from iteration to iteration are looked at again and again.
  static constexpr int64_t kMaxVisits = 10'000'000;

  const OpTable& table_;
  mutable int64_t visits_ = 0;
  int64_t fold_elements_;
  bool trust_declared_;
};

}  // namespace

std::vector<Fact> infer_shapes(Graph& graph, const OpTable& table,
                               const InferenceOptions& options) {
  std::vector<Fact> inputs;
  for (ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    Fact fact = declared_fact(value);
    const auto shape = options.input_shapes.find(value.name);
    if (shape != options.input_shapes.end() && !is_container(fact.dtype)) {
      fact.dims = to_dims(shape->second);
    }
    const auto known = options.input_values.find(value.name);
    if (known != options.input_values.end()) {
      fact = Fact{known->second.dtype(), to_dims(known->second.shape()), known->second};
    }
    inputs.push_back(std::move(fact));
  }
  // Shapes in the file hold for the inputs it declares, not for others given from outside.
  const bool trust_declared = options.input_shapes.empty() && options.input_values.empty();
  const Inference inference(table, options.fold_elements, trust_declared);
  std::vector<Fact> facts = inference.run(graph, std::move(inputs), nullptr);
  for (size_t i = 0; i < facts.size(); ++i) {
    Value& value = graph.values[i];
    if (facts[i].dtype != DType::undefined) value.dtype = facts[i].dtype;
    if (facts[i].element != DType::undefined) value.element = facts[i].element;
    if (facts[i].dims || !trust_declared) value.dims = facts[i].dims;
  }
  return facts;
}

}  // namespace whittle
