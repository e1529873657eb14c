#include "core/compress/quantize/support/mixed/mixed_knapsack.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace whittle {
namespace {

using Class = std::vector<KnapsackChoice>;
using Classes = std::vector<Class>;

/** The choices worth considering: heavier ones have less value. By weight, lightest first. */
std::vector<size_t> undominated(const Class& choices) {
  std::vector<size_t> order(choices.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (choices[a].weight != choices[b].weight) return choices[a].weight < choices[b].weight;
    return choices[a].value < choices[b].value;
  });
  std::vector<size_t> kept;
  for (size_t i : order) {
    if (kept.empty() || choices[i].value < choices[kept.back()].value) kept.push_back(i);
  }
  return kept;
}

/** Value given up for each unit of weight between two choices. */
double slope(const KnapsackChoice& light, const KnapsackChoice& heavy) {
  return (light.value - heavy.value) / (heavy.weight - light.weight);
}

/** The lower convex hull of undominated choices: slopes fall from one to the next. */
std::vector<size_t> hull_of(const Class& choices, const std::vector<size_t>& kept) {
  std::vector<size_t> hull;
  for (size_t i : kept) {
    while (hull.size() > 1 && slope(choices[hull[hull.size() - 2]], choices[hull.back()]) <=
                                  slope(choices[hull.back()], choices[i])) {
      hull.pop_back();
    }
    hull.push_back(i);
  }
  return hull;
}

/** A step from one choice of a hull to the next. */
struct Increment {
  size_t in_class = 0;
  size_t to = 0;  // choice
  double weight = 0;
  double value = 0;  // gained: how much the sum falls
};

void total(const Classes& classes, KnapsackResult& result) {
  result.weight = 0;
  result.value = 0;
  for (size_t c = 0; c < classes.size(); ++c) {
    result.weight += classes[c][result.chosen[c]].weight;
    result.value += classes[c][result.chosen[c]].value;
  }
}

/** The greedy solution along the hulls, with the relaxation's bound and multiplier. */
KnapsackResult relax(const Classes& classes, const std::vector<std::vector<size_t>>& kept,
                     double limit, double& multiplier) {
  KnapsackResult greedy;
  std::vector<Increment> increments;
  for (size_t c = 0; c < classes.size(); ++c) {
    const std::vector<size_t> hull = hull_of(classes[c], kept[c]);
    greedy.chosen.push_back(hull.front());
    for (size_t i = 1; i < hull.size(); ++i) {
      const KnapsackChoice& light = classes[c][hull[i - 1]];
      const KnapsackChoice& heavy = classes[c][hull[i]];
      increments.push_back({c, hull[i], heavy.weight - light.weight, light.value - heavy.value});
    }
  }
  total(classes, greedy);
  std::stable_sort(increments.begin(), increments.end(), [](const auto& a, const auto& b) {
    return a.value * b.weight > b.value * a.weight;
  });
  double weight = greedy.weight;
  double value = greedy.value;
  multiplier = 0;
  bool split = false;
  std::vector<char> stopped(classes.size(), 0);
  for (const Increment& step : increments) {
    if (stopped[step.in_class] != 0) continue;
    if (weight + step.weight <= limit) {
      weight += step.weight;
      value -= step.value;
      greedy.chosen[step.in_class] = step.to;
      continue;
    }
    stopped[step.in_class] = 1;
    if (split) continue;
    split = true;
    multiplier = step.value / step.weight;
    greedy.bound = value - multiplier * (limit - weight);
  }
  if (!split) greedy.bound = value;
  total(classes, greedy);
  return greedy;
}

/** What is known of a partial solution. */
struct State {
  double weight = 0;
  double value = 0;
  double reduced = 0;  // sum of reduced costs
  uint32_t parent = 0;
  uint32_t choice = 0;
};

/** Sorted by weight with falling values; at most kKnapsackStates of them. Whether all were kept. */
bool prune(std::vector<State>& states) {
  std::stable_sort(states.begin(), states.end(), [](const State& a, const State& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.value < b.value;
  });
  size_t kept = 0;
  for (const State& state : states) {
    if (kept > 0 && state.value >= states[kept - 1].value) continue;
    states[kept++] = state;
  }
  states.resize(kept);
  if (kept <= kKnapsackStates) return true;
  std::stable_sort(states.begin(), states.end(),
                   [](const State& a, const State& b) { return a.reduced < b.reduced; });
  states.resize(kKnapsackStates);
  return false;
}

}  // namespace

std::optional<KnapsackResult> solve_knapsack(const Classes& classes, double limit) {
  std::vector<std::vector<size_t>> kept;
  for (const Class& choices : classes) kept.push_back(undominated(choices));
  double lightest = 0;
  for (size_t c = 0; c < classes.size(); ++c) lightest += classes[c][kept[c].front()].weight;
  if (lightest > limit) return std::nullopt;

  double multiplier = 0;
  KnapsackResult best = relax(classes, kept, limit, multiplier);
  const double gap = best.value - best.bound;
  if (gap <= 0) return best;

  std::vector<double> room(classes.size() + 1, 0);  // least weight of the classes still to come
  for (size_t c = classes.size(); c-- > 0;) {
    room[c] = room[c + 1] + classes[c][kept[c].front()].weight;
  }
  std::vector<std::vector<State>> stages = {{State{}}};
  for (size_t c = 0; c < classes.size(); ++c) {
    const auto price = [&](size_t i) {
      return classes[c][i].value + multiplier * classes[c][i].weight;
    };
    double cheapest = price(kept[c].front());
    for (size_t i : kept[c]) cheapest = std::min(cheapest, price(i));
    std::vector<State> next;
    const std::vector<State>& before = stages.back();
    for (size_t i : kept[c]) {
      const double cost = price(i) - cheapest;
      if (cost >= gap) continue;
      for (size_t s = 0; s < before.size(); ++s) {
        State state = before[s];
        state.weight += classes[c][i].weight;
        state.value += classes[c][i].value;
        state.reduced += cost;
        if (state.reduced >= gap || state.weight + room[c + 1] > limit) continue;
        state.parent = static_cast<uint32_t>(s);
        state.choice = static_cast<uint32_t>(i);
        next.push_back(state);
      }
    }
    best.optimal = prune(next) && best.optimal;
    if (next.empty()) return best;  // the greedy solution cannot be beaten
    stages.push_back(std::move(next));
  }
  const std::vector<State>& ends = stages.back();
  const auto least = std::min_element(
      ends.begin(), ends.end(), [](const State& a, const State& b) { return a.value < b.value; });
  if (least->value >= best.value) return best;
  size_t at = static_cast<size_t>(least - ends.begin());
  for (size_t c = classes.size(); c-- > 0;) {
    const State& state = stages[c + 1][at];
    best.chosen[c] = state.choice;
    at = state.parent;
  }
  total(classes, best);
  return best;
}

}  // namespace whittle
