// BitCast: the same bits under another element type of the same width.
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

DType target(const Node& node, DType from) {
  const DType to = dtype_attribute(node, "to", DType::undefined);
  const bool known = from != DType::undefined;
  if (to == DType::undefined || to == DType::string || from == DType::string ||
      (known && dtype_bits(to) != dtype_bits(from))) {
    fail(Code::TYPE_MISMATCH, node.label(), "Expected an element type as wide as ",
         dtype_name(from), " for attribute 'to' of ", node.label(), " but received ",
         dtype_name(to));
  }
  return to;
}

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, target(context.node(), context.dtype(0)), context.dims(0));
}

// y = the bits of x, of any type but text
void evaluate(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Tensor& x = context.input(0);
  const DType to = target(context.node(), x.dtype());
  copy_elements(context.output(0, to, x.shape()), 0, x, 0, x.elements());
}

}  // namespace

void register_bit_cast(OpTable& table) {
  table.add(
      {.name = "BitCast", .infer = infer, .evaluate = evaluate, .traits = Trait::elementwise});
}

}  // namespace whittle
