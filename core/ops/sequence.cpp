// Sequences of tensors: made, measured, changed and read.
#include "core/tensor/sequence.h"

#include <vector>

#include "core/ops/support/infer.h"
#include "core/ops/support/sequences.h"

namespace whittle {
namespace {

/** Where in a sequence of `size` items input `input` of a node points; `fallback` without it. The
 * positions are [0, limit), negative ones counted from the end of the items. */
size_t position(const EvalContext& context, size_t input, size_t size, size_t limit,
                size_t fallback) {
  if (!context.has_input(input)) return fallback;
  const Node& node = context.node();
  const int64_t given = require_integer(node, context.input(input));
  const auto count = static_cast<int64_t>(size);
  const int64_t at = given < 0 ? given + count : given;
  if (at < 0 || at >= static_cast<int64_t>(limit)) {
    fail(Code::INVALID_DATA, node.label(), "Expected a position in [", -count, ",", limit, ") for ",
         node.label(), " but received ", given);
  }
  return static_cast<size_t>(at);
}

void infer_sequence_empty(InferContext& context) {
  context.set_output(0, sequence_of(dtype_attribute(context.node(), "dtype", DType::f32)));
}

void evaluate_sequence_empty(EvalContext& context) {
  const Node& node = context.node();
  context.forward(0, make_sequence(dtype_attribute(node, "dtype", DType::f32), {}, node.label()));
}

void infer_sequence_construct(InferContext& context) {
  context.set_output(0, sequence_of(context.dtype(0)));
}

void evaluate_sequence_construct(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::vector<Tensor> items;
  for (size_t i = 0; i < context.input_count(); ++i) items.push_back(context.input(i));
  const DType element = items[0].dtype();
  context.forward(0, make_sequence(element, std::move(items), node.label()));
}

void infer_sequence_length(InferContext& context) {
  context.set_output(0, DType::i64, Dims{});
}

void evaluate_sequence_length(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const auto length = as_sequence(context.input(0), node.label()).items.size();
  context.output(0, DType::i64, Shape{}).mutable_data<int64_t>()[0] = static_cast<int64_t>(length);
}

void infer_sequence_at(InferContext& context) {
  context.set_output(0, context.input(0).element);
}

void evaluate_sequence_at(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const auto& items = as_sequence(context.input(0), node.label()).items;
  context.forward(0, items[position(context, 1, items.size(), items.size(), 0)]);
}

void infer_changed_sequence(InferContext& context) {
  context.copy_output(0, 0);
}

void evaluate_sequence_insert(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Sequence& sequence = as_sequence(context.input(0), node.label());
  std::vector<Tensor> items = sequence.items;
  const size_t at = position(context, 2, items.size(), items.size() + 1, items.size());
  require_room(node, items.size() + 1);
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), context.input(1));
  // An empty sequence from outside may not say of what it is empty.
  const bool is_open = sequence.element == DType::undefined;
  const DType element = is_open ? context.input(1).dtype() : sequence.element;
  context.forward(0, make_sequence(element, std::move(items), node.label()));
}

void evaluate_sequence_erase(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Sequence& sequence = as_sequence(context.input(0), node.label());
  std::vector<Tensor> items = sequence.items;
  if (items.empty()) {
    fail(Code::INVALID_DATA, node.label(), "Expected a sequence of at least one tensor for ",
         node.label(), " but received an empty one");
  }
  const size_t at = position(context, 1, items.size(), items.size(), items.size() - 1);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  context.forward(0, make_sequence(sequence.element, std::move(items), node.label()));
}

}  // namespace

void register_sequence(OpTable& table) {
  const Trait traits = Trait::takes_containers;
  table.add({.name = "SequenceEmpty",
             .infer = infer_sequence_empty,
             .evaluate = evaluate_sequence_empty});
  table.add({.name = "SequenceConstruct",
             .infer = infer_sequence_construct,
             .evaluate = evaluate_sequence_construct});
  table.add({.name = "SequenceLength",
             .infer = infer_sequence_length,
             .evaluate = evaluate_sequence_length,
             .traits = traits});
  table.add({.name = "SequenceAt",
             .infer = infer_sequence_at,
             .evaluate = evaluate_sequence_at,
             .traits = traits});
  table.add({.name = "SequenceInsert",
             .infer = infer_changed_sequence,
             .evaluate = evaluate_sequence_insert,
             .traits = traits});
  table.add({.name = "SequenceErase",
             .infer = infer_changed_sequence,
             .evaluate = evaluate_sequence_erase,
             .traits = traits});
}

}  // namespace whittle
