#include "core/ops/interpret.h"

#include "core/graph/traversal.h"

namespace whittle {
namespace {

class Frame;

/** One node's evaluation into freshly allocated outputs. */
class Evaluation final : public EvalContext {
 public:
  Evaluation(const Node& node, std::span<const Tensor> inputs, const OpTable& table,
             ThreadPool& pool, const Frame* frame)
      : EvalContext(node, inputs),
        outputs_(node.outputs.size()),
        table_(table),
        pool_(pool),
        frame_(frame) {}

  Tensor& output(size_t i, DType dtype, const Shape& shape) override {
    // An output nobody asked for may still be computed by the operator: it goes here.
    if (i >= outputs_.size()) outputs_.resize(i + 1);
    return outputs_[i] = Tensor::allocate(dtype, shape);
  }
  void forward(size_t i, const Tensor& tensor) override {
    if (i >= outputs_.size()) outputs_.resize(i + 1);
    outputs_[i] = tensor;
  }
  std::vector<Tensor> run_subgraph(const Graph& graph, std::vector<Tensor> inputs) override;
  ThreadPool& pool() const override { return pool_; }

  std::vector<Tensor> take_outputs() { return std::move(outputs_); }

 private:
  std::vector<Tensor> outputs_;
  const OpTable& table_;
  ThreadPool& pool_;
  const Frame* frame_;
};

/** The values of one graph while it runs. */
class Frame {
 public:
  Frame(const Graph& graph, const Frame* parent) : graph_(graph), values_(graph.values.size()) {
    for (size_t i = 0; i < values_.size(); ++i) {
      const Value& value = graph.values[i];
      values_[i] = value.constant;
      if (value.captured == kNoValue) continue;
      if (parent == nullptr) {
        fail(Code::UNSUPPORTED, value.name, "Expected a subgraph that captures nothing for '",
             value.name, "' but received one evaluated outside of its graph");
      }
      values_[i] = parent->at(value.captured);
    }
  }

  const Tensor& at(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  void set(ValueId id, Tensor tensor) { values_[static_cast<size_t>(id)] = std::move(tensor); }

  std::vector<Tensor> run(const OpTable& table, ThreadPool& pool) {
    const std::vector<std::vector<ValueId>> dead_after = last_uses();
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      run_node(graph_.nodes[i], table, pool);
      for (ValueId id : dead_after[i]) set(id, Tensor{});
    }
    std::vector<Tensor> outputs;
    for (ValueId id : graph_.outputs) outputs.push_back(at(id));
    return outputs;
  }

 private:
  void run_node(const Node& node, const OpTable& table, ThreadPool& pool) {
    const OpDef& op = table.at(node);
    std::vector<Tensor> inputs;
    for (ValueId id : node.inputs) {
      if (id != kNoValue && !at(id).defined()) {
        fail(Code::INVALID_GRAPH, node.label(), "Expected a value for '", graph_.value(id).name,
             "', an input of ", node.label(), ", but received none");
      }
      inputs.push_back(id == kNoValue ? Tensor{} : at(id));
    }
    Evaluation evaluation(node, inputs, table, pool, this);
    evaluate(op, evaluation);
    std::vector<Tensor> outputs = evaluation.take_outputs();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) set(node.outputs[i], std::move(outputs[i]));
    }
  }

  /** For each node, the values nothing needs after it. */
  std::vector<std::vector<ValueId>> last_uses() const {
    std::vector<int> last(graph_.values.size(), -1);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const auto use = [&](ValueId id) { last[static_cast<size_t>(id)] = static_cast<int>(i); };
      for_each_use(graph_.nodes[i], use);
      for (ValueId id : graph_.nodes[i].outputs) {
        if (id != kNoValue) use(id);
      }
    }
    for (ValueId id : graph_.outputs) last[static_cast<size_t>(id)] = -1;
    std::vector<std::vector<ValueId>> dead_after(graph_.nodes.size());
    for (size_t id = 0; id < last.size(); ++id) {
      if (last[id] >= 0)
        dead_after[static_cast<size_t>(last[id])].push_back(static_cast<ValueId>(id));
    }
    return dead_after;
  }

  const Graph& graph_;
  std::vector<Tensor> values_;
};

std::vector<Tensor> run_with(const Graph& graph, std::vector<Tensor> inputs, const OpTable& table,
                             ThreadPool& pool, const Frame* parent) {
  if (inputs.size() != graph.inputs.size()) {
    fail(Code::INVALID_GRAPH, graph.name, "Expected ", graph.inputs.size(),
         " inputs for subgraph '", graph.name, "' but received ", inputs.size());
  }
  Frame frame(graph, parent);
  for (size_t i = 0; i < inputs.size(); ++i) frame.set(graph.inputs[i], std::move(inputs[i]));
  return frame.run(table, pool);
}

std::vector<Tensor> Evaluation::run_subgraph(const Graph& graph, std::vector<Tensor> inputs) {
  return run_with(graph, std::move(inputs), table_, pool_, frame_);
}

}  // namespace

std::vector<Tensor> interpret(const Graph& graph, const OpTable& table,
                              const std::map<std::string, Tensor>& feeds, ThreadPool& pool) {
  std::vector<Tensor> inputs;
  for (ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    const auto fed = feeds.find(value.name);
    if (fed == feeds.end() && !value.is_constant()) {
      fail(Code::MISSING_INPUT, value.name, "Expected a tensor for input '", value.name,
           "' but received none");
    }
    inputs.push_back(fed == feeds.end() ? value.constant : fed->second);
  }
  return run_with(graph, std::move(inputs), table, pool, nullptr);
}

std::vector<Tensor> evaluate_node(const Node& node, const OpTable& table,
                                  std::span<const Tensor> inputs, ThreadPool& pool) {
  Evaluation evaluation(node, inputs, table, pool, nullptr);
  evaluate(table.at(node), evaluation);
  return evaluation.take_outputs();
}

}  // namespace whittle
