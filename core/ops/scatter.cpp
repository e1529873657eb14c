// ScatterElements and ScatterND: a copy of the data with elements replaced, or combined with,
// updates at given indices, in the order of the updates.
#include <algorithm>
#include <string>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

template <typename Value>
Value combine(const std::string& reduction, Value old, Value update) {
  if (reduction == "add") return old + update;
  if (reduction == "mul") return old * update;
  return reduction == "max" ? std::max(old, update) : std::min(old, update);
}

/** data[offsets[i] + k] = data[...] (reduction) updates[i * count + k], k in [0, count). */
void scatter(EvalContext& context, const std::vector<int64_t>& offsets, int64_t count) {
  const Node& node = context.node();
  const std::string reduction = node.string_attribute("reduction", "none");
  const Tensor& data = context.input(0);
  const Tensor& updates = context.input(2);
  if (updates.dtype() != data.dtype() ||
      updates.elements() != static_cast<int64_t>(offsets.size()) * count) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", offsets.size(), " x ", count,
         " updates of type ", dtype_name(data.dtype()), " for ", node.label(), " but received ",
         to_string(updates.shape()), " of ", dtype_name(updates.dtype()));
  }
  Tensor& out = context.output(0, data.dtype(), data.shape());
  copy_elements(out, 0, data, 0, data.elements());
  if (reduction == "none") {
    for (size_t i = 0; i < offsets.size(); ++i) {
      copy_elements(out, offsets[i], updates, static_cast<int64_t>(i) * count, count);
    }
    return;
  }
  if (reduction != "add" && reduction != "mul" && reduction != "max" && reduction != "min") {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected none, add, mul, max or min for 'reduction' of ", node.label(), " but received '",
         reduction, "'");
  }
  if (data.dtype() == DType::string) fail_type(data.dtype(), node);
  with_value_type(data.dtype(), [&]<typename Value>() {
    for (size_t i = 0; i < offsets.size(); ++i) {
      for (int64_t k = 0; k < count; ++k) {
        Value old{};
        Value update{};
        load_block(out, offsets[i] + k, 1, 1, &old);
        load_block(updates, static_cast<int64_t>(i) * count + k, 1, 1, &update);
        const Value result = combine(reduction, old, update);
        store_block(out, offsets[i] + k, 1, 1, &result);
      }
    }
  });
}

void evaluate_scatter_elements(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  scatter(context, read_element_indices(context.input(1), context.input(0).shape(), node), 1);
}

void evaluate_scatter_nd(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const TupleIndices at = read_tuple_indices(context.input(1), context.input(0).shape(), 0, node);
  scatter(context, at.offsets, at.slice.elements());
}

}  // namespace

void register_scatter(OpTable& table) {
  table.add(
      {.name = "ScatterElements", .infer = infer_same, .evaluate = evaluate_scatter_elements});
  table.add({.name = "ScatterND", .infer = infer_same, .evaluate = evaluate_scatter_nd});
}

}  // namespace whittle
