#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * MatMul, Gemm and Conv layers with constant weights that become DynamicQuantizeLinear followed by
 * MatMulInteger or ConvInteger, Cast, Mul and Add. Made on an unchanged graph, then put into it.
 */
class IntegerProductPlan {
 public:
  Job make(TechniqueContext& context, const std::vector<Layer>& layers,
           const ConstantFinder& finder);
  bool contains(const ConstantRef& constant) const { return weights_.contains(constant); }
  /** For use in edit_graphs. */
  void apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool) const;

 private:
  friend class IntegerRewriter;
  struct Product {
    ConstantRef weight;
    int rank = 2;
    int axis = 0;            // of the output channels in the stored weight
    bool transpose = false;  // Gemm with transB: the integer product wants [k, n]
  };
  static std::string find_product(const Layer& layer, const ConstantFinder& finder,
                                  Product& product);

  std::map<const Graph*, std::map<std::string, Product>> products_;  // by graph and node name
  std::map<ConstantRef, QuantizedWeight> weights_;
};

}  // namespace whittle
