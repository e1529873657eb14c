#include "core/compress/quantize/support/integer/qdq_builder.h"

#include <algorithm>

namespace whittle {

QdqBuilder::QdqBuilder(Graph& graph, NameMaker& names, const Placement& placement,
                       const StaticParameters& parameters, std::set<ValueId> read_dequantized)
    : graph_(graph),
      names_(names),
      pool_(graph, names),
      placement_(placement),
      parameters_(parameters),
      read_dequantized_(std::move(read_dequantized)) {}

ValueId QdqBuilder::zero_point_of(Affine affine) {
  if (parameters_.form.is_signed) {
    return constant(Tensor::scalar(static_cast<int8_t>(affine.zero_point)), "z");
  }
  return constant(Tensor::scalar(static_cast<uint8_t>(affine.zero_point)), "z");
}

ValueId QdqBuilder::append_quantize(ValueId real, ValueId stands_for) {
  const Affine affine = affine_of(stands_for);
  const ValueId narrow = append_node(graph_, names_, "QuantizeLinear",
                                     {real, scale_of(affine), zero_point_of(affine)}, dtype());
  graph_.value(narrow).dims = graph_.value(stands_for).dims;
  narrow_[stands_for] = narrow;
  return narrow;
}

void QdqBuilder::append_dequantize_to(ValueId narrow, ValueId out, Affine affine) {
  Node back;
  back.op = "DequantizeLinear";
  back.name = names_.fresh("n");
  back.inputs = {narrow, scale_of(affine), zero_point_of(affine)};
  back.outputs = {out};
  graph_.nodes.push_back(std::move(back));
}

ValueId QdqBuilder::append_dequantize(ValueId narrow, Affine affine) {
  const ValueId out = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(narrow).dims);
  append_dequantize_to(narrow, out, affine);
  return out;
}

ValueId QdqBuilder::append_pair(ValueId real, Affine affine) {
  const ValueId narrow = append_node(graph_, names_, "QuantizeLinear",
                                     {real, scale_of(affine), zero_point_of(affine)}, dtype());
  return append_dequantize(narrow, affine);
}

ValueId QdqBuilder::known_narrow(ValueId id) const {
  const auto found = narrow_.find(id);
  return found == narrow_.end() ? kNoValue : found->second;
}

ValueId QdqBuilder::narrow_of(ValueId id) {
  const ValueId known = known_narrow(id);
  return known != kNoValue ? known : append_quantize(id, id);
}

ValueId QdqBuilder::read_quantized(ValueId id) {
  // What an integer node made has its pair already.
  if (!placement_.quantized.contains(id) || placement_.made_by_integer.contains(id)) return id;
  const auto [place, added] = dequantized_.try_emplace(id, kNoValue);
  if (added) {
    place->second = append_dequantize(narrow_of(id), affine_of(id));
    graph_.value(place->second).origin = graph_.value(id).origin_name();
  }
  return place->second;
}

ValueId QdqBuilder::append_scalar(float value, const Shape& shape) {
  const Affine affine = parameters_.form.affine({std::min(value, 0.0f), std::max(value, 0.0f)});
  const int32_t q = quantize(value, affine, parameters_.form.limits());
  const Tensor narrow = parameters_.form.is_signed ? Tensor::scalar(static_cast<int8_t>(q))
                                                   : Tensor::scalar(static_cast<uint8_t>(q));
  return append_dequantize(constant(narrow.reshaped(shape), "q"), affine);
}

void QdqBuilder::append_made(Node node, const std::vector<ValueId>& outputs,
                             std::vector<ValueId> made) {
  const auto is_quantized = [&](ValueId id) {
    return id != kNoValue && placement_.made_by_integer.contains(id);
  };
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!is_quantized(outputs[k])) {
      made[k] = outputs[k];
    } else if (read_dequantized_.contains(outputs[k])) {
      made[k] = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(outputs[k]).dims);
    }
  }
  node.outputs = made;
  graph_.nodes.push_back(std::move(node));
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!is_quantized(outputs[k])) continue;
    const ValueId narrow = append_quantize(made[k], outputs[k]);
    if (read_dequantized_.contains(outputs[k])) {
      append_dequantize_to(narrow, outputs[k], affine_of(outputs[k]));
    }
  }
}

void QdqBuilder::append_narrow(Node node, const std::vector<ValueId>& outputs, Affine affine) {
  node.outputs = outputs;
  for (ValueId& out : node.outputs) {
    if (out == kNoValue) continue;
    const ValueId narrow = graph_.add_value(names_.fresh("v"), dtype(), graph_.value(out).dims);
    narrow_[out] = narrow;
    out = narrow;
  }
  graph_.nodes.push_back(std::move(node));
  for (ValueId out : outputs) {
    if (read_dequantized_.contains(out)) append_dequantize_to(narrow_.at(out), out, affine);
  }
}

}  // namespace whittle
