#include "core/compress/quantize/support/equalization/cross_layer.h"

#include <algorithm>
#include <cmath>

namespace whittle {
namespace {

/** A channel whose weights reach less than this share of the largest is nearly constant: only its
 * bias is left, and scaling it up would stretch the range of the activations for nothing. */
constexpr double kFaint = 0.01;

}  // namespace

CrossLayerEqualizer::CrossLayerEqualizer(const Graph& graph,
                                         const std::vector<ChannelGroup>& groups,
                                         std::vector<GroupFacts> facts)
    : groups_(groups), facts_(std::move(facts)) {
  const auto add = [&](int i) {
    if (ranges_.contains(i)) return;
    const Node& node = graph.nodes[static_cast<size_t>(i)];
    const ChannelLayer layer(graph, node);
    ranges_.emplace(i, Ranges{layer, layer.largest(*graph.constant(node.input(1))),
                              std::vector<double>(static_cast<size_t>(layer.outputs()), 1.0),
                              std::vector<double>(static_cast<size_t>(layer.inputs()), 1.0)});
  };
  for (const ChannelGroup& group : groups_) {
    for (const GroupMaker& maker : group.makers) add(maker.node);
    for (const GroupReader& reader : group.readers) add(reader.node);
    factors_.emplace_back(static_cast<size_t>(group.channels), 1.0);
  }
}

/** Largest weight that any maker has for each channel, as scaled so far. */
std::vector<double> CrossLayerEqualizer::made(const ChannelGroup& group) const {
  std::vector<double> range(static_cast<size_t>(group.channels), 0.0);
  for (const GroupMaker& maker : group.makers) {
    const Ranges& layer = ranges_.at(maker.node);
    size_t at = 0;
    for (int64_t o = 0; o < layer.layer.outputs(); ++o) {
      const double factor = layer.out[static_cast<size_t>(o)];
      double& largest = range[static_cast<size_t>(o)];
      for (int64_t j = 0; j < layer.layer.row(); ++j, ++at) {
        const auto i = static_cast<size_t>(layer.layer.input_of(o, j));
        largest = std::max(largest, factor * layer.largest[at] / layer.in[i]);
      }
    }
  }
  return range;
}

/** Largest weight that any reader has for each channel, as scaled so far. */
std::vector<double> CrossLayerEqualizer::read(const ChannelGroup& group) const {
  std::vector<double> range(static_cast<size_t>(group.channels), 0.0);
  for (const GroupReader& reader : group.readers) {
    const Ranges& layer = ranges_.at(reader.node);
    std::vector<double> columns(layer.in.size(), 0.0);
    size_t at = 0;
    for (int64_t o = 0; o < layer.layer.outputs(); ++o) {
      for (int64_t j = 0; j < layer.layer.row(); ++j, ++at) {
        double& largest = columns[static_cast<size_t>(layer.layer.input_of(o, j))];
        largest = std::max(largest, layer.largest[at] * layer.out[static_cast<size_t>(o)]);
      }
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      const int c = reader.channels[i];
      if (c < 0) continue;
      double& largest = range[static_cast<size_t>(c)];
      largest = std::max(largest, columns[i] / layer.in[i]);
    }
  }
  return range;
}

/** Keeps the channels that are hardly more than a constant from reaching higher than the others. */
void CrossLayerEqualizer::hold_levels(const GroupFacts& facts, const std::vector<double>& weights,
                                      std::vector<double>& factors) const {
  if (facts.level.empty()) return;
  const double faint = kFaint * *std::max_element(weights.begin(), weights.end());
  double highest = 0;
  for (size_t c = 0; c < factors.size(); ++c) {
    if (weights[c] >= faint) highest = std::max(highest, factors[c] * facts.level[c]);
  }
  for (size_t c = 0; c < factors.size(); ++c) {
    if (weights[c] >= faint || factors[c] * facts.level[c] <= highest || highest <= 0) continue;
    factors[c] = highest / facts.level[c];
  }
}

void CrossLayerEqualizer::store(const ChannelGroup& group, const std::vector<double>& factors) {
  for (const GroupMaker& maker : group.makers) ranges_.at(maker.node).out = factors;
  for (const GroupReader& reader : group.readers) {
    std::vector<double>& in = ranges_.at(reader.node).in;
    for (size_t i = 0; i < in.size(); ++i) {
      const int c = reader.channels[i];
      if (c >= 0) in[i] = factors[static_cast<size_t>(c)];
    }
  }
}

double CrossLayerEqualizer::sweep() {
  double moved = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const std::vector<double> r1 = made(groups_[g]);
    const std::vector<double> r2 = read(groups_[g]);
    const GroupFacts& facts = facts_[g];
    std::vector<double> factors = factors_[g];
    std::vector<double> plain(factors.size());  // the maker's weights without their factors
    for (size_t c = 0; c < factors.size(); ++c) {
      plain[c] = r1[c] / factors[c];
      if (r1[c] > 0 && r2[c] > 0) factors[c] *= std::sqrt(r2[c] / r1[c]);
    }
    hold_levels(facts, plain, factors);
    for (size_t c = 0; c < factors.size(); ++c) {
      if (!facts.least.empty()) factors[c] = std::max(factors[c], facts.least[c]);
      if (!facts.most.empty()) factors[c] = std::min(factors[c], facts.most[c]);
      moved = std::max(moved, std::fabs(std::log2(factors[c] / factors_[g][c])));
    }
    factors_[g] = factors;
    store(groups_[g], factors);
  }
  return moved;
}

}  // namespace whittle
