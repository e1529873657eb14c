#include "core/measure/summary.h"

#include <set>

#include "core/graph/traversal.h"
#include "core/measure/cost.h"

namespace whittle {
namespace {

using nlohmann::json;

std::string qualified(const Node& node) {
  return node.domain.empty() ? node.op : node.domain + "::" + node.op;
}

struct Census {
  std::map<std::string, int64_t> operators;
  std::map<std::string, json> unsupported;
  std::map<std::string, int64_t> weight_types;
  std::set<const std::byte*> seen;
  int64_t nodes = 0;

  void visit(const Graph& graph, const OpTable& ops) {
    for (const Value& value : graph.values) {
      if (!value.is_constant() || !seen.insert(value.constant.raw()).second) continue;
      weight_types[std::string(dtype_name(value.constant.dtype()))] += value.constant.bytes();
    }
    for (const Node& node : graph.nodes) {
      ++nodes;
      const std::string name = qualified(node);
      ++operators[name];
      if (ops.find(node) == nullptr) {
        json& entry = unsupported[name];
        if (entry.is_null()) entry = {{"op", name}, {"count", 0}, {"example", node.name}};
        entry["count"] = entry["count"].get<int64_t>() + 1;
      }
      for_each_subgraph(node, [&](const Graph& inner) { visit(inner, ops); });
    }
  }
};

}  // namespace

bool is_quantized(const Graph& graph) {
  bool quantized = false;
  for (const Node& node : graph.nodes) {
    quantized = quantized || node.op.starts_with("QLinear") || node.op == "DequantizeLinear" ||
                node.op.ends_with("Integer") || node.op.starts_with("DynamicQuantize");
    for_each_subgraph(node,
                      [&](const Graph& inner) { quantized = quantized || is_quantized(inner); });
  }
  return quantized;
}

json dims_json(const std::optional<Dims>& dims) {
  if (!dims) return nullptr;
  json list = json::array();
  for (const Dim& dim : *dims) {
    if (dim.known()) {
      list.push_back(dim.value);
    } else {
      list.push_back(dim.symbol.empty() ? "?" : dim.symbol);
    }
  }
  return list;
}

json value_info(const Value& value) {
  const bool is_tensor = !is_container(value.dtype);
  json info = {{"name", value.name},
               {"type", dtype_name(is_tensor ? value.dtype : value.element)},
               {"dims", dims_json(value.dims)}};
  if (!is_tensor) {
    info["kind"] = dtype_name(value.dtype);
    if (value.element_dims) info["elementDims"] = dims_json(value.element_dims);
  }
  return info;
}

json summarize(const Model& model, const OpTable& ops,
               const std::map<std::string, Shape>& input_shapes) {
  Census census;
  census.visit(model.graph, ops);
  const ModelCost cost = model_cost(model.graph, ops, input_shapes);
  json layers = json::array();
  for (const LayerCost& layer : cost.layers) {
    if (layer.parameters == 0 && layer.macs == 0 && layer.macs_known) continue;
    layers.push_back({{"name", layer.name},
                      {"op", layer.op},
                      {"output", layer.origin},
                      {"shape", layer.output_shape},
                      {"parameters", layer.parameters},
                      {"bytes", layer.weight_bytes},
                      {"macs", layer.macs_known ? json(layer.macs) : json(nullptr)}});
  }
  json unsupported = json::array();
  for (const auto& [name, entry] : census.unsupported) unsupported.push_back(entry);
  json inputs = json::array();
  for (ValueId id : model.graph.inputs) inputs.push_back(value_info(model.graph.value(id)));
  json outputs = json::array();
  for (ValueId id : model.graph.outputs) outputs.push_back(value_info(model.graph.value(id)));
  const auto opset = model.source_opsets.find("");
  json shapes = json::object();
  for (const auto& [name, shape] : cost.input_shapes) shapes[name] = shape.dims();
  return {{"name", model.graph.name},
          {"producer", model.producer_name},
          {"opset", opset == model.source_opsets.end() ? kInternalOpset : opset->second},
          {"inputs", std::move(inputs)},
          {"outputs", std::move(outputs)},
          {"nodes", census.nodes},
          {"operators", census.operators},
          {"unsupported", std::move(unsupported)},
          {"parameters", cost.parameters},
          {"weightBytes", constant_bytes(model.graph)},
          {"macs", cost.macs},
          {"macsKnown", cost.macs_known},
          {"macsAt", std::move(shapes)},
          {"weightTypes", census.weight_types},
          {"quantized", is_quantized(model.graph)},
          {"layers", std::move(layers)}};
}

}  // namespace whittle
