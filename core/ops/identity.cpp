// Identity, and Dropout as it is at inference: both pass their input through.
#include <cstring>

#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer_identity(InferContext& context) {
  context.copy_output(0, 0);
  if (context.output_count() > 0) context.outputs()[0].constant = context.input(0).constant;
}

void evaluate_identity(EvalContext& context) {
  require_inputs(context.node(), 1);
  context.forward(0, context.input(0));
}

void infer_dropout(InferContext& context) {
  infer_identity(context);
  context.set_output(1, DType::boolean, context.dims(0));
}

void evaluate_dropout(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& training = context.input(2);
  const Tensor& ratio = context.input(1);
  const bool trains = training.defined() && require_integer(node, training) != 0;
  const bool drops =
      !ratio.defined() || ratio.elements() != 1 || to_floats(ratio, node.label())[0] != 0;
  if (trains && drops) {
    fail(Code::UNSUPPORTED, node.label(), "Expected inference for ", node.label(),
         " but received training_mode = true with a ratio above 0");
  }
  context.forward(0, context.input(0));
  if (context.wants_output(1)) {
    Tensor& mask = context.output(1, DType::boolean, context.input(0).shape());
    std::memset(mask.mutable_raw(), 1, static_cast<size_t>(mask.bytes()));
  }
}

}  // namespace

void register_identity(OpTable& table) {
  const Trait traits = Trait::elementwise | Trait::moves_data | Trait::takes_containers;
  table.add({.name = "Identity",
             .infer = infer_identity,
             .evaluate = evaluate_identity,
             .traits = traits});
  table.add({.name = "Dropout",
             .infer = infer_dropout,
             .evaluate = evaluate_dropout,
             .traits = Trait::elementwise});
}

}  // namespace whittle
