#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/compress/prune/support/coupled_channels.h"

namespace whittle {

/** How a model's size and work follow from the places its axes keep. */
class ShrinkCost {
 public:
  struct Totals {
    double parameters = 0;
    double bytes = 0;
    double macs = 0;
  };

  /** `slots` of `graph`, whose shapes have been inferred; works out what nothing is removed from.
   */
  ShrinkCost(const Graph& graph, const OpTable& ops, const ChannelSlots& slots);

  /** Takes a class away. */
  void remove(int class_root);
  Totals totals() const;

 private:
  struct Axis {
    double extent = 0;
    double kept = 0;
  };
  struct Constant {
    double elements = 0;
    double element_bytes = 0;
    std::vector<size_t> axes;
  };
  struct Work {
    double macs = 0;
    std::vector<size_t> axes;
  };
  double share(const std::vector<size_t>& axes) const;

  std::vector<Axis> axes_;
  std::map<int, std::vector<std::pair<size_t, double>>> occurrences_;  // by class
  std::vector<Constant> constants_;
  std::vector<Work> work_;
};

/** A group with what may be removed of it. */
struct PruneCandidate {
  std::vector<int> classes;    // least important first
  std::vector<double> scores;  // of those
  std::vector<int> stops;      // numbers of classes that may be removed, rising, from 0
  double ratio = 0;            // share that is asked for
};

/** The numbers of `count` channels that may be removed: those that leave a multiple of `multiple`,
 * at least `least`, and at least one, and take at most the share `most`. */
std::vector<int> removal_stops(int count, int64_t multiple, int64_t least, double most);

/** By candidate: how many classes go when each gives up the stop nearest to its ratio. */
std::vector<int> choose_by_layer(const std::vector<PruneCandidate>& candidates);
/** The least important of all candidates together, until the ratio of all classes is reached. */
std::vector<int> choose_global(const std::vector<PruneCandidate>& candidates, double ratio);

/** What is to become smaller, and to which share of what it is. */
struct PruneTarget {
  std::string option;  // "keepMacs": how messages name it
  double ShrinkCost::Totals::*what = nullptr;
  double share = 1;
};

/** The least removal that reaches the target: the same ratio everywhere, or the least important of
 * all together (`global`). Throws INVALID_OPTION saying what can be reached. */
std::vector<int> choose_for_target(std::vector<PruneCandidate> candidates, const ShrinkCost& cost,
                                   const PruneTarget& target, bool global);

}  // namespace whittle
