#include "core/compress/quantize/support/trials/candidates.h"

#include <algorithm>
#include <cmath>

#include "core/compress/observed_model.h"
#include "core/measure/cost.h"

namespace whittle {

double Nearness::noise() const {
  return std::pow(10, -sqnr_db / 10);
}

Candidates::Candidates(const TechniqueContext& context, const Model& original)
    : context_(context), original_(make_session(original)) {
  for (ValueId id : original.graph.outputs) names_.push_back(original.graph.value(id).name);
}

std::unique_ptr<Session> Candidates::make_session(const Model& model) const {
  SessionOptions options;
  options.kernels = context_.kernels;
  options.pool = &context_.pool;
  return std::make_unique<Session>(std::make_shared<Model>(model), options);
}

void Candidates::add(const Model& model) {
  Entry entry;
  entry.session = make_session(model);
  entry.signals.resize(names_.size());
  entries_.push_back(std::move(entry));
}

void Candidates::clear() {
  entries_.clear();
  samples_ = 0;
}

void Candidates::run(const Sample& sample) {
  expect(sample);
  for (size_t i = 0; i < entries_.size(); ++i) compare(i, sample);
}

void Candidates::expect(const Sample& sample) {
  expected_ = original_->run(sample.feeds);
  if (kinds_.empty()) {
    for (const Tensor& output : expected_) {
      const auto same_shape = [&](const auto& feed) {
        return feed.second.shape() == output.shape();
      };
      const bool may_be_logits = expected_.size() == 1 &&
                                 std::none_of(sample.feeds.begin(), sample.feeds.end(), same_shape);
      kinds_.push_back(recognise_output(output, may_be_logits));
      has_classes_ = has_classes_ || kinds_.back() != OutputKind::values;
    }
  }
  ++samples_;
}

void Candidates::compare(size_t candidate, const Sample& sample) {
  Entry& entry = entries_[candidate];
  if (entry.fidelities.empty()) {
    for (size_t i = 0; i < names_.size(); ++i) entry.fidelities.emplace_back(names_[i], kinds_[i]);
  }
  const std::vector<Tensor> actual = entry.session->run(sample.feeds);
  bool changed = false;
  for (size_t i = 0; i < expected_.size(); ++i) {
    changed = entry.fidelities[i].add(expected_[i], actual[i]).changed || changed;
    if (expected_[i].dtype() != DType::f32) continue;
    entry.signals[i].add(expected_[i].data<float>(), actual[i].data<float>());
  }
  entry.changed += changed ? 1 : 0;
  context_.cancel.poll();
}

Job Candidates::run_again(std::string_view technique, std::string_view stage, int64_t most) {
  co_await rewind_data(technique);
  int64_t seen = 0;
  while (most == 0 || seen < most) {
    const std::optional<Sample> sample =
        co_await next_sample(stage, "", seen, most == 0 ? -1 : most);
    if (!sample) break;
    require_finite(*sample, ++seen);
    expect(*sample);
    for (size_t i = 0; i < entries_.size(); ++i) {
      co_await report_progress(stage, "", seen - 1, most == 0 ? -1 : most);
      compare(i, *sample);
    }
  }
  require_samples(seen, std::string(stage));
}

Nearness Candidates::nearness(size_t candidate) const {
  const Entry& entry = entries_[candidate];
  Nearness result;
  double sum = 0;
  int outputs = 0;
  for (const SignalStats& signal : entry.signals) {
    const std::optional<double> db = signal.non_finite() > 0 ? -300 : signal.sqnr_db();
    if (!db) continue;
    result.sqnr_db = std::min(result.sqnr_db, *db);
    sum += *db;
    ++outputs;
  }
  if (outputs > 0) result.mean_db = sum / outputs;
  result.samples = samples_;
  result.changed = entry.changed;
  result.classes = has_classes_;
  if (samples_ > 0) {
    result.agreement = 1 - static_cast<double>(entry.changed) / static_cast<double>(samples_);
  }
  for (const OutputFidelity& fidelity : entry.fidelities) {
    if (const auto kl = fidelity.kl()) result.kl = std::max(result.kl.value_or(*kl), *kl);
  }
  return result;
}

size_t sessions_at_once(const Model& model, size_t most) {
  constexpr int64_t kBytes = 64 << 20;
  const int64_t fit = kBytes / std::max<int64_t>(1, constant_bytes(model.graph));
  return static_cast<size_t>(std::clamp<int64_t>(fit, 1, static_cast<int64_t>(most)));
}

}  // namespace whittle
