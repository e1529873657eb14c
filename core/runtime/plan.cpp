#include "core/runtime/plan.h"

#include <algorithm>

namespace whittle {

Tensor RunState::tensor(ValueId id) const {
  if (id == kNoValue) return {};
  const LoweredValue& value = graph->value(id);
  if (value.is_constant()) return value.constant;
  if (!value.is_static) return tensors[static_cast<size_t>(id)];
  return Tensor::borrow(value.dtype, value.shape, data(id));
}

namespace {

/** A tensor the caller may keep after the run. */
Tensor detached(const RunState& state, ValueId id) {
  Tensor tensor = state.tensor(id);
  return tensor.owner() == nullptr ? tensor.clone() : tensor;
}

}  // namespace

void Plan::detach_constants() {
  for (LoweredValue& value : graph.values) {
    if (!value.is_constant() || value.dtype == DType::string) continue;
    const std::byte* const old = value.constant.raw();
    Tensor copy = value.constant.clone();
    for (std::byte*& pointer : state.pointers) {
      if (pointer >= old && pointer < old + std::max<int64_t>(1, value.constant.bytes())) {
        pointer = copy.mutable_raw() + (pointer - old);
      }
    }
    value.constant = std::move(copy);
  }
}

std::vector<Tensor> Plan::run(std::span<const Tensor> inputs, const Observer* observer,
                              const std::function<double()>* clock_ms) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const auto id = static_cast<size_t>(graph.inputs[i]);
    if (!graph.values[id].is_static) state.tensors[id] = inputs[i];
  }
  for (const Rebinding& binding : input_bindings) {
    // Steps only read what belongs to an input; the pointer table is not const because it also
    // holds what they write.
    auto* base = const_cast<std::byte*>(inputs[binding.position].raw());
    state.pointers[static_cast<size_t>(binding.value)] = base + binding.offset;
  }
  std::vector<Tensor> outputs(graph.outputs.size());
  for (const Rebinding& binding : output_bindings) {
    Tensor& output = outputs[binding.position];
    if (!output.defined()) {
      const LoweredValue& value = graph.value(graph.outputs[binding.position]);
      output = Tensor::allocate(value.dtype, value.shape);
    }
    state.pointers[static_cast<size_t>(binding.value)] = output.mutable_raw() + binding.offset;
  }

  state.graph = &graph;
  state.observer = observer;
  for (Step& step : steps) {
    const double start = clock_ms ? (*clock_ms)() : 0;
    step.run(state);
    if (clock_ms) step.profile.time_ms = (*clock_ms)() - start;
  }

  for (size_t position : copied_outputs) {
    outputs[position] = detached(state, graph.outputs[position]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined()) outputs[i] = detached(state, graph.outputs[i]);
  }
  for (Tensor& tensor : state.tensors) {
    if (tensor.defined()) tensor = Tensor{};
  }
  return outputs;
}

}  // namespace whittle
