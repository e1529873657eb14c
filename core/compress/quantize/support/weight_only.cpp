#include "core/compress/quantize/support/weight_only.h"

#include <map>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/affine.h"
#include "core/compress/quantize/support/weights.h"

namespace whittle {
namespace {

/** Name, type and attributes of a DequantizeLinear with its scales, in a file. */
constexpr int64_t kNodeBytes = 80;

struct Stored {
  QuantizedWeight weight;
  int axis = 0;
};

std::string why_not(const ConstantRef& constant, std::optional<int> axis) {
  if (!constant.found()) return "its weights are computed at run time";
  const Tensor& tensor = constant.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weights are ", dtype_name(tensor.dtype()), ", not float32");
  }
  if (!axis || tensor.elements() == 0) return "its weight is not a matrix";
  if (3 * tensor.elements() <= 4 * tensor.shape()[*axis] + kNodeBytes) {
    return "too small to gain from 8 bits";
  }
  return "";
}

}  // namespace

Job store_weights_as_int8(TechniqueContext& context, std::vector<Layer> layers) {
  const ConstantFinder finder(context.model.graph);
  std::map<ConstantRef, Stored> stored;
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    if (!layer.selected) {
      context.report.leave(*layer.node, "not selected");
      continue;
    }
    co_await report_progress(
        Progress{"quantize weights", layer.name(), done, static_cast<int64_t>(layers.size())});
    context.cancel.poll();
    std::string reason;
    double worst = 300;
    bool touched = false;
    for (size_t input : weight_inputs(*layer.node)) {
      const ConstantRef constant = finder.find(*layer.graph, layer.node->input(input));
      std::optional<int> axis;
      if (constant.found()) axis = channel_axis(*layer.node, input, constant.tensor().shape());
      const auto known = stored.find(constant);
      if (constant.found() && known != stored.end()) {
        touched = true;
        worst = std::min(worst, known->second.weight.sqnr_db());
        continue;
      }
      std::string obstacle = why_not(constant, axis);
      if (!obstacle.empty()) {
        if (reason.empty()) reason = std::move(obstacle);
        continue;
      }
      Stored entry{quantize_weight(constant.tensor(), *axis, constant.value().name), *axis};
      worst = std::min(worst, entry.weight.sqnr_db());
      stored.emplace(constant, std::move(entry));
      touched = true;
    }
    if (touched) {
      context.report.touch(*layer.node, {{"weightSqnrDb", worst}});
    } else {
      context.report.leave(*layer.node, reason);
    }
  }
  NameMaker names(context.model.graph);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    ConstantPool pool(graph, names);
    for (auto& [constant, entry] : stored) {
      if (constant.owner != before) continue;
      const ValueId values = graph.add_constant(names.fresh("q"), std::move(entry.weight.values));
      const ValueId scales = pool.get(entry.weight.scales, "s");
      derive_constant(graph, names, constant.id, "DequantizeLinear", {values, scales},
                      {{"axis", static_cast<int64_t>(entry.axis)}});
    }
  });
}

}  // namespace whittle
