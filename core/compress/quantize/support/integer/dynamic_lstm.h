#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * LSTM layers that become com.microsoft::DynamicQuantizeLSTM: int8 weights [directions, inputs,
 * 4 * hidden] with a scale per direction and gate row, activations quantized at run time. Only
 * onnxruntime and this runtime know the operator. Made on an unchanged graph, then put into it.
 */
class DynamicLstmPlan {
 public:
  Job make(TechniqueContext& context, const std::vector<Layer>& layers,
           const ConstantFinder& finder);
  /** For use in edit_graphs. */
  void apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool) const;

 private:
  struct Weight {
    Tensor values;       // i8 [directions, inputs, 4 * hidden]
    Tensor scales;       // f32 [directions, 4 * hidden]
    Tensor zero_points;  // i8 [directions, 4 * hidden]
  };
  static Weight quantized(const Tensor& weight, const std::string& name, double& worst_sqnr_db);

  std::map<const Graph*, std::map<std::string, std::pair<Weight, Weight>>> layers_;
};

}  // namespace whittle
