#include "core/compress/observed_model.h"

#include <algorithm>
#include <cmath>

namespace whittle {

void require_finite(const Sample& sample, int64_t number) {
  for (const auto& [name, tensor] : sample.feeds) {
    if (tensor.dtype() != DType::f32) continue;
    for (float value : tensor.data<float>()) {
      if (std::isfinite(value)) continue;
      fail(Code::INVALID_DATA, sample.id, "Expected finite values for input \"", name, "\" of ",
           sample_name(sample, number), " but received ", std::isnan(value) ? "NaN" : "infinity");
    }
  }
}

std::string sample_name(const Sample& sample, int64_t number) {
  return sample.id.empty() ? concat("sample ", number) : concat("sample \"", sample.id, "\"");
}

void require_samples(int64_t count, const std::string& stage) {
  if (count > 0) return;
  fail(Code::EMPTY_DATA, stage, "Expected at least one sample for ", stage,
       " but received an empty dataset");
}

ObservedModel::ObservedModel(const TechniqueContext& context, const Model& model,
                             const std::vector<ValueId>& values, Look look, Order order)
    : look_(std::move(look)) {
  // A value is observed by its original name; here each has to be told from every other, so the
  // names it has now are made its original ones.
  auto copy = std::make_shared<Model>(model);
  for (Value& value : copy->graph.values) value.origin.clear();
  SessionOptions options;
  options.kernels = context.kernels;
  options.pool = &context.pool;
  options.observe_stored = order == Order::any;
  for (ValueId id : values) {
    const std::string& name = copy->graph.value(id).name;
    const auto& graph_inputs = copy->graph.inputs;
    if (std::find(graph_inputs.begin(), graph_inputs.end(), id) != graph_inputs.end()) {
      inputs_[name] = id;
    } else if (observed_.emplace(name, id).second) {
      options.observe.push_back(name);
    }
  }
  session_ = std::make_unique<Session>(copy, options);
  session_->set_observer([this](const std::string& name, const Tensor& value) {
    if (const auto found = observed_.find(name); found != observed_.end()) {
      look_(found->second, value);
    }
  });
}

void ObservedModel::run(const Sample& sample, int64_t number) {
  require_finite(sample, number);
  session_->run(sample.feeds);
  for (const auto& [name, id] : inputs_) {
    if (const auto found = sample.feeds.find(name); found != sample.feeds.end()) {
      look_(id, found->second);
    }
  }
}

}  // namespace whittle
