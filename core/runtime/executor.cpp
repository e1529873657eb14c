#include "core/runtime/executor.h"

#include <algorithm>
#include <cstring>

namespace whittle {
namespace {

/** Plans kept for different shapes. */
constexpr size_t kPlans = 4;
/** Integer inputs of at most this many elements may steer shapes and branches. */
constexpr int64_t kSteeringElements = 16;
/** After so many plans made for particular values the values are taken to change all the time, and
 * shapes that depend on them are found during the run. */
constexpr int kMaxValuePlans = 8;

bool may_steer(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::i64:
    case DType::i32:
    case DType::boolean:
      return tensor.elements() <= kSteeringElements;
    default:
      return false;
  }
}

bool same_value(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.bytes() == b.bytes() &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

}  // namespace

Executor::Executor(Graph graph, const CompileOptions& options, std::shared_ptr<PackCache> packs)
    : graph_(prepare_graph(std::move(graph), options)),
      options_(options),
      packs_(std::move(packs)) {}

void Executor::keep(std::unique_ptr<Entry> entry) {
  plans_.push_back(std::move(entry));
  if (plans_.size() > kPlans) plans_.erase(plans_.begin());
}

void Executor::prepare(std::span<const Shape> shapes) {
  InputKnowledge inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs.shapes.push_back(shapes[i]);
    inputs.dtypes.push_back(graph_.value(graph_.inputs[i]).dtype);
  }
  inputs.values.resize(shapes.size());
  CompileResult result = compile(graph_, inputs, options_, packs_);
  // What depends on values of inputs waits for the first run.
  if (result.run_time_shapes) return;
  auto entry = std::make_unique<Entry>();
  entry->shapes = std::move(inputs.shapes);
  entry->dtypes = std::move(inputs.dtypes);
  entry->values.resize(shapes.size());
  entry->plan = std::move(result.plan);
  keep(std::move(entry));
}

void Executor::release_weights() {
  if (plans_.size() != 1) return;
  plans_.front()->plan->detach_constants();
  for (Value& value : graph_.values) value.constant = Tensor{};
}

bool Executor::fits(const Entry& entry, std::span<const Tensor> inputs) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (is_open(i)) continue;
    if (entry.shapes[i] != inputs[i].shape() || entry.dtypes[i] != inputs[i].dtype()) return false;
    if (entry.values[i].defined() && !same_value(entry.values[i], inputs[i])) return false;
  }
  return true;
}

Plan& Executor::plan_for(std::span<const Tensor> inputs) {
  for (size_t i = plans_.size(); i-- > 0;) {
    if (!fits(*plans_[i], inputs)) continue;
    std::rotate(plans_.begin() + static_cast<std::ptrdiff_t>(i),
                plans_.begin() + static_cast<std::ptrdiff_t>(i) + 1, plans_.end());
    return *plans_.back()->plan;
  }

  InputKnowledge known;
  for (size_t i = 0; i < inputs.size(); ++i) {
    known.shapes.push_back(is_open(i) ? Shape{} : inputs[i].shape());
    known.dtypes.push_back(is_open(i) ? graph_.value(graph_.inputs[i]).dtype : inputs[i].dtype());
  }
  known.values.resize(inputs.size());
  CompileResult result = compile(graph_, known, options_, packs_);
  if (result.run_time_shapes && value_plans_ < kMaxValuePlans &&
      std::any_of(inputs.begin(), inputs.end(), may_steer)) {
    InputKnowledge valued = known;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (may_steer(inputs[i]) && !is_open(i)) valued.values[i] = inputs[i].clone();
    }
    CompileResult better = compile(graph_, valued, options_, packs_);
    if (!better.run_time_shapes) {
      ++value_plans_;
      known = std::move(valued);
      result = std::move(better);
    }
  }
  auto entry = std::make_unique<Entry>();
  entry->shapes = std::move(known.shapes);
  entry->dtypes = std::move(known.dtypes);
  entry->values = std::move(known.values);
  entry->plan = std::move(result.plan);
  keep(std::move(entry));
  return *plans_.back()->plan;
}

std::vector<Tensor> Executor::run(std::span<const Tensor> inputs, const Observer* observer,
                                  const std::function<double()>* clock_ms) {
  return plan_for(inputs).run(inputs, observer, clock_ms);
}

}  // namespace whittle
