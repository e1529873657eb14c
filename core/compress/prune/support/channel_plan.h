#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/compress/prune/support/choose_channels.h"
#include "core/compress/prune/support/coupled_channels.h"
#include "core/compress/prune/support/reader_layers.h"
#include "core/compress/prune/support/shrink.h"
#include "core/compress/technique.h"

namespace whittle {

/**
 * Which channels of a model go: the groups there are, what stands in their way, and the choice.
 * The graph must stay as it is while this lives.
 */
class ChannelPlan {
 public:
  explicit ChannelPlan(TechniqueContext& context);

  /** Finds the groups. */
  Job find();
  /** Chooses by the options: ratios, targets, criterion; reads samples where that needs them. */
  Job choose(SampleStore& samples, Readers& readers);
  /** Takes what an earlier run chose: by layer, the numbers of its output channels. Throws
   * INVALID_OPTION when there is no such layer, or its channels cannot go. */
  void choose(const nlohmann::json& removed);

  /** The choice as `choose` takes it. */
  nlohmann::json removed() const;
  const std::set<int>& classes() const { return removed_; }
  const ChannelSlots& slots() const { return coupling_.slots(); }
  /** Says of every layer that `touched` (names) does not have why it is as it was. */
  void report_rest(const std::set<std::string>& touched) const;
  nlohmann::json facts() const;

 private:
  struct Group {
    CoupledChannels channels;
    std::vector<int> gone;
  };
  void try_out();
  std::vector<PruneCandidate> candidates(std::vector<size_t>& which);
  Job order_by_scores(SampleStore& samples, const std::vector<size_t>& which,
                      std::vector<PruneCandidate>& candidates);
  std::string refusal(const std::set<int>& classes) const;
  void take(const std::vector<size_t>& which, const std::vector<PruneCandidate>& candidates,
            const std::vector<int>& taken);

  TechniqueContext& context_;
  const Graph& graph_;
  Coupling coupling_;
  std::vector<Layer> selection_;  // of the graph itself, one each of layers_
  std::vector<ChannelLayerPlace> layers_;
  std::vector<Group> groups_;
  std::set<int> removed_;
};

}  // namespace whittle
