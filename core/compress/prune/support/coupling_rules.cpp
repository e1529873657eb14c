#include "core/compress/prune/support/coupling_rules.h"

#include <map>
#include <string_view>

namespace whittle {
namespace {

const std::map<std::string_view, CouplingRule>& rules() {
  static const std::map<std::string_view, CouplingRule> table = {
      {"Conv", couple_conv},
      {"ConvTranspose", couple_conv_transpose},
      {"Gemm", couple_gemm},
      {"MatMul", couple_matmul},
      {"LSTM", couple_recurrent},
      {"GRU", couple_recurrent},
      {"RNN", couple_recurrent},
      {"BatchNormalization", couple_batch_norm},
      {"InstanceNormalization", couple_instance_norm},
      {"LayerNormalization", couple_from_axis},
      {"RMSNormalization", couple_from_axis},
      {"Softmax", couple_along_axis},
      {"LogSoftmax", couple_along_axis},
      {"Hardmax", couple_along_axis},
      {"LpNormalization", couple_along_axis},
      {"MaxPool", couple_pool},
      {"AveragePool", couple_pool},
      {"LpPool", couple_pool},
      {"GlobalAveragePool", couple_pool},
      {"GlobalMaxPool", couple_pool},
      {"GlobalLpPool", couple_pool},
      {"ReduceMean", couple_reduce},
      {"ReduceSum", couple_reduce},
      {"ReduceMax", couple_reduce},
      {"ReduceMin", couple_reduce},
      {"ReduceL1", couple_reduce},
      {"ReduceL2", couple_reduce},
      {"ReduceSumSquare", couple_reduce},
      {"QuantizeLinear", couple_quantize},
      {"DequantizeLinear", couple_quantize},
      {"Resize", couple_resize},
      {"Shape", couple_shape_of},
      {"Concat", couple_concat},
      {"Split", couple_split},
      {"Slice", couple_slice},
      {"Pad", couple_pad},
      {"Transpose", couple_transpose},
      {"Gather", couple_gather},
      {"DepthToSpace", couple_depth_to_space},
      {"SpaceToDepth", couple_depth_to_space},
      {"Reshape", couple_reshape},
      {"Flatten", couple_reshape},
      {"Squeeze", couple_reshape},
      {"Unsqueeze", couple_reshape},
  };
  return table;
}

}  // namespace

CouplingRule coupling_rule(const Node& node, const OpTable& ops) {
  if (node.domain.empty()) {
    if (const auto found = rules().find(node.op); found != rules().end()) return found->second;
  }
  const OpDef* op = ops.find(node);
  return op != nullptr && op->has(Trait::elementwise) ? couple_elementwise : nullptr;
}

}  // namespace whittle
