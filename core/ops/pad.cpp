// Pad: constant, reflect, edge or wrap padding; negative pads crop.
#include <algorithm>
#include <string>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

struct Pads {
  std::vector<int64_t> before;  // per axis
  std::vector<int64_t> after;
};

Pads resolve(const Node& node, int rank, const std::vector<int64_t>& pads,
             const std::optional<std::vector<int64_t>>& axes) {
  Pads result{std::vector<int64_t>(static_cast<size_t>(rank), 0),
              std::vector<int64_t>(static_cast<size_t>(rank), 0)};
  const size_t count = axes ? axes->size() : static_cast<size_t>(rank);
  if (pads.size() != 2 * count) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", 2 * count, " pads for ", node.label(),
         " but received ", pads.size());
  }
  for (size_t i = 0; i < count; ++i) {
    const auto axis = static_cast<size_t>(
        normalize_axis(axes ? (*axes)[i] : static_cast<int64_t>(i), rank, node.label()));
    result.before[axis] = pads[i];
    result.after[axis] = pads[count + i];
  }
  return result;
}

int64_t padded(int64_t extent, int64_t before, int64_t after, const Node& node) {
  int64_t result = 0;
  if (__builtin_add_overflow(extent, before, &result) ||
      __builtin_add_overflow(result, after, &result) || result < 0) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected pads that leave a size of at least 0 for ",
         node.label(), " but received ", before, " and ", after, " for an extent of ", extent);
  }
  return result;
}

void infer_pad(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  const auto pads = context.integers(1);
  const auto axes = context.integers(3);
  const bool is_known = pads && (axes || !context.has_input(3));
  if (result && is_known) {
    const Pads by_axis = resolve(context.node(), rank_of(*result), *pads, axes);
    for (size_t i = 0; i < result->size(); ++i) {
      if (by_axis.before[i] == 0 && by_axis.after[i] == 0) continue;
      Dim& dim = (*result)[i];
      dim = dim.known()
                ? Dim(padded(dim.value, by_axis.before[i], by_axis.after[i], context.node()))
                : Dim();
    }
  } else if (result) {
    result = unknown_dims(rank_of(*result));
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

/** Where position i of an axis reads from; -1 for the constant. */
int64_t source_of(int64_t i, int64_t extent, const std::string& mode) {
  if (i >= 0 && i < extent) return i;
  if (mode == "constant" || extent == 0) return -1;
  if (mode == "edge") return i < 0 ? 0 : extent - 1;
  if (mode == "wrap") return ((i % extent) + extent) % extent;
  // reflect: the border itself is not repeated, the pattern has a period of 2 (extent - 1)
  if (extent == 1) return 0;
  const int64_t period = 2 * (extent - 1);
  const int64_t phase = ((i % period) + period) % period;
  return std::min(phase, period - phase);
}

/** A single element of the constant's type: 0, or what input 2 says. */
Tensor constant_of(EvalContext& context, DType dtype) {
  if (!context.has_input(2)) return Tensor::zeros(dtype, Shape{});
  const Tensor& value = context.input(2);
  if (value.dtype() != dtype || value.elements() != 1) {
    fail(Code::TYPE_MISMATCH, context.node().label(), "Expected one ", dtype_name(dtype),
         " as constant value of ", context.node().label(), " but received ",
         to_string(value.shape()), " of ", dtype_name(value.dtype()));
  }
  return value;
}

void evaluate_pad(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  const std::string mode = node.string_attribute("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected constant, reflect, edge or wrap for 'mode' of ", node.label(), " but received '",
         mode, "'");
  }
  std::optional<std::vector<int64_t>> axes;
  if (context.has_input(3)) axes = to_int64s(context.input(3), node.label());
  const int rank = x.shape().rank();
  const Pads pads = resolve(node, rank, to_int64s(context.input(1), node.label()), axes);
  Shape shape;
  for (int i = 0; i < rank; ++i) {
    const auto k = static_cast<size_t>(i);
    shape.push_back(padded(x.shape()[i], pads.before[k], pads.after[k], node));
  }
  Tensor& y = context.output(0, x.dtype(), shape);
  if (rank == 0) return copy_elements(y, 0, x, 0, 1);
  const Tensor fill = constant_of(context, x.dtype());

  // Per axis and position the offset to read from, or -1.
  const Shape strides = strides_of(x.shape());
  std::vector<std::vector<int64_t>> sources(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    const auto k = static_cast<size_t>(i);
    for (int64_t p = 0; p < shape[i]; ++p) {
      const int64_t from = source_of(p - pads.before[k], x.shape()[i], mode);
      sources[k].push_back(from < 0 ? -1 : from * strides[i]);
    }
  }
  const int64_t row = shape.back();
  const int64_t rows = row == 0 ? 0 : y.elements() / row;
  const auto& last = sources.back();
  for (int64_t r = 0; r < rows; ++r) {
    int64_t base = 0;
    int64_t rest = r;
    for (int i = rank - 2; i >= 0; --i) {
      const int64_t offset = sources[static_cast<size_t>(i)][static_cast<size_t>(rest % shape[i])];
      base = base < 0 || offset < 0 ? -1 : base + offset;
      rest /= shape[i];
    }
    int64_t p = 0;
    while (p < row) {
      const int64_t from = last[static_cast<size_t>(p)];
      if (base < 0 || from < 0) {
        copy_elements(y, r * row + p++, fill, 0, 1);
        continue;
      }
      // The longest run of neighbours that are neighbours in the input too.
      int64_t run = 1;
      while (p + run < row && last[static_cast<size_t>(p + run)] == from + run) ++run;
      copy_elements(y, r * row + p, x, base + from, run);
      p += run;
    }
  }
}

}  // namespace

void register_pad(OpTable& table) {
  table.add({.name = "Pad", .infer = infer_pad, .evaluate = evaluate_pad});
}

}  // namespace whittle
