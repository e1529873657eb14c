#include <algorithm>

#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

using Integers = std::vector<int64_t>;

class Folder {
 public:
  explicit Folder(Graph& graph) : graph_(graph), match_(graph) {}

  bool run() {
    bool changed = false;
    for (Node& node : graph_.nodes) changed |= fold(node);
    return changed;
  }

 private:
  std::optional<Integers> integers(ValueId id) const {
    const Tensor* tensor = graph_.constant(id);
    if (tensor == nullptr || !is_whole(tensor->dtype())) return std::nullopt;
    return to_int64s(*tensor, graph_.value(id).name);
  }
  static bool is_whole(DType dtype) { return dtype == DType::i64 || dtype == DType::i32; }

  /** Whether `id` is dimension `axis` of `x`, as a list of one, read off `x` or off what `x` is
   * transposed from. */
  bool is_dim_of(ValueId id, ValueId x, int64_t axis) const {
    if (is_dim(id, x, axis)) return true;
    const Node* transpose = match_.made_by(x, "Transpose");
    if (transpose == nullptr) return false;
    const Integers order = transpose->ints_attribute("perm");
    if (axis >= static_cast<int64_t>(order.size())) return false;
    return is_dim_of(id, transpose->input(0), order[static_cast<size_t>(axis)]);
  }

  bool is_dim(ValueId id, ValueId x, int64_t axis) const {
    if (const Node* slice = match_.made_by(id, "Slice")) {
      const auto starts = integers(slice->input(1));
      const auto ends = integers(slice->input(2));
      const auto axes = integers(slice->input(3));
      const auto steps = integers(slice->input(4));
      const bool one = starts == Integers{axis} && ends == Integers{axis + 1};
      return one && (slice->input(3) == kNoValue || axes == Integers{0}) &&
             (slice->input(4) == kNoValue || steps == Integers{1}) && is_shape(slice->input(0), x);
    }
    const Node* list = match_.made_by(id, "Unsqueeze");
    const Node* gather = match_.made_by(list == nullptr ? id : list->input(0), "Gather");
    if (gather == nullptr || integers(gather->input(1)) != Integers{axis}) return false;
    const int rank = graph_.value(gather->input(1)).constant.shape().rank();
    return rank == (list == nullptr ? 1 : 0) && gather->int_attribute("axis", 0) == 0 &&
           is_shape(gather->input(0), x);
  }

  bool is_shape(ValueId id, ValueId x) const {
    const Node* shape = match_.made_by(id, "Shape");
    return shape != nullptr && shape->input(0) == x && !shape->has("start") && !shape->has("end");
  }

  bool fold(Node& node) {
    if (!node.is("Reshape") || node.int_attribute("allowzero", 0) != 0) return false;
    const Node* concat = match_.made_by(node.input(1), "Concat");
    if (concat == nullptr) return false;
    Integers target;
    for (ValueId part : concat->inputs) {
      const auto known = integers(part);
      const auto axis = static_cast<int64_t>(target.size());
      if (known) {
        target.insert(target.end(), known->begin(), known->end());
      } else if (is_dim_of(part, node.input(0), axis)) {
        target.push_back(0);
      } else {
        return false;
      }
    }
    const Shape shape{static_cast<int64_t>(target.size())};
    node.inputs[1] = graph_.add_constant(graph_.value(node.input(1)).name,
                                         Tensor::of(shape, std::span<const int64_t>(target)));
    return true;
  }

  Graph& graph_;
  Matcher match_;
};

}  // namespace

/** Reshape to dimensions of which some are put together from those of its own input, at the same
 * places, keeps them by saying 0. */
bool fold_reshape_target(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return fold_reshape_target(subgraph, context); });
  }
  return Folder(graph).run() || changed;
}

}  // namespace whittle
