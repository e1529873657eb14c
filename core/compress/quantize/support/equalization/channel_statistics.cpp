#include "core/compress/quantize/support/equalization/channel_statistics.h"

#include <algorithm>
#include <cmath>

#include "core/compress/observed_model.h"

namespace whittle {
namespace {

void add(ChannelStatistics& statistics, const Tensor& tensor, const WatchedChannels& watched) {
  const Shape& shape = tensor.shape();
  const auto channels = static_cast<size_t>(shape[watched.axis]);
  const auto inner = static_cast<size_t>(shape.elements(watched.axis + 1, shape.rank()));
  if (statistics.max.empty()) {
    statistics.min.assign(channels, INFINITY);
    statistics.max.assign(channels, -INFINITY);
    statistics.lows.assign(channels, 0.0);
    statistics.highs.assign(channels, 0.0);
    statistics.cut.assign(channels, 0.0);
    statistics.sum.assign(channels, 0.0);
    statistics.squares.assign(channels, 0.0);
    statistics.inside.assign(channels, 0);
  }
  const std::span<const float> values = tensor.data<float>();
  statistics.elements += tensor.elements();
  statistics.images += static_cast<int64_t>(values.size() / inner / channels);
  for (size_t begin = 0, c = 0; begin < values.size(); begin += inner, c = (c + 1) % channels) {
    float low = values[begin];
    float high = values[begin];
    double cut = 0;
    double sum = 0;
    double squares = 0;
    int64_t inside = 0;
    bool finite = true;
    for (float value : values.subspan(begin, inner)) {
      finite = finite && std::isfinite(value);
      sum += value;
      squares += static_cast<double>(value) * value;
      inside += value > 0 && value < watched.bound ? 1 : 0;
      low = std::min(low, value);
      high = std::max(high, value);
      if (value > watched.bound) {
        const double over = static_cast<double>(value) - watched.bound;
        cut += over * over;
      }
    }
    statistics.min[c] = std::min(statistics.min[c], low);
    statistics.max[c] = finite ? std::max(statistics.max[c], high) : INFINITY;
    statistics.lows[c] += std::min(low, 0.0f);
    statistics.highs[c] += std::max(high, 0.0f);
    statistics.cut[c] += cut;
    statistics.sum[c] += sum;
    statistics.squares[c] += squares;
    statistics.inside[c] += inside;
  }
}

bool all_finite(const ChannelStatistics& statistics) {
  return std::all_of(statistics.max.begin(), statistics.max.end(),
                     [](float value) { return std::isfinite(value); });
}

}  // namespace

Job watch_channels(TechniqueContext& context, const std::map<ValueId, WatchedChannels>& watched,
                   int64_t most, std::map<ValueId, ChannelStatistics>& statistics,
                   DrawnSamples* drawn) {
  std::vector<ValueId> ids;
  for (const auto& [id, each] : watched) ids.push_back(id);
  ObservedModel model(context, context.model, ids, [&](ValueId id, const Tensor& tensor) {
    if (tensor.dtype() == DType::f32 && tensor.elements() > 0) {
      add(statistics[id], tensor, watched.at(id));
    }
  });
  int64_t count = 0;
  while (most == 0 || count < most) {
    std::optional<Sample> sample =
        co_await next_sample("look at channels", "", count, most == 0 ? -1 : most);
    if (!sample) break;
    context.cancel.poll();
    model.run(*sample, ++count);
    for (const auto& [id, each] : statistics) {
      if (all_finite(each)) continue;
      const std::string& name = context.model.graph.value(id).name;
      fail(Code::INVALID_DATA, sample->id, "Expected finite activations for \"", name, "\" on ",
           sample_name(*sample, count), " but received an infinity: the model overflows on it");
    }
    if (drawn != nullptr) drawn->offer(std::move(*sample));
  }
  require_samples(count, "equalization");
}

}  // namespace whittle
