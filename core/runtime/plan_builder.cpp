#include "core/runtime/plan_builder.h"

#include <algorithm>

namespace whittle {

PlanBuilder::PlanBuilder(LoweredGraph graph, const CompileOptions& options,
                         std::shared_ptr<PackCache> packs)
    : graph_(std::move(graph)),
      options_(options),
      packs_(std::move(packs)),
      scope_(packs_->new_scope()),
      views_(graph_.values.size()) {}

void PlanBuilder::begin_op(const LoweredOp& op) {
  op_ = &op;
}

void PlanBuilder::add_step(std::string kernel, std::function<void(RunState&)> run) {
  Step step;
  step.run = std::move(run);
  step.profile.node = op_->node.name;
  step.profile.op = op_->parts;
  step.profile.kernel = std::move(kernel);
  const ValueId output = op_->node.output(0);
  if (output != kNoValue && value(output).is_static) {
    step.profile.shape = to_string(value(output).shape);
  }
  step.profile.macs = op_->cost.macs;
  plan_.steps.push_back(std::move(step));
  step_ops_.push_back(op_);
}

void PlanBuilder::alias(ValueId view, ValueId base, int64_t offset) {
  views_[static_cast<size_t>(view)] = {base, offset};
}

bool PlanBuilder::place_into(ValueId id, ValueId base, int64_t offset) {
  const View root = root_of(id);
  const LoweredValue& whole = value(root.base);
  const LoweredValue& part = value(id);
  const bool is_input =
      std::find(graph_.inputs.begin(), graph_.inputs.end(), root.base) != graph_.inputs.end();
  if (root.offset != 0 || is_input || whole.is_constant() || !whole.is_static) return false;
  if (dtype_bytes(whole.dtype, whole.shape.elements()) !=
      dtype_bytes(part.dtype, part.shape.elements())) {
    return false;
  }
  if (root_of(base).base == root.base) return false;
  alias(root.base, base, offset);
  return true;
}

void PlanBuilder::allow_in_place(ValueId output, ValueId input) {
  in_place_.emplace_back(output, input);
}

ValueId PlanBuilder::temporary(int64_t bytes) {
  LoweredValue value;
  value.name = "temporary";
  value.dtype = DType::u8;
  value.is_static = true;
  value.shape = Shape{bytes};
  const ValueId id = graph_.add_value(std::move(value));
  views_.emplace_back();
  temporaries_.emplace_back(id, static_cast<int>(plan_.steps.size()));
  return id;
}

void PlanBuilder::need_scratch(size_t bytes_per_thread) {
  scratch_bytes_ = std::max(scratch_bytes_, bytes_per_thread);
}

const std::byte* PlanBuilder::pack(const std::string& key, size_t bytes,
                                   const std::function<void(std::byte*)>& fill) {
  auto block = packs_->get(key, bytes, fill);
  const std::byte* data = block.get();
  hold(std::move(block));
  return data;
}

std::string PlanBuilder::pack_key(ValueId constant) const {
  if (constant == kNoValue) return "-";
  const LoweredValue& value = graph_.value(constant);
  if (!value.shared_key.empty()) return "s:" + value.shared_key;
  return concat("p", scope_, ":", constant);
}

PlanBuilder::View PlanBuilder::root_of(ValueId id) const {
  View root{id, 0};
  while (views_[static_cast<size_t>(root.base)].base != kNoValue) {
    const View& next = views_[static_cast<size_t>(root.base)];
    root = {next.base, root.offset + next.offset};
  }
  return root;
}

void PlanBuilder::compute_lives() {
  lives_.assign(graph_.values.size(), Life{});
  const auto touch = [&](ValueId id, int step) {
    Life& life = lives_[static_cast<size_t>(root_of(id).base)];
    if (life.first < 0) life.first = step;
    life.first = std::min(life.first, step);
    life.last = std::max(life.last, step);
  };
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const int step = static_cast<int>(i);
    for_each_read(*step_ops_[i], [&](ValueId id) { touch(id, step); });
    for (ValueId id : step_ops_[i]->node.outputs) {
      if (id != kNoValue) touch(id, step);
    }
  }
  for (const auto& [id, step] : temporaries_) touch(id, step);
  const int end = static_cast<int>(plan_.steps.size());
  for (ValueId id : graph_.outputs) touch(id, end);
}

void PlanBuilder::apply_in_place() {
  std::vector<bool> owned(graph_.values.size(), true);  // by root: memory the plan may overwrite
  for (ValueId id : graph_.inputs) owned[static_cast<size_t>(id)] = false;
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    if (graph_.values[i].is_constant()) owned[i] = false;
  }
  for (const auto& [output, input] : in_place_) {
    const View from = root_of(input);
    const View to = root_of(output);
    if (from.base == to.base || to.offset != 0 || from.offset != 0) continue;
    if (!owned[static_cast<size_t>(from.base)]) continue;
    Life& source = lives_[static_cast<size_t>(from.base)];
    const Life& result = lives_[static_cast<size_t>(to.base)];
    const LoweredValue& a = value(from.base);
    const LoweredValue& b = value(to.base);
    if (!a.is_static || !b.is_static) continue;
    if (dtype_bytes(a.dtype, a.shape.elements()) != dtype_bytes(b.dtype, b.shape.elements())) {
      continue;
    }
    // The input must die in the very step that makes the output.
    if (source.last != result.first) continue;
    source.last = result.last;
    alias(to.base, from.base);
  }
}

void PlanBuilder::bind() {
  RunState& state = plan_.state;
  state.pointers.assign(graph_.values.size(), nullptr);
  state.tensors.assign(graph_.values.size(), Tensor{});

  // Whose memory each root is: an input's, a constant's, an output's, or the arena's.
  constexpr int kNone = -1;
  std::vector<int> input_of(graph_.values.size(), kNone);
  std::vector<int> output_of(graph_.values.size(), kNone);
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    input_of[static_cast<size_t>(graph_.inputs[i])] = static_cast<int>(i);
  }
  for (size_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId id = graph_.outputs[i];
    const View root = root_of(id);
    const auto r = static_cast<size_t>(root.base);
    if (!value(id).is_static) continue;
    const LoweredValue& whole = value(root.base);
    const bool fits =
        root.offset == 0 && dtype_bytes(whole.dtype, whole.shape.elements()) ==
                                dtype_bytes(value(id).dtype, value(id).shape.elements());
    if (input_of[r] >= 0 || whole.is_constant() || output_of[r] >= 0 || !fits) {
      plan_.copied_outputs.push_back(i);
    } else {
      output_of[r] = static_cast<int>(i);
    }
  }

  std::vector<MemoryRequest> requests;
  std::vector<size_t> requesters;
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    const LoweredValue& value = graph_.values[i];
    if (views_[i].base != kNoValue || value.is_constant() || !value.is_static) continue;
    if (input_of[i] >= 0 || output_of[i] >= 0 || lives_[i].first < 0) continue;
    requests.push_back(
        {dtype_bytes(value.dtype, value.shape.elements()), lives_[i].first, lives_[i].last, 0});
    requesters.push_back(i);
  }

  const int64_t stride = static_cast<int64_t>(scratch_bytes_ + kArenaAlignment - 1) /
                         kArenaAlignment * kArenaAlignment;
  const int64_t scratch_total = stride * threads();
  if (options_.arena) {
    const int64_t values_bytes = plan_memory(requests);
    plan_.arena_bytes = values_bytes + scratch_total;
    plan_.arena.push_back(Tensor::allocate(DType::u8, Shape{plan_.arena_bytes}));
    std::byte* base = plan_.arena[0].mutable_raw();
    for (size_t i = 0; i < requests.size(); ++i) {
      state.pointers[requesters[i]] = base + requests[i].offset;
    }
    state.scratch_base = base + values_bytes;
  } else {
    for (size_t i = 0; i < requests.size(); ++i) {
      plan_.arena.push_back(Tensor::allocate(DType::u8, Shape{requests[i].bytes}));
      state.pointers[requesters[i]] = plan_.arena.back().mutable_raw();
      plan_.arena_bytes += requests[i].bytes;
    }
    plan_.arena.push_back(Tensor::allocate(DType::u8, Shape{scratch_total}));
    state.scratch_base = plan_.arena.back().mutable_raw();
  }
  state.scratch_stride = static_cast<size_t>(stride);

  for (size_t i = 0; i < graph_.values.size(); ++i) {
    if (!graph_.values[i].is_static) continue;
    const View root = root_of(static_cast<ValueId>(i));
    const auto r = static_cast<size_t>(root.base);
    const auto id = static_cast<ValueId>(i);
    if (input_of[r] >= 0) {
      plan_.input_bindings.push_back({id, static_cast<size_t>(input_of[r]), root.offset});
    } else if (output_of[r] >= 0) {
      plan_.output_bindings.push_back({id, static_cast<size_t>(output_of[r]), root.offset});
    } else if (graph_.values[r].is_constant()) {
      state.pointers[i] = const_cast<std::byte*>(graph_.values[r].constant.raw()) + root.offset;
    } else if (state.pointers[r] != nullptr) {
      state.pointers[i] = state.pointers[r] + root.offset;
    }
  }
}

namespace {

/** Products read inputs 1 to 3 (weights and biases) when they are packed, never during a run. */
bool is_packed(const LoweredOp& op, size_t input) {
  static constexpr std::string_view kProducts[] = {
      "Conv",    "ConvTranspose", "Linear", "QConv", "QConvTranspose",
      "QLinear", "LSTM",          "GRU",    "RNN"};
  return op.node.domain == kLowered && input >= 1 && input <= 3 &&
         std::find(std::begin(kProducts), std::end(kProducts), op.node.op) != std::end(kProducts);
}

}  // namespace

void PlanBuilder::release_packed() {
  std::vector<bool> read(graph_.values.size(), false);
  for (const LoweredOp& op : graph_.ops) {
    for (size_t i = 0; i < op.node.inputs.size(); ++i) {
      const ValueId id = op.node.inputs[i];
      if (id != kNoValue && !is_packed(op, i)) read[static_cast<size_t>(root_of(id).base)] = true;
    }
    for_each_read(op, [&](ValueId id) {
      const auto& inputs = op.node.inputs;
      if (std::find(inputs.begin(), inputs.end(), id) == inputs.end()) {
        read[static_cast<size_t>(id)] = true;
      }
    });
  }
  for (ValueId id : graph_.outputs) read[static_cast<size_t>(root_of(id).base)] = true;
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    if (read[i] || !graph_.values[i].is_constant()) continue;
    graph_.values[i].constant = Tensor{};
    plan_.state.pointers[i] = nullptr;
  }
}

Plan PlanBuilder::finish() {
  compute_lives();
  if (options_.arena) apply_in_place();
  bind();
  release_packed();
  plan_.state.pool = options_.pool;
  plan_.graph = std::move(graph_);
  return std::move(plan_);
}

}  // namespace whittle
