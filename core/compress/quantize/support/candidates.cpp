#include "core/compress/quantize/support/candidates.h"

#include <algorithm>

namespace whittle {

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
  const std::vector<Tensor> expected = original_->run(sample.feeds);
  if (kinds_.empty()) {
    for (const Tensor& output : expected) {
      const auto same_shape = [&](const auto& feed) {
        return feed.second.shape() == output.shape();
      };
      const bool may_be_logits = expected.size() == 1 &&
                                 std::none_of(sample.feeds.begin(), sample.feeds.end(), same_shape);
      kinds_.push_back(recognise_output(output, may_be_logits));
      has_classes_ = has_classes_ || kinds_.back() != OutputKind::values;
    }
  }
  ++samples_;
  for (Entry& entry : entries_) {
    if (entry.fidelities.empty()) {
      for (size_t i = 0; i < names_.size(); ++i)
        entry.fidelities.emplace_back(names_[i], kinds_[i]);
    }
    const std::vector<Tensor> actual = entry.session->run(sample.feeds);
    bool changed = false;
    for (size_t i = 0; i < expected.size(); ++i) {
      changed = entry.fidelities[i].add(expected[i], actual[i]).changed || changed;
      if (expected[i].dtype() != DType::f32) continue;
      entry.signals[i].add(expected[i].data<float>(), actual[i].data<float>());
    }
    entry.changed += changed ? 1 : 0;
    context_.cancel.poll();
  }
}

Nearness Candidates::nearness(size_t candidate) const {
  const Entry& entry = entries_[candidate];
  Nearness result;
  for (const SignalStats& signal : entry.signals) {
    if (const auto db = signal.sqnr_db()) result.sqnr_db = std::min(result.sqnr_db, *db);
    if (signal.non_finite() > 0) result.sqnr_db = -300;
  }
  if (samples_ > 0) {
    result.agreement = 1 - static_cast<double>(entry.changed) / static_cast<double>(samples_);
  }
  return result;
}

}  // namespace whittle
