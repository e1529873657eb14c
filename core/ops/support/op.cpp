#include "core/ops/op.h"

#include <algorithm>

#include "core/base/nearest.h"

namespace whittle {
namespace {

std::string key_of(std::string_view domain, std::string_view name) {
  return std::string(domain) + "::" + std::string(name);
}

}  // namespace

const Fact& InferContext::input(size_t i) const {
  static const Fact absent;
  return i < inputs_.size() ? inputs_[i] : absent;
}

std::optional<std::vector<int64_t>> InferContext::integers(size_t i) const {
  const Tensor& tensor = input(i).constant;
  if (!tensor.defined()) return std::nullopt;
  return to_int64s(tensor, node_.label());
}

void InferContext::set_output(size_t i, DType dtype, std::optional<Dims> dims) {
  if (i < outputs_.size()) outputs_[i] = Fact{dtype, std::move(dims), {}};
}

void InferContext::set_output(size_t i, Fact fact) {
  if (i < outputs_.size()) outputs_[i] = std::move(fact);
}

std::vector<Fact> InferContext::infer_subgraph(const Graph& graph,
                                               std::vector<Fact> subgraph_inputs) const {
  if (subgraph_inference) return subgraph_inference(graph, std::move(subgraph_inputs));
  return std::vector<Fact>(graph.outputs.size());
}

const Tensor& EvalContext::input(size_t i) const {
  static const Tensor absent;
  return i < inputs_.size() ? inputs_[i] : absent;
}

void evaluate(const OpDef& op, EvalContext& context) {
  const Node& node = context.node();
  if (op.evaluate == nullptr) {
    fail(Code::UNSUPPORTED_OPERATOR, node.label(), "Expected an operator that can be run for ",
         node.label(), " but received one without an evaluation");
  }
  if (!op.has(Trait::takes_containers)) {
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!is_container(context.input(i).dtype())) continue;
      fail(Code::TYPE_MISMATCH, node.label(), "Expected a tensor for input ", i, " of ",
           node.label(), " but received a value of type ", dtype_name(context.input(i).dtype()));
    }
  }
  op.evaluate(context);
}

void OpTable::add(const OpDef& op) {
  ops_[key_of(op.domain, op.name)] = op;
}

const OpDef* OpTable::find(std::string_view domain, std::string_view name) const {
  const auto found = ops_.find(key_of(domain, name));
  return found == ops_.end() ? nullptr : &found->second;
}

const OpDef& OpTable::at(const Node& node) const {
  const OpDef* op = find(node);
  if (op == nullptr) {
    std::vector<std::string> known;
    for (const OpDef* each : all()) {
      if (each->domain == node.domain) known.emplace_back(each->name);
    }
    fail(Code::UNSUPPORTED_OPERATOR, node.label(), "Expected a supported operator for ",
         node.label(), " but received ", node.domain.empty() ? "ai.onnx" : node.domain,
         "::", node.op, ". The runtime has no implementation of it", did_you_mean(node.op, known));
  }
  return *op;
}

std::vector<const OpDef*> OpTable::all() const {
  std::vector<const OpDef*> list;
  for (const auto& [key, op] : ops_) list.push_back(&op);
  std::sort(list.begin(), list.end(), [](const OpDef* a, const OpDef* b) {
    return std::pair(a->domain, a->name) < std::pair(b->domain, b->name);
  });
  return list;
}

const OpTable& all_ops() {
  static const OpTable table = [] {
    OpTable made;
    register_all_ops(made);
    return made;
  }();
  return table;
}

}  // namespace whittle
