#include <cmath>

#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

constexpr int64_t kAttentionOpset = 23;
constexpr int kRank = 4;  // [batch, heads, rows, size]

class Fuser {
 public:
  explicit Fuser(Graph& graph) : graph_(graph), match_(graph) {}

  bool run() {
    bool changed = false;
    for (Node& node : graph_.nodes) changed |= fuse(node);
    return changed;
  }

 private:
  Node& mutable_node(const Node& node) {
    return graph_.nodes[static_cast<size_t>(&node - graph_.nodes.data())];
  }

  /** softmax(scores) @ v, the scores being q @ k^T, scaled and masked on the way. */
  bool fuse(Node& product) {
    if (!product.is("MatMul")) return false;
    const Node* softmax = match_.made_only_for(product.input(0), "Softmax");
    if (softmax == nullptr) return false;
    const int64_t axis = softmax->int_attribute("axis", -1);
    if (axis != -1 && axis != kRank - 1) return false;
    ValueId scores = softmax->input(0);
    const ValueId mask = take_mask(scores);
    const float scale = take_scale(scores);
    const Node* match = match_.made_only_for(scores, "MatMul");
    if (match == nullptr) return false;
    const ValueId v = product.input(1);
    if (match_.rank(match->input(0)) != kRank || match_.rank(v) != kRank) return false;
    const ValueId k = untransposed(match->input(1));
    if (k == kNoValue) return false;
    product.op = "Attention";
    product.inputs = {match->input(0), k, v};
    if (mask != kNoValue) product.inputs.push_back(mask);
    product.attributes = {{"scale", scale}};
    return true;
  }

  /** The mask that is added to the scores, which are looked at before it then. */
  ValueId take_mask(ValueId& scores) const {
    const Node* add = match_.made_only_for(scores, "Add");
    for (size_t side = 0; add != nullptr && side < 2; ++side) {
      const ValueId mask = add->input(1 - side);
      const ValueId rest = add->input(side);
      const bool is_scores = match_.made_only_for(rest, "MatMul") != nullptr ||
                             match_.made_only_for(rest, "Div") != nullptr ||
                             match_.made_only_for(rest, "Mul") != nullptr;
      const auto& dims = graph_.value(mask).dims;
      // A mask whose last axis has one element is spread by Add, and padded by Attention.
      const bool fits = dims && dims->size() >= 2 && dims->size() <= kRank &&
                        !(dims->back() == Dim(1)) && graph_.value(mask).dtype == DType::f32;
      if (!is_scores || !fits) continue;
      scores = rest;
      return mask;
    }
    return kNoValue;
  }

  float take_scale(ValueId& scores) const {
    for (const char* op : {"Div", "Mul"}) {
      const Node* node = match_.made_only_for(scores, op);
      if (node == nullptr) continue;
      for (size_t side : {1u, 0u}) {
        const auto factor = match_.scalar(node->input(side));
        if (!factor || (side == 0 && node->op == "Div")) continue;
        scores = node->input(1 - side);
        return node->op == "Div" ? 1 / *factor : *factor;
      }
    }
    return 1;
  }

  /** k of its transpose [batch, heads, size, rows]. */
  ValueId untransposed(ValueId id) {
    const Node* transpose = match_.made_only_for(id, "Transpose");
    if (transpose == nullptr) return kNoValue;
    std::vector<int64_t> order = transpose->ints_attribute("perm");
    if (order == std::vector<int64_t>{0, 1, 3, 2}) return transpose->input(0);
    if (order.size() != kRank) return kNoValue;
    std::swap(order[2], order[3]);
    mutable_node(*transpose).attributes.insert_or_assign("perm", order);
    graph_.value(id).dims.reset();
    return id;
  }

  Graph& graph_;
  Matcher match_;
};

}  // namespace

/** softmax(q k^T * scale + mask) v of four dimensions becomes Attention, where the context's opset
 * has it (23). Dimensions must be inferred before. */
bool fuse_attention(Graph& graph, const PassContext& context) {
  if (context.opset < kAttentionOpset) return false;
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return fuse_attention(subgraph, context); });
  }
  return Fuser(graph).run() || changed;
}

}  // namespace whittle
