#include "core/passes/written_norm.h"

namespace whittle {
namespace {

/** The only reader of `id`, where it is `op` of it and a constant. */
const Node* next(const Graph& graph, const Matcher& match, ValueId id, std::string_view op,
                 ValueId& other) {
  const Node* node = match.index().only_consumer(id);
  if (node == nullptr || !node->is(op) || node->inputs.size() != 2) return nullptr;
  other = Matcher::other_input(*node, id);
  return graph.constant(other) != nullptr ? node : nullptr;
}

}  // namespace

ValueId find_mean(const Graph& graph, const Matcher& match, ValueId id,
                  std::vector<int64_t>& axes) {
  const Node* mean = match.made_by(id, "ReduceMean");
  if (mean == nullptr || mean->int_attribute("keepdims", 1) == 0) return kNoValue;
  const Tensor* given = graph.constant(mean->input(1));
  if (given == nullptr || given->elements() == 0) return kNoValue;
  axes = to_int64s(*given, mean->label());
  return mean->input(0);
}

ValueId find_squared(const Matcher& match, ValueId id) {
  if (const Node* mul = match.made_by(id, "Mul")) {
    return mul->input(0) == mul->input(1) ? mul->input(0) : kNoValue;
  }
  const Node* pow = match.made_by(id, "Pow");
  return pow != nullptr && match.scalar(pow->input(1)) == 2.0f ? pow->input(0) : kNoValue;
}

ValueId find_rooted(const Matcher& match, ValueId id) {
  if (const Node* root = match.made_by(id, "Sqrt")) return root->input(0);
  const Node* pow = match.made_by(id, "Pow");
  return pow != nullptr && match.scalar(pow->input(1)) == 0.5f ? pow->input(0) : kNoValue;
}

std::optional<WrittenNorm> find_written_norm(const Graph& graph, const Matcher& match,
                                             const Node& divide) {
  if (!divide.is("Div")) return std::nullopt;
  const ValueId centred = divide.input(0);
  const Node* sub = match.made_by(centred, "Sub");
  if (sub == nullptr) return std::nullopt;
  WrittenNorm norm;
  norm.x = sub->input(0);
  if (find_mean(graph, match, sub->input(1), norm.axes) != norm.x) return std::nullopt;
  const Node* add = match.made_by(find_rooted(match, divide.input(1)), "Add");
  if (add == nullptr) return std::nullopt;
  for (size_t side = 0; side < 2; ++side) {
    const auto epsilon = match.scalar(add->input(1 - side));
    std::vector<int64_t> axes;
    const ValueId squared = find_mean(graph, match, add->input(side), axes);
    if (!epsilon || squared == kNoValue || axes != norm.axes) continue;
    if (find_squared(match, squared) != centred) continue;
    norm.epsilon = *epsilon;
    norm.last = next(graph, match, divide.output(0), "Mul", norm.gamma);
    if (norm.last == nullptr) return std::nullopt;
    const Node* shifted = next(graph, match, norm.last->output(0), "Add", norm.beta);
    if (shifted == nullptr) {
      norm.beta = kNoValue;
    } else {
      norm.last = shifted;
    }
    return norm;
  }
  return std::nullopt;
}

}  // namespace whittle
