#include <algorithm>
#include <cmath>
#include <optional>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

class Fuser {
 public:
  explicit Fuser(Graph& graph) : graph_(graph), index_(graph) {}

  bool run() {
    bool changed = false;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) changed = fuse(graph_.nodes[i]) || changed;
    return changed;
  }

 private:
  const Node* made_by(ValueId id, std::string_view op) const {
    const Node* node = id == kNoValue ? nullptr : index_.producer(id);
    return node != nullptr && node->is(op) ? node : nullptr;
  }

  std::optional<float> scalar(ValueId id) const {
    const Tensor* tensor = graph_.constant(id);
    if (tensor == nullptr || tensor->dtype() != DType::f32 || tensor->elements() != 1) {
      return std::nullopt;
    }
    return tensor->data<float>()[0];
  }

  /** x of ReduceMean(x) over the axes from 2 to the last of `rank`, kept. */
  ValueId spatial_mean_of(ValueId id, int rank) const {
    const Node* mean = made_by(id, "ReduceMean");
    if (mean == nullptr || mean->int_attribute("keepdims", 1) == 0) return kNoValue;
    const Tensor* axes = graph_.constant(mean->input(1));
    if (axes == nullptr || axes->elements() != rank - 2) return kNoValue;
    std::vector<int64_t> sorted = to_int64s(*axes, mean->label());
    for (int64_t& axis : sorted) axis = axis < 0 ? axis + rank : axis;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] != static_cast<int64_t>(i) + 2) return kNoValue;
    }
    return mean->input(0);
  }

  /** `a` of a * a or a ^ 2. */
  ValueId square_root_of(ValueId id) const {
    if (const Node* mul = made_by(id, "Mul")) {
      return mul->input(0) == mul->input(1) ? mul->input(0) : kNoValue;
    }
    const Node* pow = made_by(id, "Pow");
    return pow != nullptr && scalar(pow->input(1)) == 2.0f ? pow->input(0) : kNoValue;
  }

  /** What a square root is taken of. */
  ValueId square_of(ValueId id) const {
    if (const Node* root = made_by(id, "Sqrt")) return root->input(0);
    const Node* pow = made_by(id, "Pow");
    return pow != nullptr && scalar(pow->input(1)) == 0.5f ? pow->input(0) : kNoValue;
  }

  /** One value for each channel of a tensor of rank `rank`: [1, C, 1 ...] or [C, 1 ...]. */
  std::optional<Tensor> channels(ValueId id, int rank) const {
    const Tensor* tensor = graph_.constant(id);
    if (tensor == nullptr || tensor->dtype() != DType::f32) return std::nullopt;
    const Shape& shape = tensor->shape();
    const int channel = shape.rank() - (rank - 1);
    if (channel < 0 || channel > 1 || shape[channel] != tensor->elements()) return std::nullopt;
    return tensor->reshaped(Shape{tensor->elements()});
  }

  std::optional<int> rank_of(ValueId id) const {
    if (graph_.value(id).dims) return static_cast<int>(graph_.value(id).dims->size());
    const Node* conv = index_.producer(id);
    if (conv == nullptr || (!conv->is("Conv") && !conv->is("ConvTranspose"))) return std::nullopt;
    const Tensor* weight = graph_.constant(conv->input(1));
    return weight == nullptr ? std::nullopt : std::optional(weight->shape().rank());
  }

  /** The other input of a node of two, where the only consumer of `id` is `op` of it and a
   * constant.
   */
  const Node* next(ValueId id, std::string_view op, ValueId& other) const {
    const Node* node = index_.only_consumer(id);
    if (node == nullptr || !node->is(op) || node->inputs.size() != 2) return nullptr;
    other = node->inputs[0] == id ? node->inputs[1] : node->inputs[0];
    return graph_.constant(other) != nullptr ? node : nullptr;
  }

  bool fuse(const Node& divide) {
    if (!divide.is("Div")) return false;
    const ValueId centred = divide.input(0);
    const Node* sub = made_by(centred, "Sub");
    if (sub == nullptr) return false;
    const ValueId x = sub->input(0);
    const auto rank = rank_of(x);
    if (!rank || *rank < 3 || spatial_mean_of(sub->input(1), *rank) != x) return false;
    const Node* add = made_by(square_of(divide.input(1)), "Add");
    if (add == nullptr) return false;
    for (size_t side = 0; side < 2; ++side) {
      const auto epsilon = scalar(add->input(1 - side));
      const ValueId squared = spatial_mean_of(add->input(side), *rank);
      if (!epsilon || squared == kNoValue || square_root_of(squared) != centred) continue;
      return replace(divide, x, *rank, *epsilon);
    }
    return false;
  }

  bool replace(const Node& divide, ValueId x, int rank, float epsilon) {
    ValueId gamma = kNoValue, beta = kNoValue;
    const Node* scaled = next(divide.output(0), "Mul", gamma);
    const Node* shifted = scaled == nullptr ? nullptr : next(scaled->output(0), "Add", beta);
    if (shifted == nullptr) return false;
    auto scale = channels(gamma, rank);
    auto shift = channels(beta, rank);
    if (!scale || !shift || scale->elements() != shift->elements()) return false;
    Node& last = graph_.nodes[static_cast<size_t>(shifted - graph_.nodes.data())];
    last.op = "InstanceNormalization";
    last.inputs = {x, graph_.add_constant(graph_.value(gamma).name, std::move(*scale)),
                   graph_.add_constant(graph_.value(beta).name, std::move(*shift))};
    last.attributes = {{"epsilon", epsilon}};
    return true;
  }

  Graph& graph_;
  GraphIndex index_;
};

}  // namespace

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta over the pixels of each channel, written
 * out in nine operators, becomes one InstanceNormalization. What nobody reads any more is left for
 * eliminate_dead_code. */
bool fuse_instance_norm(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return fuse_instance_norm(subgraph, context); });
  }
  return Fuser(graph).run() || changed;
}

}  // namespace whittle
