#include "core/compress/quantize/support/integer/dynamic_lstm.h"

#include <algorithm>

namespace whittle {

DynamicLstmPlan::Weight DynamicLstmPlan::quantized(const Tensor& weight, const std::string& name,
                                                   double& worst_sqnr_db) {
  const int64_t directions = weight.shape()[0];
  const int64_t rows = weight.shape()[1];
  const int64_t cols = weight.shape()[2];
  const QuantizedWeight flat =
      quantize_channels(weight.reshaped(Shape{directions * rows, cols}), 0, name);
  worst_sqnr_db = std::min(worst_sqnr_db, flat.sqnr_db());
  Weight out;
  out.scales = flat.scales.reshaped(Shape{directions, rows});
  out.zero_points = Tensor::zeros(DType::i8, Shape{directions, rows});
  out.values = Tensor::allocate(DType::i8, Shape{directions, cols, rows});
  const std::span<const int8_t> from = flat.values.data<int8_t>();
  const std::span<int8_t> to = out.values.mutable_data<int8_t>();
  for (int64_t d = 0; d < directions; ++d) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        to[static_cast<size_t>((d * cols + c) * rows + r)] =
            from[static_cast<size_t>((d * rows + r) * cols + c)];
      }
    }
  }
  return out;
}

Job DynamicLstmPlan::make(TechniqueContext& context, const std::vector<Layer>& layers,
                          const ConstantFinder& finder) {
  for (const Layer& layer : layers) {
    const Node& node = *layer.node;
    if (!layer.selected) {
      context.report.leave(node, "not selected");
      continue;
    }
    const ConstantRef w = finder.find(*layer.graph, node.input(1));
    const ConstantRef r = finder.find(*layer.graph, node.input(2));
    if (!w.found() || !r.found() || w.tensor().dtype() != DType::f32 ||
        r.tensor().dtype() != DType::f32 || w.tensor().shape().rank() != 3 ||
        r.tensor().shape().rank() != 3) {
      context.report.leave(node, "its weights are not float32 constants");
      continue;
    }
    if (node.int_attribute("layout", 0) != 0) {
      context.report.leave(node, "DynamicQuantizeLSTM has no batch-first layout");
      continue;
    }
    co_await report_progress("quantize weights", node.name, 0, -1);
    context.cancel.poll();
    double worst = 300;
    std::pair<Weight, Weight> weights{quantized(w.tensor(), w.value().name, worst),
                                      quantized(r.tensor(), r.value().name, worst)};
    layers_[layer.graph].emplace(node.name, std::move(weights));
    context.report.touch(node, {{"weightSqnrDb", worst}});
  }
}

void DynamicLstmPlan::apply(Graph& graph, const Graph* before, NameMaker& names,
                            ConstantPool& pool) const {
  const auto found = layers_.find(before);
  if (found == layers_.end()) return;
  for (Node& node : graph.nodes) {
    const auto entry = found->second.find(node.name);
    if (entry == found->second.end()) continue;
    const auto& [w, r] = entry->second;
    node.op = "DynamicQuantizeLSTM";
    node.domain = "com.microsoft";
    node.attributes.erase("layout");
    node.inputs.resize(8, kNoValue);
    node.inputs[1] = graph.add_constant(names.fresh("q"), w.values);
    node.inputs[2] = graph.add_constant(names.fresh("q"), r.values);
    node.inputs.push_back(pool.get(w.scales, "s"));
    node.inputs.push_back(pool.get(w.zero_points, "z"));
    node.inputs.push_back(pool.get(r.scales, "s"));
    node.inputs.push_back(pool.get(r.zero_points, "z"));
  }
}

}  // namespace whittle
