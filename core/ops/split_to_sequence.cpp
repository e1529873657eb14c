// SplitToSequence and ConcatFromSequence: a tensor cut into a sequence, and back.
#include <vector>

#include "core/ops/support/concat.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/sequences.h"
#include "core/ops/support/walk.h"
#include "core/tensor/sequence.h"

namespace whittle {
namespace {

/** Lengths of the pieces: of 1 without `split`, of `split` each (the last one shorter) where that
 * is a scalar, else as it lists them. */
std::vector<int64_t> piece_lengths(const Node& node, int64_t extent, const Tensor& split) {
  const bool is_list = split.defined() && split.shape().rank() > 0;
  if (is_list) {
    std::vector<int64_t> lengths = to_int64s(split, node.label());
    require_room(node, lengths.size());
    int64_t total = 0;
    for (int64_t length : lengths) {
      if (length < 0) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected lengths of at least 0 for ",
             node.label(), " but received ", length);
      }
      total = checked_add(total, length, "SplitToSequence");
    }
    if (total == extent) return lengths;
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected lengths with sum ", extent, " for ",
         node.label(), " but received a sum of ", total);
  }
  const int64_t each = split.defined() ? require_integer(node, split) : 1;
  if (each < 1) {
    fail(Code::INVALID_DATA, node.label(), "Expected pieces of at least 1 for ", node.label(),
         " but received ", each);
  }
  const int64_t count = extent / each + (extent % each != 0);
  require_room(node, static_cast<size_t>(count));
  std::vector<int64_t> lengths(static_cast<size_t>(count), each);
  if (extent % each != 0) lengths.back() = extent % each;
  return lengths;
}

Shape without_axis(const Shape& shape, int axis) {
  Shape rest;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != axis) rest.push_back(shape[i]);
  }
  return rest;
}

void infer_split_to_sequence(InferContext& context) {
  context.set_output(0, sequence_of(context.dtype(0)));
}

void evaluate_split_to_sequence(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const int axis = normalize_axis(node.int_attribute("axis", 0), x.shape().rank(), node.label());
  const bool keeps_axis = context.has_input(1) || node.int_attribute("keepdims", 1) != 0;
  std::vector<Tensor> items;
  View from = view_of(x.shape());
  for (int64_t length : piece_lengths(node, x.shape()[axis], context.input(1))) {
    Shape part = x.shape();
    part[axis] = length;
    Tensor item = Tensor::allocate(x.dtype(), part);
    copy_view(item, view_of(part), x, from, part);
    items.push_back(keeps_axis ? item : item.reshaped(without_axis(part, axis)));
    from.offset += length * from.strides[axis];
  }
  context.forward(0, make_sequence(x.dtype(), std::move(items), node.label()));
}

void infer_concat_from_sequence(InferContext& context) {
  context.set_output(0, context.input(0).element);
}

void evaluate_concat_from_sequence(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::vector<Tensor> parts = as_sequence(context.input(0), node.label()).items;
  if (parts.empty()) {
    fail(Code::INVALID_DATA, node.label(), "Expected a sequence of at least one tensor for ",
         node.label(), " but received an empty one");
  }
  const bool is_new_axis = node.int_attribute("new_axis", 0) != 0;
  const int rank = parts[0].shape().rank() + (is_new_axis ? 1 : 0);
  const int axis = normalize_axis(node.int_attribute("axis", 0), rank, node.label());
  if (is_new_axis) {
    for (Tensor& part : parts) {
      Shape widened;
      for (int i = 0; i <= part.shape().rank(); ++i) {
        if (i == axis) widened.push_back(1);
        if (i < part.shape().rank()) widened.push_back(part.shape()[i]);
      }
      part = part.reshaped(widened);
    }
  }
  concat_into_output(context, parts, axis);
}

}  // namespace

void register_split_to_sequence(OpTable& table) {
  table.add({.name = "SplitToSequence",
             .infer = infer_split_to_sequence,
             .evaluate = evaluate_split_to_sequence});
  table.add({.name = "ConcatFromSequence",
             .infer = infer_concat_from_sequence,
             .evaluate = evaluate_concat_from_sequence,
             .traits = Trait::takes_containers});
}

}  // namespace whittle
