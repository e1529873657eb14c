#include "core/ops/support/control_flow.h"

#include <algorithm>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** True when `narrower` says no more than `wider` about every dimension. */
bool is_implied(const std::optional<Dims>& wider, const std::optional<Dims>& narrower) {
  if (!wider) return true;
  return narrower && std::equal(wider->begin(), wider->end(), narrower->begin(), narrower->end(),
                                [](const Dim& a, const Dim& b) {
                                  return (!a.known() && a.symbol.empty()) || a == b;
                                });
}

/** The declared shape of a body's output, for scans of no iterations; unknown dims count as 0. */
Shape declared_shape(const Graph& body, size_t output) {
  Shape shape;
  const auto& dims = body.value(body.outputs[output]).dims;
  if (dims) {
    for (const Dim& dim : *dims) shape.push_back(dim.known() ? dim.value : 0);
  }
  return shape;
}

}  // namespace

std::shared_ptr<const Graph> require_subgraph(const Node& node, std::string_view attribute) {
  auto graph = node.graph_attribute(attribute);
  if (graph == nullptr) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a subgraph '", attribute, "' for ",
         node.label(), " but received none");
  }
  return graph;
}

void require_body_outputs(const Node& node, const Graph& body, size_t outputs) {
  if (body.outputs.size() < outputs) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected at least ", outputs,
         " outputs of the body of ", node.label(), " but received ", body.outputs.size());
  }
}

bool truth(const Tensor& tensor, const Node& node) {
  const auto values = to_int64s(tensor, node.label());
  if (values.size() != 1) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected one boolean as condition of ", node.label(),
         " but received ", to_string(tensor.shape()));
  }
  return values[0] != 0;
}

std::optional<Dims> common_dims(const std::optional<Dims>& a, const std::optional<Dims>& b) {
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  Dims result = *a;
  for (size_t i = 0; i < result.size(); ++i) {
    if (!(result[i] == (*b)[i])) result[i] = Dim();
  }
  return result;
}

Fact carried_fact(const Fact& first, const Graph& body, size_t input) {
  Fact fact = first;
  fact.constant = Tensor{};
  if (input >= body.inputs.size()) return fact;
  const Value& declared = body.value(body.inputs[input]);
  if (is_container(declared.dtype)) fact = Fact{declared.dtype, {}, {}, declared.element};
  return fact;
}

std::vector<Fact> infer_body(const InferContext& context, const Graph& body,
                             std::vector<Fact> inputs, size_t first, size_t n, size_t first_out) {
  for (;;) {
    std::vector<Fact> outputs = context.infer_subgraph(body, inputs);
    bool is_stable = true;
    for (size_t i = 0; i < n; ++i) {
      std::optional<Dims>& before = inputs[first + i].dims;
      const std::optional<Dims>& after = outputs[first_out + i].dims;
      if (is_implied(before, after)) continue;
      before = common_dims(before, after);
      is_stable = false;
    }
    if (is_stable) return outputs;
  }
}

std::optional<Dims> stacked_dims(const Dim& length, const std::optional<Dims>& dims, int64_t axis) {
  if (!dims) return std::nullopt;
  Dims result = *dims;
  const auto at = axis < 0 ? axis + rank_of(result) + 1 : axis;
  result.insert(result.begin() + std::clamp<int64_t>(at, 0, rank_of(result)), length);
  return result;
}

Tensor stack(const Node& node, const Graph& body, size_t output, const std::vector<Tensor>& parts,
             int64_t axis) {
  const Shape shape = parts.empty() ? declared_shape(body, output) : parts[0].shape();
  const DType dtype = parts.empty() ? body.value(body.outputs[output]).dtype : parts[0].dtype();
  const int at = normalize_axis(axis, shape.rank() + 1, node.label());
  Shape whole;
  for (int i = 0; i <= shape.rank(); ++i) {
    whole.push_back(i == at ? static_cast<int64_t>(parts.size()) : shape[i < at ? i : i - 1]);
  }
  Tensor result = Tensor::allocate(dtype, whole);
  View to = view_of(whole);
  const int64_t step = to.strides[at];
  Shape strides;
  for (int i = 0; i <= shape.rank(); ++i) {
    if (i != at) strides.push_back(to.strides[i]);
  }
  for (size_t k = 0; k < parts.size(); ++k) {
    if (parts[k].shape() != shape) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected ", to_string(shape),
           " from every iteration of ", node.label(), " but received ",
           to_string(parts[k].shape()));
    }
    copy_view(result, {static_cast<int64_t>(k) * step, strides}, parts[k], view_of(shape), shape);
  }
  return result;
}

}  // namespace whittle
