#include "core/compress/quantize/support/calibrate.h"

#include <algorithm>
#include <cmath>

#include "core/compress/observed_model.h"

namespace whittle {

Job observe_ranges(TechniqueContext& context, const std::vector<ValueId>& values, int64_t most,
                   std::map<ValueId, RangeOfValue>& ranges) {
  const KernelTable& kernels =
      context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier());
  for (ValueId id : values) ranges[id];
  ObservedModel model(context, context.model, values, [&](ValueId id, const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return;
    float low = 0;
    float high = 0;
    kernels.min_max(tensor.data<float>().data(), static_cast<size_t>(tensor.elements()), &low,
                    &high);
    RangeOfValue& range = ranges[id];
    range.min = std::min(range.min, low);
    range.max = std::max(range.max, high);
  });
  int64_t count = 0;
  while (most == 0 || count < most) {
    const std::optional<Sample> sample =
        co_await next_sample("calibrate", "", count, most == 0 ? -1 : most);
    if (!sample) break;
    context.cancel.poll();
    model.run(*sample, ++count);
    for (const auto& [id, range] : ranges) {
      if (std::isfinite(range.min) && std::isfinite(range.max)) continue;
      const std::string& name = context.model.graph.value(id).name;
      fail(Code::INVALID_DATA, sample->id, "Expected finite activations for \"", name, "\" on ",
           sample_name(*sample, count), " but received an infinity: the model overflows on it");
    }
  }
  require_samples(count, "calibration");
}

}  // namespace whittle
