#include <optional>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

/** The zeros a Pad puts around the spatial dimensions, begins then ends; nullopt for any other Pad.
 * `spatial` is their number. */
std::optional<std::vector<int64_t>> zero_padding(const Graph& graph, const Node& pad,
                                                 size_t spatial) {
  const Tensor* pads = graph.constant(pad.input(1));
  if (pads == nullptr || pad.input(3) != kNoValue) return std::nullopt;
  if (pad.string_attribute("mode", "constant") != "constant") return std::nullopt;
  if (pad.input(2) != kNoValue) {
    const Tensor* value = graph.constant(pad.input(2));
    if (value == nullptr || value->elements() != 1 || !is_float(value->dtype()) ||
        to_floats(*value, pad.label())[0] != 0) {
      return std::nullopt;
    }
  }
  const auto all = to_int64s(*pads, pad.label());
  const size_t rank = spatial + 2;
  if (all.size() != 2 * rank) return std::nullopt;
  std::vector<int64_t> result;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] < 0) return std::nullopt;
    if (i % rank >= 2) {
      result.push_back(all[i]);
    } else if (all[i] != 0) {
      return std::nullopt;
    }
  }
  return result;
}

}  // namespace

/** A Pad with zeros that only a Conv reads becomes the Conv's own padding. */
bool fold_pad(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(node, [&](Graph& subgraph) { return fold_pad(subgraph, context); });
  }
  const GraphIndex index(graph);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (Node& conv : graph.nodes) {
    if (!conv.is("Conv") || conv.input(1) == kNoValue) continue;
    const Node* pad = index.producer(conv.input(0));
    if (pad == nullptr || !pad->is("Pad") || index.only_consumer(conv.input(0)) != &conv) continue;
    const std::string auto_pad = conv.string_attribute("auto_pad", "NOTSET");
    if (auto_pad != "NOTSET" && auto_pad != "VALID") continue;
    const auto& weight = graph.value(conv.input(1)).dims;
    if (!weight || weight->size() < 3) continue;
    const size_t spatial = weight->size() - 2;
    const auto zeros = zero_padding(graph, *pad, spatial);
    if (!zeros) continue;
    std::vector<int64_t> own(2 * spatial, 0);
    if (auto_pad == "NOTSET") own = conv.ints_attribute("pads", own);
    if (own.size() != zeros->size()) continue;
    for (size_t i = 0; i < own.size(); ++i) own[i] += (*zeros)[i];
    conv.attributes.insert_or_assign("pads", own);
    conv.attributes.erase("auto_pad");
    dead[static_cast<size_t>(index.producer_index(conv.input(0)))] = true;
    conv.inputs[0] = pad->inputs[0];
    changed = true;
  }
  remove_nodes(graph, dead);
  return changed;
}

}  // namespace whittle
