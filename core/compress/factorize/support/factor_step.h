#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"

namespace whittle {

/** A constant weight and the layers that read it in the same way; the first one's options count. */
struct FactorTarget {
  ConstantRef constant;
  std::vector<const Layer*> readers;

  const Layer& layer() const { return *readers[0]; }
  const Node& node() const { return *readers[0]->node; }
  const Options& options() const { return readers[0]->options; }
  const Tensor& weight() const { return constant.tensor(); }
};

/** What takes a weight's place. */
struct Factorization {
  /** Why there is nothing, or "". */
  std::string obstacle;
  std::vector<Tensor> factors;
  /** The product of the factors in the layout of the weight, in float32. */
  Tensor approximation;
  /**
   * The nodes for one reader: `factors` are the constants made of the factors. The last of them
   * keeps the reader's name, outputs and bias. May add values to the graph.
   */
  std::function<std::vector<Node>(Graph& graph, NameMaker& names, const Node& reader,
                                  const std::vector<ValueId>& factors)>
      expand;
  /** What to say about it when it is used, or "". */
  std::string warning;
  nlohmann::json detail = nlohmann::json::object();  // ranks and what they were chosen by
  nlohmann::json rule = nlohmann::json::object();    // options that repeat it without data
};

/** A way to factorize the weight of a layer. */
class Factorizer {
 public:
  virtual ~Factorizer() = default;
  /** The input of such a node that holds the weight. */
  virtual size_t weight_input(const Node& node) const;
  /** Why a layer with this float32 weight cannot be factorized at all, or "". */
  virtual std::string why_not(const Node& node, const Tensor& weight) const = 0;
  /** Looks at the data for all targets, where that is asked for. */
  virtual Job prepare(const std::vector<FactorTarget>& targets);
  virtual Job factorize(const FactorTarget& target, Factorization& result) = 0;
  /** The relative error of the layer's output on the data, or a negative number. */
  virtual double output_error(const FactorTarget& target, const Tensor& approximation);
};

/**
 * A whole step: factorizes the selected layers, replaces those where it pays (fewer parameters;
 * less predicted time) and reports every layer with ranks, errors and ratios, or the reason why
 * not. Weights that several layers share are factorized once.
 */
Job factorize_layers(TechniqueContext& context, const std::string& technique,
                     Factorizer& factorizer, const std::vector<Layer>& layers);

}  // namespace whittle
