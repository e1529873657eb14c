#include "core/compress/prune/support/channel_plan.h"

#include <algorithm>
#include <numeric>

#include "core/compress/prune/support/channel_scores.h"
#include "core/compress/prune/support/place_text.h"
#include "core/compress/prune/support/removal_error.h"

namespace whittle {
namespace {

constexpr const char* kTooFew = "so few channels that none can go: see multiple and minChannels";

/** The options of the layers that make a group: the most careful wins. */
struct GroupOptions {
  double ratio = 1;
  double most = 1;
  int64_t multiple = 1;
  int64_t least = 1;
};

GroupOptions options_of(const CoupledChannels& group, const std::vector<Layer>& layers) {
  GroupOptions result;
  for (int l : group.layers) {
    const Options& options = layers[static_cast<size_t>(l)].options;
    result.ratio = std::min(result.ratio, options.number("ratio"));
    result.most = std::min(result.most, options.number("maxRatio"));
    result.multiple = std::lcm(result.multiple, options.integer("multiple"));
    result.least = std::max(result.least, options.integer("minChannels"));
  }
  return result;
}

std::vector<PruneTarget> targets_of(const Options& options) {
  std::vector<PruneTarget> targets;
  const auto add = [&](const char* name, double ShrinkCost::Totals::*what) {
    if (options.has(name)) targets.push_back({name, what, options.number(name)});
  };
  add("keepParameters", &ShrinkCost::Totals::parameters);
  add("keepMacs", &ShrinkCost::Totals::macs);
  add("keepBytes", &ShrinkCost::Totals::bytes);
  if (targets.size() > 1) {
    fail(Code::INVALID_OPTION, targets[1].option,
         "Expected one target for prune-channels but "
         "received ",
         targets[0].option, " and ", targets[1].option);
  }
  return targets;
}

}  // namespace

ChannelPlan::ChannelPlan(TechniqueContext& context)
    : context_(context), graph_(context.model.graph), coupling_(graph_, context.ops) {}

Job ChannelPlan::find() {
  std::map<const Node*, int> places;
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    places[&graph_.nodes[i]] = static_cast<int>(i);
  }
  for (const Layer& layer :
       context_.layers({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"})) {
    if (layer.in_subgraph) {
      context_.report.leave(*layer.node, "it is part of a branch or a loop");
      continue;
    }
    ChannelLayerPlace place = channel_layer_place(graph_, places.at(layer.node));
    if (place.obstacle.empty() && !coupling_.follow(place.output)) {
      place.obstacle = "the number of its channels is not known";
    }
    layers_.push_back(std::move(place));
    selection_.push_back(layer);
    co_await report_progress("couple channels", layer.name());
    context_.cancel.poll();
  }
  for (CoupledChannels& channels : coupled_channels(graph_, coupling_.slots(), layers_)) {
    for (int l : channels.layers) {
      const Layer& layer = selection_[static_cast<size_t>(l)];
      if (layer.selected || !channels.obstacle.empty()) continue;
      channels.obstacle = concat("not selected: \"", layer.name(), "\"");
    }
    groups_.push_back({std::move(channels), {}});
  }
  co_await report_progress("couple channels", "shapes");
  try_out();
}

/** Removes one channel of each group and looks at the shapes, to notice numbers that are computed
 * in ways no rule knows of. */
void ChannelPlan::try_out() {
  std::set<int> one_each;
  for (const Group& group : groups_) {
    const CoupledChannels& channels = group.channels;
    if (!channels.obstacle.empty() || channels.classes.size() < 2) continue;
    one_each.insert(channels.classes.back());
  }
  if (refusal(one_each).empty()) return;
  for (Group& group : groups_) {
    CoupledChannels& channels = group.channels;
    if (!channels.obstacle.empty() || channels.classes.size() < 2) continue;
    context_.cancel.poll();
    channels.obstacle = refusal({channels.classes.back()});
  }
}

std::string ChannelPlan::refusal(const std::set<int>& classes) const {
  Graph trial = graph_;
  try {
    shrink(trial, context_.ops, kept_places(slots(), classes));
  } catch (const Error& error) {
    return concat("its shapes do not follow: ", error.message);
  }
  return "";
}

/** What each open group may give up, by the options; the order of its channels is left open. */
std::vector<PruneCandidate> ChannelPlan::candidates(std::vector<size_t>& which) {
  std::vector<PruneCandidate> result;
  for (size_t g = 0; g < groups_.size(); ++g) {
    CoupledChannels& channels = groups_[g].channels;
    if (!channels.obstacle.empty()) continue;
    const GroupOptions wanted = options_of(channels, selection_);
    PruneCandidate candidate;
    candidate.ratio = wanted.ratio;
    candidate.classes = channels.classes;
    candidate.stops = removal_stops(static_cast<int>(channels.classes.size()), wanted.multiple,
                                    wanted.least, wanted.most);
    if (candidate.stops.size() < 2) {
      channels.obstacle = kTooFew;
      continue;
    }
    which.push_back(g);
    result.push_back(std::move(candidate));
  }
  return result;
}

Job ChannelPlan::order_by_scores(SampleStore& samples, const std::vector<size_t>& which,
                                 std::vector<PruneCandidate>& candidates) {
  LayerScores scores;
  const GraphIndex index(graph_);
  co_await score_layers(context_, samples, index, layers_, scores);
  for (size_t i = 0; i < which.size(); ++i) {
    const CoupledChannels& channels = groups_[which[i]].channels;
    const std::vector<double> all = class_scores(slots(), channels, layers_, scores);
    PruneCandidate& candidate = candidates[i];
    if (all.empty()) {
      candidate.stops.clear();
      continue;
    }
    std::vector<size_t> order(channels.classes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return all[a] < all[b]; });
    candidate.classes.clear();
    for (size_t at : order) {
      candidate.classes.push_back(channels.classes[at]);
      candidate.scores.push_back(all[at]);
    }
  }
}

Job ChannelPlan::choose(SampleStore& samples, Readers& readers) {
  const Options& options = context_.options;
  const std::vector<PruneTarget> targets = targets_of(options);
  std::vector<size_t> which;
  std::vector<PruneCandidate> candidates = this->candidates(which);
  if (options.text("criterion") == "reconstruction") {
    co_await readers.gather(context_, samples);
    co_await order_by_error(context_, readers.layers, readers.statistics, options.number("ridge"),
                            candidates);
  } else {
    co_await order_by_scores(samples, which, candidates);
  }
  for (size_t i = 0; i < which.size(); ++i) {
    if (!candidates[i].stops.empty()) continue;
    groups_[which[i]].channels.obstacle = "the criterion says nothing about it";
    candidates[i].stops = {0};
  }
  const bool global = options.text("scope") == "global";
  std::vector<int> taken;
  if (!targets.empty()) {
    const ShrinkCost cost(graph_, context_.ops, slots());
    taken = choose_for_target(candidates, cost, targets[0], global);
  } else if (global) {
    taken = choose_global(candidates, options.number("ratio"));
  } else {
    taken = choose_by_layer(candidates);
  }
  take(which, candidates, taken);
}

void ChannelPlan::take(const std::vector<size_t>& which,
                       const std::vector<PruneCandidate>& candidates,
                       const std::vector<int>& taken) {
  for (size_t i = 0; i < which.size(); ++i) {
    const std::vector<int>& classes = candidates[i].classes;
    std::vector<int>& gone = groups_[which[i]].gone;
    gone.assign(classes.begin(), classes.begin() + taken[i]);
    removed_.insert(gone.begin(), gone.end());
  }
}

void ChannelPlan::choose(const nlohmann::json& removed) {
  for (const auto& [name, text] : removed.items()) {
    size_t l = 0;
    while (l < layers_.size() && selection_[l].name() != name) ++l;
    const std::string where = "removed." + name;
    if (l == layers_.size() || !layers_[l].obstacle.empty()) {
      fail(Code::INVALID_OPTION, where, "Expected a layer that makes channels for ", where,
           " but received \"", name, "\"");
    }
    const ValueAxis& at = layers_[l].output;
    for (int64_t place : read_places(text, slots().extent(at), where)) {
      removed_.insert(slots().class_of(at, place));
    }
  }
  for (Group& group : groups_) {
    const std::vector<int>& classes = group.channels.classes;
    std::copy_if(classes.begin(), classes.end(), std::back_inserter(group.gone),
                 [&](int root) { return removed_.contains(root); });
    if (group.gone.empty()) continue;
    std::string obstacle = group.channels.obstacle;
    if (group.gone.size() == classes.size()) obstacle = "they are all there are";
    if (obstacle.empty()) continue;
    fail(Code::INVALID_OPTION, "removed", "Expected channels that can go for \"",
         group.channels.name, "\" but received some that cannot: ", obstacle);
  }
}

nlohmann::json ChannelPlan::removed() const {
  std::map<int, std::vector<int64_t>> places;
  for (const Group& group : groups_) {
    if (group.gone.empty()) continue;
    const int layer = group.channels.layers.front();
    const ValueAxis& at = layers_[static_cast<size_t>(layer)].output;
    for (int64_t i = 0; i < slots().extent(at); ++i) {
      const int root = slots().class_of(at, i);
      if (std::count(group.gone.begin(), group.gone.end(), root) > 0) places[layer].push_back(i);
    }
  }
  nlohmann::json result = nlohmann::json::object();
  for (auto& [layer, list] : places) {
    std::sort(list.begin(), list.end());
    result[selection_[static_cast<size_t>(layer)].name()] = write_places(list);
  }
  return result;
}

void ChannelPlan::report_rest(const std::set<std::string>& touched) const {
  std::vector<std::string> reasons(layers_.size());
  for (size_t l = 0; l < layers_.size(); ++l) {
    reasons[l] = !selection_[l].selected ? "not selected" : layers_[l].obstacle;
  }
  for (const Group& group : groups_) {
    for (int l : group.channels.layers) {
      std::string& reason = reasons[static_cast<size_t>(l)];
      if (reason.empty()) reason = group.channels.obstacle;
    }
  }
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Node& node = graph_.nodes[static_cast<size_t>(layers_[l].node)];
    if (touched.contains(node.name)) continue;
    context_.report.leave(node, reasons[l].empty() ? "its channels matter more" : reasons[l]);
  }
}

nlohmann::json ChannelPlan::facts() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Group& group : groups_) {
    const CoupledChannels& channels = group.channels;
    nlohmann::json layers = nlohmann::json::array();
    for (int l : channels.layers) layers.push_back(selection_[static_cast<size_t>(l)].name());
    nlohmann::json entry = {{"layers", std::move(layers)},
                            {"channels", channels.classes.size()},
                            {"removed", group.gone.size()}};
    if (!channels.obstacle.empty()) entry["reason"] = channels.obstacle;
    list.push_back(std::move(entry));
  }
  return {{"groups", std::move(list)}};
}

}  // namespace whittle
