// Concat: tensors one after another along an axis.
#include "core/ops/support/concat.h"

#include <vector>

#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer_concat(InferContext& context) {
  const Node& node = context.node();
  std::optional<Dims> result;
  for (size_t i = 0; i < context.input_count(); ++i) {
    const auto& dims = context.dims(i);
    if (!dims) {
      result.reset();
      break;
    }
    if (i == 0) {
      result = dims;
      continue;
    }
    const auto axis = static_cast<size_t>(
        normalize_axis(node.int_attribute("axis", 0), rank_of(*result), node.label()));
    if (dims->size() != result->size()) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs of one rank for ", node.label(),
           " but received ", to_string(*result), " and ", to_string(*dims));
    }
    for (size_t k = 0; k < dims->size(); ++k) {
      Dim& dim = (*result)[k];
      const Dim& other = (*dims)[k];
      if (k == axis) {
        dim = dim.known() && other.known() ? Dim(checked_add(dim.value, other.value, "Concat"))
                                           : Dim();
      } else if (dim.known() && other.known() && dim.value != other.value) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected inputs that agree except along axis ",
             axis, " for ", node.label(), " but received ", to_string(*result), " and ",
             to_string(*dims));
      } else if (!dim.known()) {
        dim = other.known() || dim.symbol.empty() ? other : dim;
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_concat(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& first = context.input(0);
  const int axis =
      normalize_axis(node.int_attribute("axis", 0), first.shape().rank(), node.label());
  std::vector<Tensor> parts;
  for (size_t i = 0; i < context.input_count(); ++i) parts.push_back(context.input(i));
  concat_into_output(context, parts, axis);
}

}  // namespace

void register_concat(OpTable& table) {
  table.add({.name = "Concat",
             .infer = infer_concat,
             .evaluate = evaluate_concat,
             .traits = Trait::moves_data});
}

}  // namespace whittle
