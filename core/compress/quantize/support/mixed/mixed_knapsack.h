#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace whittle {

/** One way to take a class of a multiple-choice knapsack; both numbers are at least 0. */
struct KnapsackChoice {
  double weight = 0;
  double value = 0;
};

struct KnapsackResult {
  std::vector<size_t> chosen;  // by class
  double weight = 0;
  double value = 0;
  /** No choice within the limit has a value below this: the bound of the linear relaxation. */
  double bound = 0;
  /** Nothing better exists; false where the states outgrew kKnapsackStates. */
  bool optimal = true;
};

inline constexpr size_t kKnapsackStates = 8192;

/**
 * The multiple-choice knapsack problem: exactly one choice of every class, the sum of weights at
 * most `limit`, the sum of values least. nullopt when even the lightest choices weigh too much.
 *
 * The linear relaxation is solved on the lower convex hulls of the classes (Sinha and Zoltners
 * 1979); its multiplier prices every choice, and a choice whose reduced cost exceeds the gap
 * between a greedy solution and the bound is in no better one (Pisinger 1995, "A minimal algorithm
 * for the multiple-choice knapsack problem"). What is left is solved by dynamic programming over
 * undominated pairs of weight and value (Nemhauser and Ullmann 1969), with the same pruning.
 */
std::optional<KnapsackResult> solve_knapsack(
    const std::vector<std::vector<KnapsackChoice>>& classes, double limit);

}  // namespace whittle
