#pragma once

#include <map>
#include <vector>

#include "core/compress/factorize/support/factor_step.h"
#include "core/linalg/second_moment.h"

namespace whittle {

/**
 * The second moments of what layers multiply their weights with (rows of a product's input, patches
 * of a convolution's), from calibration samples, in memory that does not grow with them.
 */
class InputMoments {
 public:
  /** One pass over at most `samples` samples (0: all). Layers inside subgraphs, transposed inputs
   * and inputs too wide for kMostBytes are left out. Throws as ObservedModel::run, and EMPTY_DATA
   * naming `stage`. */
  Job observe(TechniqueContext& context, const std::vector<FactorTarget>& targets, int64_t samples,
              const std::string& stage);

  /** [inputs, inputs] of one group, the sum over all readers; empty when it is not known. */
  std::span<const double> of(const FactorTarget& target, int group);

  /** The inputs of one group of such a layer; 0 when they cannot be read. */
  static int inputs_of(const Node& node, const Tensor& weight);

 private:
  struct Reader {
    const Node* node = nullptr;
    const Tensor* weight = nullptr;
    std::vector<SecondMoment>* moments = nullptr;
    int64_t rows = 0;  // of one sample at most
  };

  static constexpr int64_t kMostBytes = int64_t{64} << 20;  // of one layer

  void look(const Reader& reader, const Tensor& x);

  std::map<ConstantRef, std::vector<SecondMoment>> moments_;  // by group
  std::map<ValueId, std::vector<Reader>> readers_;
  std::vector<float> row_;
};

}  // namespace whittle
