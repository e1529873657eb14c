#include "core/compress/quantize/support/equalization/smooth_sites.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/compress/quantize/support/equalization/channel_flow.h"
#include "core/compress/quantize/support/equalization/channel_layer.h"

namespace whittle {
namespace {

const std::vector<int64_t> kSwapHeads = {0, 2, 1, 3};

int rank_of(const Graph& graph, ValueId id) {
  const auto& dims = graph.value(id).dims;
  return dims ? static_cast<int>(dims->size()) : 0;
}

std::optional<int64_t> last_of(const Graph& graph, ValueId id) {
  return id == kNoValue ? std::nullopt : channels_along(graph, id, rank_of(graph, id) - 1);
}

/** Who reads the numbers of a value: its shape stays what it is. */
std::vector<int> readers_of(const Graph& graph, const GraphIndex& index, ValueId id) {
  std::vector<int> readers;
  for (int i : index.consumers(id)) {
    if (!graph.nodes[static_cast<size_t>(i)].is("Shape")) readers.push_back(i);
  }
  return readers;
}

/** Walks from a value towards what made it. */
class Backward {
 public:
  Backward(const Graph& graph, const GraphIndex& index, SmoothSite& site)
      : graph_(graph), index_(index), site_(site) {}

  /** Whether what makes `id` takes the division; `reader` is the only node that may read it, -1 for
   * the layers of the site. */
  bool divide(ValueId id, int reader) {
    if (last_of(graph_, id) != site_.channels || !read_by(id, reader)) return false;
    const int i = index_.producer_index(id);
    if (i < 0) return false;
    const Node& n = graph_.nodes[static_cast<size_t>(i)];
    site_.values.push_back(id);
    if (n.is("LayerNormalization") || n.is("RMSNormalization") ||
        n.op == "SimplifiedLayerNormalization") {
      return normalization(i, n, id);
    }
    if ((n.is("MatMul") || n.is("Gemm")) && is_row_layer(n)) {
      site_.sinks.push_back({i, 1, true});
      return true;
    }
    if (n.is("Relu") || n.is("LeakyRelu") || n.is("Identity")) return divide(n.input(0), i);
    if (n.is("Mul") || n.is("Add")) return binary(i, n);
    return n.is("Reshape") && attention(i, n);
  }

 private:
  bool read_by(ValueId id, int reader) const {
    return !index_.is_output(id) && readers_of(graph_, index_, id) ==
                                        (reader < 0 ? site_.readers : std::vector<int>{reader});
  }

  bool is_row(ValueId id) const {
    const Tensor* constant = graph_.constant(id);
    return constant != nullptr && constant->dtype() == DType::f32 &&
           constant->elements() == site_.channels && constant->shape().rank() > 0 &&
           constant->shape().back() == site_.channels;
  }

  bool is_row_layer(const Node& n) const {
    return ChannelLayer::obstacle(graph_, index_, n).empty() &&
           ChannelLayer(graph_, n).outputs() == site_.channels;
  }

  bool normalization(int i, const Node& n, ValueId id) {
    const int64_t axis = n.int_attribute("axis", -1);
    if (axis != -1 && axis != rank_of(graph_, id) - 1) return false;
    if (id != n.output(0) || !is_row(n.input(1))) return false;
    const bool biased = n.input(2) != kNoValue;
    if (biased && !is_row(n.input(2))) return false;
    site_.sinks.push_back({i, 1});
    if (biased) site_.sinks.push_back({i, 2});
    return true;
  }

  bool binary(int i, const Node& n) {
    for (size_t side = 0; side < 2; ++side) {
      if (!is_row(n.input(side))) continue;
      site_.sinks.push_back({i, side});
      // A product is divided by its constant alone, a sum in both parts.
      return n.is("Mul") || divide(n.input(1 - side), i);
    }
    if (!n.is("Mul")) return false;
    for (size_t side : {size_t{1}, size_t{0}}) {
      const SmoothSite before = site_;
      if (divide(n.input(side), i)) return true;
      site_ = before;
    }
    return false;
  }

  /** The node of this operator that makes `id` for `reader` alone. */
  const Node* before(ValueId id, const char* op, int reader) const {
    const int i = id == kNoValue ? -1 : index_.producer_index(id);
    if (i < 0 || !graph_.nodes[static_cast<size_t>(i)].is(op)) return nullptr;
    return read_by(id, reader) ? &graph_.nodes[static_cast<size_t>(i)] : nullptr;
  }
  int number(const Node* node) const { return static_cast<int>(node - graph_.nodes.data()); }

  /** [b, t, h d] -> heads -> weighted sums over t -> [b, t, h d] */
  bool attention(int i, const Node& joined) {
    const Node* back = before(joined.input(0), "Transpose", i);
    if (back == nullptr || back->ints_attribute("perm") != kSwapHeads) return false;
    const Node* sum = before(back->input(0), "MatMul", number(back));
    if (sum == nullptr) return false;
    const Node* heads = before(sum->input(1), "Transpose", number(sum));
    if (heads == nullptr || heads->ints_attribute("perm") != kSwapHeads) return false;
    const Node* split = before(heads->input(0), "Reshape", number(heads));
    if (split == nullptr) return false;
    // Both ways the last two of four dimensions are [h, d].
    for (ValueId id : {split->output(0), back->output(0)}) {
      const auto h = channels_along(graph_, id, 2);
      const auto d = channels_along(graph_, id, 3);
      if (!h || !d || *h * *d != site_.channels) return false;
    }
    if (channels_along(graph_, split->output(0), 3) != channels_along(graph_, back->output(0), 3)) {
      return false;
    }
    for (const Node* node : {back, sum, heads, split}) site_.values.push_back(node->output(0));
    return divide(split->input(0), number(split));
  }

  const Graph& graph_;
  const GraphIndex& index_;
  SmoothSite& site_;
};

}  // namespace

std::vector<SmoothSite> find_smooth_sites(const Graph& graph, const GraphIndex& index,
                                          const std::set<int>& layers) {
  std::vector<SmoothSite> sites;
  std::map<ValueId, size_t> known;
  for (int i : layers) {
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    const ValueId id = node.input(0);
    const auto [place, added] = known.try_emplace(id, sites.size());
    if (added) {
      SmoothSite site;
      site.value = id;
      site.channels = ChannelLayer(graph, node).inputs();
      sites.push_back(std::move(site));
    }
    sites[place->second].readers.push_back(i);
  }
  for (SmoothSite& site : sites) {
    if (readers_of(graph, index, site.value) != site.readers || index.is_output(site.value)) {
      site.obstacle = "others than the layers read its input";
    } else if (!Backward(graph, index, site).divide(site.value, -1)) {
      site.obstacle = "nothing in front of it takes the division";
    }
    if (site.obstacle.empty()) continue;
    site.sinks.clear();
    site.values.clear();
  }
  return sites;
}

}  // namespace whittle
