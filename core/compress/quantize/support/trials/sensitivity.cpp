#include "core/compress/quantize/support/trials/sensitivity.h"

#include <algorithm>

namespace whittle {
namespace {

constexpr size_t kMostAtOnce = 8;

}  // namespace

Job measure_trials(TechniqueContext& context, const std::vector<Sample>& samples,
                   const std::vector<std::string>& layers, const MakeTrial& make,
                   std::vector<Nearness>& found) {
  const auto all = static_cast<int64_t>(layers.size());
  const size_t at_once = sessions_at_once(context.model, kMostAtOnce);
  Candidates candidates(context, context.model);
  for (size_t begin = 0; begin < layers.size(); begin += at_once) {
    const size_t count = std::min(at_once, layers.size() - begin);
    candidates.clear();
    for (size_t i = begin; i < begin + count; ++i) {
      co_await report_progress("sensitivity", layers[i], static_cast<int64_t>(begin), all);
      context.cancel.poll();
      Model model;
      co_await make(i, model);
      co_await report_progress("sensitivity", layers[i], static_cast<int64_t>(begin), all);
      candidates.add(model);
    }
    for (size_t s = 0; s < samples.size(); ++s) {
      candidates.expect(samples[s]);
      for (size_t i = 0; i < count; ++i) {
        const size_t done = begin + (s * count + i) / samples.size();
        co_await report_progress("sensitivity", layers[begin + i], static_cast<int64_t>(done), all);
        candidates.compare(i, samples[s]);
      }
    }
    for (size_t i = 0; i < count; ++i) found.push_back(candidates.nearness(i));
  }
}

}  // namespace whittle
