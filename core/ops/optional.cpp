// Optionals: a tensor or sequence that may be missing.
#include "core/ops/support/infer.h"
#include "core/ops/support/sequences.h"
#include "core/tensor/sequence.h"

namespace whittle {
namespace {

bool may_be_missing(const Fact& fact) {
  return fact.dtype == DType::optional || fact.dtype == DType::optional_sequence;
}

Fact optional_of(DType dtype, DType element) {
  if (dtype == DType::sequence) return Fact{DType::optional_sequence, std::nullopt, {}, element};
  return Fact{DType::optional, std::nullopt, {}, dtype};
}

void infer_optional(InferContext& context) {
  if (context.has_input(0)) {
    context.set_output(0, optional_of(context.dtype(0), context.input(0).element));
    return;
  }
  const ValueType type = context.node().type_attribute("type");
  context.set_output(0, optional_of(type.dtype, type.element));
}

void evaluate_optional(EvalContext& context) {
  context.forward(0, context.has_input(0) ? context.input(0) : make_none());
}

void infer_optional_has_element(InferContext& context) {
  Fact fact{DType::boolean, Dims{}, {}};
  const Fact& input = context.input(0);
  const bool is_known = input.dtype != DType::undefined && !may_be_missing(input);
  if (is_known || !context.has_input(0)) fact.constant = Tensor::scalar(is_known);
  context.set_output(0, std::move(fact));
}

void evaluate_optional_has_element(EvalContext& context) {
  const bool has = context.has_input(0) && !is_none(context.input(0));
  context.output(0, DType::boolean, Shape{}).mutable_data<bool>()[0] = has;
}

void infer_optional_get_element(InferContext& context) {
  const Fact& input = context.input(0);
  if (input.dtype == DType::optional_sequence) {
    context.set_output(0, sequence_of(input.element));
  } else if (input.dtype == DType::optional) {
    context.set_output(0, input.element);
  } else {
    context.copy_output(0, 0);
  }
}

void evaluate_optional_get_element(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  if (is_none(context.input(0))) {
    fail(Code::INVALID_DATA, node.label(), "Expected an optional with content for ", node.label(),
         " but received one without");
  }
  context.forward(0, context.input(0));
}

}  // namespace

void register_optional(OpTable& table) {
  const Trait traits = Trait::takes_containers;
  table.add({.name = "Optional",
             .infer = infer_optional,
             .evaluate = evaluate_optional,
             .traits = traits});
  table.add({.name = "OptionalHasElement",
             .infer = infer_optional_has_element,
             .evaluate = evaluate_optional_has_element,
             .traits = traits});
  table.add({.name = "OptionalGetElement",
             .infer = infer_optional_get_element,
             .evaluate = evaluate_optional_get_element,
             .traits = traits});
}

}  // namespace whittle
