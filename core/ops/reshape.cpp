// Reshape, Flatten, Squeeze, Unsqueeze: the same elements under another shape.
#include <algorithm>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void evaluate_as(EvalContext& context, const Shape& shape) {
  if (shape.elements() != context.input(0).elements()) {
    fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected a shape of ",
         context.input(0).elements(), " elements for ", context.node().label(), " but received ",
         to_string(shape));
  }
  context.forward(0, context.input(0).reshaped(shape));
}

/** Dims of a Reshape: 0 copies the input's (unless allowzero), -1 takes what is left over. */
Dims reshaped_dims(const Node& node, const Dims& input, const std::vector<int64_t>& target) {
  const bool allow_zero = node.int_attribute("allowzero", 0) != 0;
  Dims result;
  int free_axis = -1;
  std::vector<bool> copied(input.size(), false);
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] < -1 || (target[i] == -1 && free_axis >= 0) ||
        (target[i] == 0 && !allow_zero && i >= input.size())) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a shape with at most one -1 for ",
           node.label(), " but received ", to_string(Shape(target)));
    }
    if (target[i] == -1) free_axis = static_cast<int>(i);
    const bool copies = target[i] == 0 && !allow_zero;
    if (copies) copied[i] = true;
    result.push_back(copies ? input[i] : target[i] == -1 ? Dim() : Dim(target[i]));
  }
  if (free_axis < 0) return result;
  // Copied dims cancel on both sides, so that an unknown batch does not hide the rest.
  Dims left;
  for (size_t i = 0; i < input.size(); ++i) {
    if (!copied[i]) left.push_back(input[i]);
  }
  int64_t used = 1;
  for (size_t i = 0; i < target.size(); ++i) {
    if (static_cast<int>(i) != free_axis && !(target[i] == 0 && !allow_zero)) {
      used = checked_mul(used, target[i], "Reshape");
    }
  }
  const Dim total = dim_product(left, 0, rank_of(left));
  Dim& free_dim = result[static_cast<size_t>(free_axis)];
  if (total.known() && used > 0) {
    if (total.value % used != 0) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected a shape that fits ", to_string(input),
           " for ", node.label(), " but received ", to_string(Shape(target)));
    }
    free_dim = total.value / used;
  } else if (used == 1) {
    free_dim = total;
  } else if (used == 0) {
    free_dim = 0;
  }
  return result;
}

void infer_reshape(InferContext& context) {
  const auto target = context.integers(1);
  if (target && context.dims(0)) {
    context.set_output(0, context.dtype(0),
                       reshaped_dims(context.node(), *context.dims(0), *target));
    return;
  }
  const auto& shape_dims = context.dims(1);
  std::optional<Dims> dims;
  if (target) {
    dims.emplace();
    for (int64_t dim : *target) dims->push_back(dim > 0 ? Dim(dim) : Dim());
  } else if (shape_dims && shape_dims->size() == 1 && (*shape_dims)[0].known() &&
             (*shape_dims)[0].value <= kMaxRank) {
    dims = unknown_dims(static_cast<int>((*shape_dims)[0].value));
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

void evaluate_reshape(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const auto target = to_int64s(context.input(1), node.label());
  const auto shape = concrete(reshaped_dims(node, to_dims(context.input(0).shape()), target));
  evaluate_as(context, shape.value());
}

// Flatten: [d0 ... dn] to [d0 * ... * d(axis-1), daxis * ... * dn]; axis may equal the rank.
int flatten_axis(const Node& node, int rank) {
  const int64_t axis = node.int_attribute("axis", 1);
  return axis == rank ? rank : normalize_axis(axis, std::max(rank, 1), node.label());
}

Dims flattened_dims(const Node& node, const Dims& dims) {
  const int axis = flatten_axis(node, rank_of(dims));
  return {dim_product(dims, 0, axis), dim_product(dims, axis, rank_of(dims))};
}

void infer_flatten(InferContext& context) {
  const auto& dims = context.dims(0);
  context.set_output(0, context.dtype(0),
                     dims ? flattened_dims(context.node(), *dims) : unknown_dims(2));
}

void evaluate_flatten(EvalContext& context) {
  require_inputs(context.node(), 1);
  const Dims dims = flattened_dims(context.node(), to_dims(context.input(0).shape()));
  evaluate_as(context, concrete(dims).value());
}

/** Squeeze: the given axes, which must be 1, or all that are. */
Dims squeezed_dims(const Node& node, const Dims& dims,
                   const std::optional<std::vector<int64_t>>& axes) {
  std::vector<int> gone;
  if (axes) {
    gone = normalize_axes(*axes, rank_of(dims), node);
    for (int axis : gone) {
      const Dim& dim = dims[static_cast<size_t>(axis)];
      if (dim.known() && dim.value != 1) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected 1 along axis ", axis, " for ",
             node.label(), " but received ", to_string(dims));
      }
    }
  } else {
    for (int i = 0; i < rank_of(dims); ++i) {
      if (dims[static_cast<size_t>(i)] == Dim(1)) gone.push_back(i);
    }
  }
  return reduced_dims(dims, gone, false);
}

Dims unsqueezed_dims(const Node& node, const Dims& dims, const std::vector<int64_t>& axes) {
  const int rank = rank_of(dims) + static_cast<int>(axes.size());
  const std::vector<int> added = normalize_axes(axes, rank, node);
  Dims result;
  auto next = dims.begin();
  for (int i = 0; i < rank; ++i) {
    const bool is_new = std::binary_search(added.begin(), added.end(), i);
    result.push_back(is_new ? Dim(1) : *next++);
  }
  return result;
}

void infer_squeeze(InferContext& context) {
  const auto& dims = context.dims(0);
  const auto axes = context.integers(1);
  std::optional<Dims> result;
  // Without axes the rank depends on every dimension being known.
  if (dims && (axes || (!context.has_input(1) && concrete(*dims)))) {
    result = squeezed_dims(context.node(), *dims, axes);
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_squeeze(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::optional<std::vector<int64_t>> axes;
  if (context.has_input(1)) axes = to_int64s(context.input(1), node.label());
  const Dims dims = squeezed_dims(node, to_dims(context.input(0).shape()), axes);
  evaluate_as(context, concrete(dims).value());
}

void infer_unsqueeze(InferContext& context) {
  const auto& dims = context.dims(0);
  const auto axes = context.integers(1);
  std::optional<Dims> result;
  if (dims && axes) result = unsqueezed_dims(context.node(), *dims, *axes);
  context.set_output(0, context.dtype(0), std::move(result));
}

void evaluate_unsqueeze(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const auto axes = to_int64s(context.input(1), node.label());
  const Dims dims = unsqueezed_dims(node, to_dims(context.input(0).shape()), axes);
  evaluate_as(context, concrete(dims).value());
}

}  // namespace

void register_reshape(OpTable& table) {
  const auto add = [&](std::string_view name, void (*infer)(InferContext&),
                       void (*evaluate)(EvalContext&)) {
    table.add({.name = name, .infer = infer, .evaluate = evaluate, .traits = Trait::moves_data});
  };
  add("Reshape", infer_reshape, evaluate_reshape);
  add("Flatten", infer_flatten, evaluate_flatten);
  add("Squeeze", infer_squeeze, evaluate_squeeze);
  add("Unsqueeze", infer_unsqueeze, evaluate_unsqueeze);
}

}  // namespace whittle
