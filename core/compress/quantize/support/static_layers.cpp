#include "core/compress/quantize/support/static_layers.h"

#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Why a layer cannot have integer arithmetic, or "". */
std::string obstacle_of(const Graph& graph, const Node& node) {
  const Tensor* weight = graph.constant(node.input(1));
  if (weight == nullptr) return "its weight is not a constant";
  if (weight->dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(weight->dtype()), ", not float32");
  }
  if (weight->elements() == 0) return "its weight is empty";
  const int rank = weight->shape().rank();
  if (node.is("Conv") ? rank < 3 : rank != 2) return "its weight is not a matrix";
  const Value& input = graph.value(node.input(0));
  if (input.is_constant()) return "its input is a constant";
  if (input.dtype != DType::f32) return "its input is not known to be float32";
  if (node.is("Gemm") && node.int_attribute("transA", 0) != 0) return "its input is transposed";
  if (node.is("Gemm") &&
      (node.float_attribute("alpha", 1) != 1 || node.float_attribute("beta", 1) != 1)) {
    return "its bias is not a constant";
  }
  const ValueId bias = node.input(2);
  if (bias == kNoValue || node.is("MatMul")) return "";
  const Tensor* constant = graph.constant(bias);
  if (constant == nullptr) return "its bias is not a constant";
  const int64_t channels = weight->shape()[*channel_axis(node, 1, weight->shape())];
  const bool row = constant->elements() == 1 ||
                   (constant->elements() == channels && constant->shape().back() == channels);
  return row ? "" : "its bias is not one value per channel";
}

}  // namespace

const std::vector<std::string>& static_ops() {
  static const std::vector<std::string> ops = {"Conv", "Gemm", "MatMul"};
  return ops;
}

StaticLayers choose_static_layers(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  std::vector<const Layer*> candidates;
  std::map<ValueId, int> channel_axes;  // by weight
  const std::vector<Layer> layers = context.layers(static_ops());
  for (const Layer& layer : layers) {
    std::string reason;
    if (layer.in_subgraph) {
      reason = "it lies inside a subgraph";
    } else if (!layer.selected) {
      reason = "not selected";
    } else {
      reason = obstacle_of(graph, *layer.node);
    }
    if (reason.empty()) {
      const ValueId weight = layer.node->input(1);
      const int axis = *channel_axis(*layer.node, 1, graph.value(weight).constant.shape());
      if (channel_axes.try_emplace(weight, axis).first->second != axis) {
        reason = "another layer reads its weight the other way round";
      }
    }
    if (reason.empty()) {
      candidates.push_back(&layer);
    } else {
      context.report.leave(*layer.node, std::move(reason));
    }
  }
  const bool float_ends = context.options.text("firstLast") == "float";
  StaticLayers chosen;
  for (const Layer* layer : candidates) {
    if (float_ends && (layer == candidates.front() || layer == candidates.back())) {
      context.report.leave(*layer->node, "first or last layer kept in float");
    } else {
      chosen.emplace(static_cast<int>(layer->node - graph.nodes.data()), layer->options);
    }
  }
  return chosen;
}

}  // namespace whittle
