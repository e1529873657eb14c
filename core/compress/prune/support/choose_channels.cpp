#include "core/compress/prune/support/choose_channels.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/compress/weights.h"
#include "core/measure/cost.h"

namespace whittle {
namespace {

/** The cost of a graph's own nodes, by name. */
std::map<std::string, double> macs_by_name(const Graph& graph, const OpTable& ops) {
  std::map<std::string, double> macs;
  for (const LayerCost& layer : model_cost(graph, ops).layers) {
    macs[layer.name] += static_cast<double>(layer.macs);
  }
  return macs;
}

using Stop = std::function<bool(const std::vector<int>& taken)>;

/** Takes the least important piece of all candidates, one after the other, until `done`. */
std::vector<int> take_least(const std::vector<PruneCandidate>& candidates, const Stop& done) {
  std::vector<int> taken(candidates.size(), 0);
  std::vector<size_t> next(candidates.size(), 1);
  while (!done(taken)) {
    double least = INFINITY;
    size_t best = candidates.size();
    for (size_t i = 0; i < candidates.size(); ++i) {
      const PruneCandidate& candidate = candidates[i];
      if (next[i] >= candidate.stops.size()) continue;
      const int begin = candidate.stops[next[i] - 1];
      const int end = candidate.stops[next[i]];
      const double mean =
          std::accumulate(candidate.scores.begin() + begin, candidate.scores.begin() + end, 0.0) /
          (end - begin);
      if (mean < least) {
        least = mean;
        best = i;
      }
    }
    if (best == candidates.size()) break;
    taken[best] = candidates[best].stops[next[best]++];
  }
  return taken;
}

}  // namespace

ShrinkCost::ShrinkCost(const Graph& graph, const OpTable& ops, const ChannelSlots& slots) {
  std::map<ValueAxis, size_t> numbers;
  for (const auto& [at, range] : slots.axes()) {
    const size_t number = axes_.size();
    numbers[at] = number;
    const auto extent = static_cast<double>(range.second);
    axes_.push_back({extent, extent});
    for (int64_t i = 0; i < range.second; ++i) {
      auto& list = occurrences_[slots.class_of(at, i)];
      if (list.empty() || list.back().first != number) list.emplace_back(number, 0.0);
      list.back().second += 1;
    }
  }
  const auto axes_of = [&](ValueId id) {
    std::vector<size_t> list;
    for (auto at = numbers.lower_bound({id, 0}); at != numbers.end() && at->first.value == id;
         ++at) {
      list.push_back(at->second);
    }
    return list;
  };
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.is_constant()) continue;
    const auto elements = static_cast<double>(value.constant.elements());
    const double bytes =
        elements > 0 ? static_cast<double>(value.constant.bytes()) / elements : 0.0;
    constants_.push_back({elements, bytes, axes_of(static_cast<ValueId>(i))});
  }
  std::map<std::string, double> macs = macs_by_name(graph, ops);
  for (const Node& node : graph.nodes) {
    const double own = macs[node.name];
    if (own == 0) continue;
    Work work{own, {}};
    std::vector<size_t> weights = weight_inputs(node);
    const auto constant = std::find_if(weights.begin(), weights.end(), [&](size_t input) {
      return graph.constant(node.input(input)) != nullptr;
    });
    // The work of a layer is its weights times the places they are used at, which stay.
    if (constant != weights.end()) {
      work.axes = axes_of(node.input(*constant));
    } else {
      // Two activations: the rows and sums of the one, the columns of the other.
      work.axes = axes_of(node.input(0));
      const auto& dims = graph.value(node.input(1)).dims;
      if (dims && dims->size() >= 2) {
        const auto columns = numbers.find({node.input(1), static_cast<int>(dims->size()) - 1});
        if (columns != numbers.end()) work.axes.push_back(columns->second);
      }
    }
    work_.push_back(std::move(work));
  }
}

void ShrinkCost::remove(int class_root) {
  const auto found = occurrences_.find(class_root);
  if (found == occurrences_.end()) return;
  for (const auto& [axis, count] : found->second) axes_[axis].kept -= count;
}

double ShrinkCost::share(const std::vector<size_t>& axes) const {
  double result = 1;
  for (size_t axis : axes) {
    if (axes_[axis].extent > 0) result *= axes_[axis].kept / axes_[axis].extent;
  }
  return result;
}

ShrinkCost::Totals ShrinkCost::totals() const {
  Totals totals;
  for (const Constant& constant : constants_) {
    const double elements = constant.elements * share(constant.axes);
    totals.parameters += elements;
    totals.bytes += elements * constant.element_bytes;
  }
  for (const Work& work : work_) totals.macs += work.macs * share(work.axes);
  return totals;
}

std::vector<int> removal_stops(int count, int64_t multiple, int64_t least, double most) {
  std::vector<int> stops = {0};
  for (int removed = 1; removed < count; ++removed) {
    const int kept = count - removed;
    // A hair of rounding must not cost a channel.
    if (kept % multiple != 0 || kept < least || removed > most * count + 1e-9) continue;
    stops.push_back(removed);
  }
  return stops;
}

std::vector<int> choose_by_layer(const std::vector<PruneCandidate>& candidates) {
  std::vector<int> taken;
  for (const PruneCandidate& candidate : candidates) {
    const double wanted = candidate.ratio * static_cast<double>(candidate.classes.size());
    int best = 0;
    for (int stop : candidate.stops) {
      if (std::fabs(stop - wanted) < std::fabs(best - wanted)) best = stop;
    }
    taken.push_back(best);
  }
  return taken;
}

std::vector<int> choose_global(const std::vector<PruneCandidate>& candidates, double ratio) {
  double all = 0;
  for (const PruneCandidate& candidate : candidates) {
    all += static_cast<double>(candidate.classes.size());
  }
  return take_least(candidates, [&](const std::vector<int>& taken) {
    return std::accumulate(taken.begin(), taken.end(), 0.0) >= ratio * all;
  });
}

std::vector<int> choose_for_target(std::vector<PruneCandidate> candidates, const ShrinkCost& cost,
                                   const PruneTarget& target, bool global) {
  const double before = cost.totals().*target.what;
  const auto share_of = [&](const std::vector<int>& taken) {
    ShrinkCost after = cost;
    for (size_t i = 0; i < taken.size(); ++i) {
      for (int c = 0; c < taken[i]; ++c) {
        after.remove(candidates[i].classes[static_cast<size_t>(c)]);
      }
    }
    return before > 0 ? after.totals().*target.what / before : 1.0;
  };
  std::vector<int> all;
  for (const PruneCandidate& candidate : candidates) all.push_back(candidate.stops.back());
  const double least = share_of(all);
  if (least > target.share) {
    fail(Code::INVALID_OPTION, target.option, "Expected a share of at least ",
         std::ceil(least * 1000) / 1000, " for ", target.option,
         " (what is left when every layer gives up all it may) but received ", target.share);
  }
  if (global) {
    return take_least(
        candidates, [&](const std::vector<int>& taken) { return share_of(taken) <= target.share; });
  }
  double low = 0;
  double high = 1;
  std::vector<int> best = all;
  for (int round = 0; round < 24; ++round) {
    const double middle = (low + high) / 2;
    for (PruneCandidate& candidate : candidates) candidate.ratio = middle;
    std::vector<int> taken = choose_by_layer(candidates);
    if (share_of(taken) <= target.share) {
      best = std::move(taken);
      high = middle;
    } else {
      low = middle;
    }
  }
  return best;
}

}  // namespace whittle
