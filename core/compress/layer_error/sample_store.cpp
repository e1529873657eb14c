#include "core/compress/layer_error/sample_store.h"

#include "core/compress/observed_model.h"

namespace whittle {
namespace {

int64_t bytes_of(const Sample& sample) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : sample.feeds) bytes += tensor.bytes();
  return bytes;
}

}  // namespace

Job SampleStore::for_each(TechniqueContext& context, std::string_view stage, const Visit& visit) {
  if (read_) {
    int64_t number = 0;
    for (const Sample& sample : kept_) {
      context.cancel.poll();
      co_await report_progress(stage, "", number, count_);
      visit(sample, ++number);
    }
    co_return;
  }
  int64_t bytes = 0;
  while (most_ == 0 || count_ < most_) {
    std::optional<Sample> sample = co_await next_sample(stage, "", count_, most_ == 0 ? -1 : most_);
    if (!sample) break;
    context.cancel.poll();
    visit(*sample, ++count_);
    if (!keep_) continue;
    bytes += bytes_of(*sample);
    kept_.push_back(std::move(*sample));
    if (bytes + bytes / count_ > kMostBytes) break;
  }
  read_ = true;
  require_samples(count_, std::string(stage));
}

}  // namespace whittle
