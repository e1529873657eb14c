#pragma once

#include <map>
#include <vector>

#include "core/compress/layer_error/sample_store.h"
#include "core/compress/technique.h"

namespace whittle {

/** Running mean of each channel of a value over samples and positions. */
class ChannelMeans {
 public:
  /** `axis` as in ONNX; negative counts from the end. */
  void add(const Tensor& value, int axis);
  std::vector<double> mean() const;
  /** Mean absolute value over all channels. */
  double magnitude() const;
  bool finite() const;

 private:
  std::vector<double> sum_;
  double absolute_ = 0;
  int64_t elements_ = 0;
};

/** Runs `model` on the samples and means the values given with their channel axes; `layer` is
 * whose turn progress says it is. Throws EMPTY_DATA and INVALID_DATA naming the sample. */
Job observe_means(TechniqueContext& context, const Model& model,
                  const std::map<ValueId, int>& values, SampleStore& samples,
                  std::string_view layer, std::map<ValueId, ChannelMeans>& means);

/** (W - What) mean for the layer `name` of a quantized graph and its float self, [outputs]; empty
 * where the weights cannot be compared. `mean` is that of its input channels. */
std::vector<double> weight_shift(const Graph& quantized, const Graph& reference,
                                 const std::string& name, const std::vector<double>& mean);

}  // namespace whittle
