#include <algorithm>
#include <cstring>

#include "core/graph/traversal.h"
#include "core/runtime/control_flow.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** Evaluates a node on the values of a plan: static outputs go to their place in the arena, others
 * are allocated during the run. */
class PlanEvaluation final : public EvalContext {
 public:
  PlanEvaluation(const Node& node, std::span<const Tensor> inputs, RunState& state, Bodies* bodies,
                 const KernelTable& kernels, std::vector<Tensor>& outputs)
      : EvalContext(node, inputs),
        state_(state),
        bodies_(bodies),
        kernels_(kernels),
        outputs_(outputs) {}

  Tensor& output(size_t i, DType dtype, const Shape& shape) override {
    const ValueId id = node_.output(i);
    if (id == kNoValue || !state_.graph->value(id).is_static) {
      outputs_[i] = Tensor::allocate(dtype, shape);
      if (id != kNoValue) run_time_.push_back(i);
      return outputs_[i];
    }
    check(i, dtype, shape);
    outputs_[i] = state_.tensor(id);
    return outputs_[i];
  }

  void forward(size_t i, const Tensor& tensor) override {
    const ValueId id = node_.output(i);
    if (id == kNoValue) return;
    if (!state_.graph->value(id).is_static) {
      // Borrowed memory may be reused before this value is read.
      outputs_[i] = tensor.owner() == nullptr ? tensor.clone() : tensor;
      run_time_.push_back(i);
      return;
    }
    check(i, tensor.dtype(), tensor.shape());
    std::byte* to = state_.data(id);
    if (to != tensor.raw() && tensor.bytes() > 0) {
      std::memmove(to, tensor.raw(), static_cast<size_t>(tensor.bytes()));
    }
  }

  std::vector<Tensor> run_subgraph(const Graph& graph, std::vector<Tensor> inputs) override {
    return bodies_->run(graph, std::move(inputs), state_);
  }

  ThreadPool& pool() const override { return *state_.pool; }
  const KernelTable& kernels() const override { return kernels_; }

  /** Stores what has no place in the arena. */
  void finish() {
    for (size_t i : run_time_) {
      state_.tensors[static_cast<size_t>(node_.output(i))] = std::move(outputs_[i]);
    }
  }

 private:
  void check(size_t i, DType dtype, const Shape& shape) const {
    const LoweredValue& value = state_.graph->value(node_.output(i));
    if (value.dtype == dtype && value.shape == shape) return;
    fail(Code::INTERNAL, node_.label(), "Expected ", dtype_name(value.dtype),
         to_string(value.shape), " for output ", i, " of ", node_.label(), " but received ",
         dtype_name(dtype), to_string(shape));
  }

  RunState& state_;
  Bodies* bodies_;
  const KernelTable& kernels_;
  std::vector<Tensor>& outputs_;
  std::vector<size_t> run_time_;
};

/** What one reference step keeps from run to run. */
struct ReferenceStep {
  Node node;
  const OpDef* definition = nullptr;
  std::unique_ptr<Bodies> bodies;
  const KernelTable* kernels = nullptr;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;

  void run(RunState& state) {
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = state.tensor(node.inputs[i]);
    PlanEvaluation evaluation(node, inputs, state, bodies.get(), *kernels, outputs);
    evaluate(*definition, evaluation);
    evaluation.finish();
    std::fill(inputs.begin(), inputs.end(), Tensor{});
    std::fill(outputs.begin(), outputs.end(), Tensor{});
  }
};

}  // namespace

bool build_reference(const LoweredOp& op, PlanBuilder& plan) {
  if (op.definition == nullptr) return false;
  if (op.definition->evaluate == nullptr) {
    fail(Code::UNSUPPORTED_OPERATOR, op.node.label(), "Expected an operator that can be run for ",
         op.node.label(), " but received one without an evaluation");
  }
  auto step = std::make_shared<ReferenceStep>();
  step->node = op.node;
  step->definition = op.definition;
  step->kernels = plan.options().fuse ? &plan.kernels() : &reference_kernels();
  step->inputs.resize(op.node.inputs.size());
  step->outputs.resize(op.node.outputs.size());
  if (op.definition->has(Trait::control_flow)) {
    step->bodies = std::make_unique<Bodies>(step->node, plan.graph(), plan.options());
  }
  plan.add_step("reference", [step](RunState& state) { step->run(state); });
  return true;
}

}  // namespace whittle
