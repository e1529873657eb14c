#pragma once

#include <string>
#include <vector>

#include "core/compress/factorize/support/conv_chain.h"
#include "core/compress/factorize/support/input_moments.h"

namespace whittle {

/** What the techniques for convolutions share: looking at the patches of their inputs where
 * `minimize` is "outputs", and the error of outputs. */
class ConvFactorizer : public Factorizer {
 public:
  /** `given` is the option in which a report repeats what was found on data. */
  ConvFactorizer(TechniqueContext& context, std::string technique, std::string given);

  Job prepare(const std::vector<FactorTarget>& targets) override;
  double output_error(const FactorTarget& target, const Tensor& approximation) override;

 protected:
  /** Whether data is to be looked at for a layer. */
  bool weighted(const FactorTarget& target) const;
  /** Second moment of a group's patches; empty when there is none. */
  std::span<const double> moment(const FactorTarget& target, int group);
  /** The worst error of a group's outputs, squared and relative, for kernels laid out as its. */
  double lost(const ConvKernel& kernel, const FactorTarget& target, std::span<const float> other);
  /** Lets the driver breathe. */
  JobPause breathe(const FactorTarget& target) const;

  /**
   * `last` [outputs, features] and `features` [features, inputs * taps] of each group: the last
   * links as the options give them, or refitted on the data where that loses less of the outputs.
   */
  void refit(const FactorTarget& target, const ConvKernel& kernel,
             const std::vector<std::vector<float>>& features, std::vector<std::vector<float>>& last,
             Factorization& result);

  TechniqueContext& context_;

 private:
  std::string technique_;
  std::string given_;
  InputMoments moments_;
};

}  // namespace whittle
