#include "core/compress/prune/support/coupling.h"

#include "core/compress/prune/support/coupling_rules.h"

namespace whittle {

Coupling::Coupling(const Graph& graph, const OpTable& ops)
    : graph_(graph),
      ops_(ops),
      index_(graph),
      model_inputs_(graph.inputs.begin(), graph.inputs.end()) {}

bool Coupling::follow(const ValueAxis& at) {
  if (extent(at.value, at.axis) < 0) return false;
  open(at);
  while (!queue_.empty()) {
    const ValueAxis next = queue_.front();
    queue_.pop_front();
    visit(next);
  }
  return true;
}

int Coupling::rank(ValueId id) const {
  const auto& known = dims(id);
  return known ? static_cast<int>(known->size()) : -1;
}

int64_t Coupling::extent(ValueId id, int axis) const {
  const auto& known = dims(id);
  if (id == kNoValue || !known || axis < 0 || axis >= static_cast<int>(known->size())) return -1;
  return (*known)[static_cast<size_t>(axis)].value;
}

std::optional<std::vector<int64_t>> Coupling::integers(const Node& node, size_t input) const {
  const Tensor* tensor = graph_.constant(node.input(input));
  if (tensor == nullptr) return std::nullopt;
  return to_int64s(*tensor, node.label());
}

int Coupling::open(const ValueAxis& at) {
  const bool is_new = !slots_.is_open(at);
  const int first = slots_.open(at, extent(at.value, at.axis));
  if (is_new) queue_.push_back(at);
  return first;
}

void Coupling::tie(ValueId a, int axis_a, ValueId b, int axis_b) {
  if (a == kNoValue || b == kNoValue) return;
  const int64_t extent_a = extent(a, axis_a);
  if (extent_a < 0 || extent_a != extent(b, axis_b)) {
    const std::string reason = concat("the size of \"", graph_.value(b).origin_name(),
                                      "\" that goes with it is not known");
    pin(a, axis_a, reason);
    pin(b, axis_b, reason);
    return;
  }
  const int first_a = open({a, axis_a});
  const int first_b = open({b, axis_b});
  for (int i = 0; i < static_cast<int>(extent_a); ++i) slots_.join(first_a + i, first_b + i);
}

void Coupling::tie(const ValueAxis& a, int64_t index_a, const ValueAxis& b, int64_t index_b) {
  if (a.value == kNoValue || b.value == kNoValue) return;
  const int first_a = open(a);
  const int first_b = open(b);
  slots_.join(first_a + static_cast<int>(index_a), first_b + static_cast<int>(index_b));
}

void Coupling::pin(ValueId id, int axis, const std::string& reason) {
  if (id == kNoValue || extent(id, axis) < 0) return;
  const ValueAxis at{id, axis};
  const int first = open(at);
  for (int i = 0; i < static_cast<int>(slots_.extent(at)); ++i) slots_.pin(first + i, reason);
}

void Coupling::visit(const ValueAxis& at) {
  const Value& value = graph_.value(at.value);
  if (model_inputs_.contains(at.value)) {
    pin(at.value, at.axis, concat("it meets the model's input \"", value.name, "\""));
  }
  if (index_.is_output(at.value)) {
    pin(at.value, at.axis, concat("it is the width of the model's output \"", value.name, "\""));
  }
  if (const int maker = index_.producer_index(at.value); maker >= 0) apply(maker, at);
  for (int reader : index_.consumers(at.value)) apply(reader, at);
}

void Coupling::apply(int node_index, const ValueAxis& at) {
  const Node& node = graph_.nodes[static_cast<size_t>(node_index)];
  const CouplingRule rule = coupling_rule(node, ops_);
  if (rule == nullptr) {
    pin(at.value, at.axis, concat("its width is fixed at ", node.label()));
    return;
  }
  for (const bool output : {true, false}) {
    const std::vector<ValueId>& ids = output ? node.outputs : node.inputs;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == at.value) rule(*this, node, Operand{output, i}, at.axis);
    }
  }
}

}  // namespace whittle
