#include "core/base/thread_pool.h"
#include "core/ops/interpret.h"
#include "core/runtime/lower/lowerings.h"

namespace whittle {

void fold_lowered_constants(LoweredGraph& graph) {
  SerialPool pool;
  std::vector<LoweredOp> kept;
  for (LoweredOp& op : graph.ops) {
    bool constant = op.definition != nullptr && op.definition->evaluate != nullptr &&
                    !op.definition->has(Trait::nondeterministic) &&
                    !op.definition->has(Trait::control_flow) && !op.node.inputs.empty();
    std::vector<Tensor> inputs;
    for (ValueId id : op.node.inputs) {
      constant = constant && (id == kNoValue || graph.value(id).is_constant());
      inputs.push_back(id == kNoValue ? Tensor{} : graph.value(id).constant);
    }
    if (!constant) {
      kept.push_back(std::move(op));
      continue;
    }
    const std::vector<Tensor> outputs = evaluate_node(op.node, all_ops(), inputs, pool);
    for (size_t i = 0; i < op.node.outputs.size(); ++i) {
      if (op.node.outputs[i] == kNoValue) continue;
      LoweredValue& value = graph.value(op.node.outputs[i]);
      value.constant = outputs[i];
      value.dtype = outputs[i].dtype();
      value.shape = outputs[i].shape();
      value.is_static = value.dtype != DType::string;
      // The same in every plan if everything it came from is.
      value.shared_key = "folded";
      for (ValueId id : op.node.inputs) {
        if (id != kNoValue && graph.value(id).shared_key.empty()) value.shared_key.clear();
      }
      if (!value.shared_key.empty()) value.shared_key = "folded:" + value.name;
    }
  }
  graph.ops = std::move(kept);
}

}  // namespace whittle
