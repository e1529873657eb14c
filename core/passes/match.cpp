#include "core/passes/match.h"

#include <cmath>

namespace whittle {

const Node* Matcher::made_by(ValueId id, std::string_view op) const {
  const Node* node = id == kNoValue ? nullptr : index_.producer(id);
  return node != nullptr && node->is(op) ? node : nullptr;
}

const Node* Matcher::made_only_for(ValueId id, std::string_view op) const {
  const Node* node = made_by(id, op);
  return node != nullptr && index_.only_consumer(id) != nullptr ? node : nullptr;
}

std::optional<float> Matcher::scalar(ValueId id) const {
  const Tensor* tensor = graph_.constant(id);
  if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->elements() != 1) {
    return std::nullopt;
  }
  return tensor->data<float>()[0];
}

bool Matcher::is_scalar(ValueId id, float value) const {
  const auto found = scalar(id);
  return found && std::fabs(*found - value) <= 1e-5f * std::fabs(value);
}

std::optional<int> Matcher::rank(ValueId id) const {
  if (id == kNoValue) return std::nullopt;
  if (graph_.value(id).dims) return static_cast<int>(graph_.value(id).dims->size());
  const Node* conv = index_.producer(id);
  if (conv == nullptr || (!conv->is("Conv") && !conv->is("ConvTranspose"))) return std::nullopt;
  const Tensor* weight = graph_.constant(conv->input(1));
  return weight == nullptr ? std::nullopt : std::optional(weight->shape().rank());
}

}  // namespace whittle
