#include "core/compress/quantize/support/integer/prepare_static.h"

#include <algorithm>
#include <set>

#include "core/graph/traversal.h"

namespace whittle {
namespace {

bool is_row(const Tensor& tensor, int64_t columns) {
  const Shape& shape = tensor.shape();
  if (tensor.dtype() != DType::f32 || tensor.elements() != columns || shape.rank() > 2)
    return false;
  return shape.rank() > 0 && shape.back() == columns;
}

/** MatMul(x, W) + b with x of rank 2 and constant W, b: Gemm(x, W, b) under the product's name. */
bool fuse_one_bias(Graph& graph) {
  const GraphIndex index(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& add = graph.nodes[i];
    if (!add.is("Add") || add.inputs.size() != 2) continue;
    for (size_t side = 0; side < 2; ++side) {
      const int producer =
          add.inputs[side] == kNoValue ? -1 : index.producer_index(add.inputs[side]);
      const Tensor* bias = graph.constant(add.inputs[1 - side]);
      if (producer < 0 || bias == nullptr) continue;
      const Node& product = graph.nodes[static_cast<size_t>(producer)];
      if (!product.is("MatMul") || index.only_consumer(product.output(0)) != &add) continue;
      const Tensor* weight = graph.constant(product.input(1));
      const auto& dims = graph.value(product.input(0)).dims;
      if (weight == nullptr || weight->shape().rank() != 2 || !dims || dims->size() != 2) continue;
      if (!is_row(*bias, weight->shape()[1])) continue;
      Node gemm;
      gemm.op = "Gemm";
      gemm.name = product.name;
      gemm.inputs = {product.input(0), product.input(1), add.inputs[1 - side]};
      gemm.outputs = add.outputs;
      graph.nodes[i] = std::move(gemm);
      graph.nodes.erase(graph.nodes.begin() + producer);
      return true;
    }
  }
  return false;
}

bool is_clip(const Graph& graph, const Node& node) {
  if (node.is("Relu")) return true;
  if (!node.is("Clip")) return false;
  const auto constant_or_absent = [&](size_t i) {
    return node.input(i) == kNoValue || graph.constant(node.input(i)) != nullptr;
  };
  return constant_or_absent(1) && constant_or_absent(2);
}

/** Moves data of one float input to one output, so that a clip commutes with it. Padding with a
 * constant does not: the constant would have to be clipped too. */
bool is_plain_move(const Node& node, const OpTable& ops) {
  const OpDef* op = ops.find(node);
  return op != nullptr && op->has(Trait::moves_data) && node.outputs.size() == 1 &&
         !node.is("Pad") && !node.is("Concat") && !node.is("Where");
}

/** x -> move -> clip becomes x -> clip -> move. */
bool hoist_one_clip(Graph& graph, const OpTable& ops) {
  const GraphIndex index(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& clip = graph.nodes[i];
    if (!is_clip(graph, clip)) continue;
    const int place = index.producer_index(clip.inputs[0]);
    if (place < 0) continue;
    Node& move = graph.nodes[static_cast<size_t>(place)];
    if (!is_plain_move(move, ops) || index.only_consumer(move.output(0)) != &clip) continue;
    const ValueId x = move.input(0);
    if (index.producer(x) == nullptr || index.consumers(x).size() != 1 || index.is_output(x)) {
      continue;
    }
    // The value between the two has another meaning now and so another name; the outer ones stay.
    const Value source = graph.value(x);
    const ValueId clipped = graph.add_value(source.name + "_clipped", source.dtype, source.dims);
    const ValueId out = clip.outputs[0];
    clip.inputs[0] = x;
    clip.outputs[0] = clipped;
    move.inputs[0] = clipped;
    move.outputs[0] = out;
    std::swap(clip, move);
    return true;
  }
  return false;
}

Tensor scaled(const Tensor& tensor, float factor) {
  Tensor out = tensor.clone();
  for (float& value : out.mutable_data<float>()) value *= factor;
  return out;
}

void fold_gemm_factors(Graph& graph, NameMaker& names) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (!node.is("Gemm")) continue;
    for (const auto& [attribute, input] :
         {std::pair("alpha", size_t{1}), std::pair("beta", size_t{2})}) {
      const float factor = node.float_attribute(attribute, 1.0f);
      const ValueId id = node.input(input);
      const Tensor* constant = graph.constant(id);
      if (factor == 1.0f || (id != kNoValue && constant == nullptr)) continue;
      if (constant != nullptr) {
        if (constant->dtype() != DType::f32) continue;
        const Tensor product = scaled(*constant, factor);
        const ValueId made = graph.add_constant(names.fresh("c"), product);
        graph.nodes[i].inputs[input] = made;
      }
      graph.nodes[i].attributes.erase(attribute);
    }
  }
}

/** Whether an attribute of `node` states ONNX's default (opset 13 to 21). */
bool is_default(const Node& node, std::string_view key, const Attribute& attribute) {
  const auto all = [&](int64_t wanted) {
    const auto* list = std::get_if<std::vector<int64_t>>(&attribute);
    return list != nullptr &&
           std::all_of(list->begin(), list->end(), [&](int64_t each) { return each == wanted; });
  };
  const auto is = [&](int64_t wanted) {
    const auto* value = std::get_if<int64_t>(&attribute);
    return value != nullptr && *value == wanted;
  };
  const auto* text = std::get_if<std::string>(&attribute);
  static const std::set<std::string_view> windows = {"Conv", "ConvTranspose", "MaxPool",
                                                     "AveragePool"};
  if (windows.contains(node.op)) {
    if (key == "dilations" || key == "strides") return all(1);
    if (key == "pads" || key == "output_padding") return all(0);
    if (key == "group") return is(1);
    if (key == "ceil_mode" || key == "storage_order" || key == "count_include_pad") return is(0);
    return key == "auto_pad" && text != nullptr && *text == "NOTSET";
  }
  if (node.is("Gemm")) return (key == "transA" || key == "transB") && is(0);
  if (node.is("Flatten")) return key == "axis" && is(1);
  if (node.is("Softmax")) return key == "axis" && is(-1);
  if (node.op.starts_with("Reduce")) return key == "keepdims" && is(1);
  if (node.is("Pad")) return key == "mode" && text != nullptr && *text == "constant";
  if (node.is("Resize")) {
    if (key == "coordinate_transformation_mode") return text != nullptr && *text == "half_pixel";
    if (key == "mode") return text != nullptr && *text == "nearest";
    if (key == "nearest_mode") return text != nullptr && *text == "round_prefer_floor";
    if (key == "cubic_coeff_a") {
      const auto* value = std::get_if<float>(&attribute);
      return value != nullptr &&
             (*value == -0.75f || node.string_attribute("mode", "nearest") != "cubic");
    }
  }
  return false;
}

void drop_defaults(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (!node.domain.empty()) continue;
    for (auto it = node.attributes.begin(); it != node.attributes.end();) {
      it = is_default(node, it->first, it->second) ? node.attributes.erase(it) : std::next(it);
    }
  }
}

}  // namespace

void prepare_for_static_quantization(Graph& graph, NameMaker& names, const OpTable& ops) {
  while (fuse_one_bias(graph)) {
  }
  while (hoist_one_clip(graph, ops)) {
  }
  fold_gemm_factors(graph, names);
  drop_defaults(graph);
  sort_topologically(graph);
}

}  // namespace whittle
