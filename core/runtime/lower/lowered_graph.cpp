#include "core/runtime/lower/lowered_graph.h"

#include <queue>

#include "core/graph/traversal.h"

namespace whittle {

Shape LoweredValue::stored_shape() const {
  if (layout == Layout::plain) return shape;
  Shape stored{shape[0]};
  for (int axis = 2; axis < shape.rank(); ++axis) stored.push_back(shape[axis]);
  stored.push_back(shape[1]);
  return stored;
}

std::vector<uint8_t> code_bytes(const Tensor& tensor) {
  std::vector<uint8_t> codes(static_cast<size_t>(tensor.elements()));
  const auto* const bytes = reinterpret_cast<const uint8_t*>(tensor.raw());
  const bool nibbles = dtype_bits(tensor.dtype()) == 4;
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = nibbles ? static_cast<uint8_t>(bytes[i / 2] >> (i % 2 * 4) & 15) : bytes[i];
  }
  return codes;
}

ValueId LoweredGraph::add_value(LoweredValue value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId LoweredGraph::add_constant(std::string name, Tensor tensor) {
  LoweredValue value;
  value.name = std::move(name);
  value.dtype = tensor.dtype();
  value.shape = tensor.shape();
  value.is_static = true;
  value.constant = std::move(tensor);
  return add_value(std::move(value));
}

void for_each_read(const LoweredOp& op, const std::function<void(ValueId)>& visit) {
  for_each_use(op.node, visit);
  if (op.epilogue.residual != kNoValue) visit(op.epilogue.residual);
}

LoweredIndex::LoweredIndex(const LoweredGraph& graph)
    : producers_(graph.values.size(), -1),
      consumers_(graph.values.size()),
      pinned_(graph.values.size(), false) {
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const int index = static_cast<int>(i);
    for (ValueId id : graph.ops[i].node.outputs) {
      if (id != kNoValue) producers_[static_cast<size_t>(id)] = index;
    }
    for_each_read(graph.ops[i], [&](ValueId id) {
      auto& readers = consumers_[static_cast<size_t>(id)];
      if (readers.empty() || readers.back() != index) readers.push_back(index);
    });
  }
  for (ValueId id : graph.outputs) pinned_[static_cast<size_t>(id)] = true;
  for (const auto& [id, name] : graph.observed) pinned_[static_cast<size_t>(id)] = true;
}

int LoweredIndex::only_consumer(ValueId id) const {
  if (id == kNoValue || pinned(id)) return -1;
  const auto& readers = consumers(id);
  return readers.size() == 1 ? readers[0] : -1;
}

void remove_dead_ops(LoweredGraph& graph) {
  std::vector<bool> needed(graph.values.size(), false);
  const auto need = [&](ValueId id) { needed[static_cast<size_t>(id)] = true; };
  for (ValueId id : graph.outputs) need(id);
  for (const auto& [id, name] : graph.observed) need(id);
  std::vector<LoweredOp> kept;
  for (size_t i = graph.ops.size(); i-- > 0;) {
    LoweredOp& op = graph.ops[i];
    bool wanted = false;
    for (ValueId& id : op.node.outputs) {
      if (id == kNoValue) continue;
      if (needed[static_cast<size_t>(id)]) {
        wanted = true;
      }
    }
    if (!wanted) continue;
    for_each_read(op, need);
    kept.push_back(std::move(op));
  }
  graph.ops.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

void sort_ops(LoweredGraph& graph) {
  const LoweredIndex index(graph);
  const size_t count = graph.ops.size();
  std::vector<int> missing(count, 0);
  for (size_t value = 0; value < graph.values.size(); ++value) {
    const auto id = static_cast<ValueId>(value);
    if (index.producer(id) < 0) continue;
    for (int reader : index.consumers(id)) ++missing[static_cast<size_t>(reader)];
  }
  // A min-heap on the old position keeps the order of independent operations.
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<LoweredOp> sorted;
  sorted.reserve(count);
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    for (ValueId id : graph.ops[static_cast<size_t>(next)].node.outputs) {
      if (id == kNoValue) continue;
      for (int reader : index.consumers(id)) {
        if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
      }
    }
    sorted.push_back(std::move(graph.ops[static_cast<size_t>(next)]));
  }
  if (sorted.size() != count) {
    fail(Code::INTERNAL, "", "Expected an acyclic plan but a lowering made a cycle");
  }
  graph.ops = std::move(sorted);
}

}  // namespace whittle
