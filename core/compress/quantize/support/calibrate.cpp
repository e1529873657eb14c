#include "core/compress/quantize/support/calibrate.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace whittle {
namespace {

std::string name_of(const Sample& sample, int64_t number) {
  return sample.id.empty() ? concat("sample ", number) : concat("sample \"", sample.id, "\"");
}

void check_feeds(const Sample& sample, int64_t number) {
  for (const auto& [name, tensor] : sample.feeds) {
    if (tensor.dtype() != DType::f32) continue;
    for (float value : tensor.data<float>()) {
      if (std::isfinite(value)) continue;
      fail(Code::INVALID_DATA, sample.id, "Expected finite values for input \"", name, "\" of ",
           name_of(sample, number), " but received ", std::isnan(value) ? "NaN" : "infinity");
    }
  }
}

}  // namespace

Job observe_ranges(TechniqueContext& context, const std::vector<ValueId>& values, int64_t most,
                   std::map<ValueId, RangeOfValue>& ranges) {
  // A value is observed by its original name; here each has to be told from every other, so the
  // names it has now are made its original ones.
  auto copy = std::make_shared<Model>(context.model);
  for (Value& value : copy->graph.values) value.origin.clear();
  SessionOptions options;
  options.kernels = context.kernels;
  options.pool = &context.pool;
  std::map<std::string, ValueId> inputs;
  std::map<std::string, ValueId> observed;
  for (ValueId id : values) {
    const std::string& name = copy->graph.value(id).name;
    const auto& graph_inputs = copy->graph.inputs;
    if (std::find(graph_inputs.begin(), graph_inputs.end(), id) != graph_inputs.end()) {
      inputs[name] = id;
    } else {
      observed[name] = id;
      options.observe.push_back(name);
    }
  }
  const KernelTable& kernels =
      context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier());
  const auto widen = [&](ValueId id, const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return;
    float low = 0;
    float high = 0;
    kernels.min_max(tensor.data<float>().data(), static_cast<size_t>(tensor.elements()), &low,
                    &high);
    RangeOfValue& range = ranges[id];
    range.min = std::min(range.min, low);
    range.max = std::max(range.max, high);
  };
  Session session(copy, options);
  session.set_observer([&](const std::string& name, const Tensor& value) {
    if (const auto found = observed.find(name); found != observed.end())
      widen(found->second, value);
  });
  for (ValueId id : values) ranges[id];
  int64_t count = 0;
  while (most == 0 || count < most) {
    const std::optional<Sample> sample =
        co_await next_sample("calibrate", "", count, most == 0 ? -1 : most);
    if (!sample) break;
    context.cancel.poll();
    ++count;
    check_feeds(*sample, count);
    session.run(sample->feeds);
    for (const auto& [name, id] : inputs) {
      if (const auto found = sample->feeds.find(name); found != sample->feeds.end()) {
        widen(id, found->second);
      }
    }
    for (const auto& [id, range] : ranges) {
      if (std::isfinite(range.min) && std::isfinite(range.max)) continue;
      const std::string& name = context.model.graph.value(id).name;
      fail(Code::INVALID_DATA, sample->id, "Expected finite activations for \"", name, "\" on ",
           name_of(*sample, count), " but received an infinity: the model overflows on it");
    }
  }
  if (count == 0) {
    fail(Code::EMPTY_DATA, "calibration",
         "Expected at least one sample for calibration but received an empty dataset");
  }
}

}  // namespace whittle
