#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/cluster/support/cluster_weight.h"
#include "core/compress/cluster/support/input_energy.h"
#include "core/compress/cluster/support/palette.h"
#include "core/compress/technique.h"

namespace whittle {

/** The palettes of a step: made on an unchanged graph, then put into it. */
class PalettePlan {
 public:
  explicit PalettePlan(TechniqueContext& context);

  /** Clusters the weights of the selected layers, after a pass over the data where that is asked
   * for. */
  Job make(const std::vector<Layer>& layers);
  /** Writes the report, with the codebooks where data had a say in them. */
  void report(const std::vector<Layer>& layers);
  /** For use in edit_graphs. */
  void apply(Graph& graph, const Graph* before, NameMaker& names, ConstantPool& pool) const;

 private:
  /** A weight as one of its readers sees it. */
  struct Reader {
    const Layer* layer = nullptr;
    size_t input = 0;
  };
  /** A weight that becomes a palette; options are those of its first reader. */
  struct Target {
    ConstantRef constant;
    std::vector<Reader> readers;
    PaletteGroups groups;
    ClusterOptions cluster;
    CodeStorage storage = CodeStorage::u4;
    std::vector<float> codebooks;  // given, or found
    bool given = false;
    std::vector<float> scales;
    Palette palette;
    nlohmann::json rounding;  // what the report says of how codes were chosen

    const Options& options() const { return readers[0].layer->options; }
  };

  void collect(const std::vector<Layer>& layers);
  std::string why_not(const Layer& layer, size_t input, Target& target) const;
  void take_given_codebook(const Layer& layer);
  std::vector<float> importance(const Target& target) const;
  bool is_direct(const Target& target, const Reader& reader) const;
  bool has_direct_reader(const Target& target) const;
  void cluster_together(int bits);
  /** Codes that are not the nearest: learned from data, or as the step gives them. */
  Job choose_codes();
  nlohmann::json code_changes() const;

  TechniqueContext& context_;
  ConstantFinder finder_;
  bool shared_ = false;
  bool weighted_ = false;
  bool learned_ = false;
  InputEnergy energy_;
  std::vector<Target> targets_;          // in the order of their first readers
  std::map<ConstantRef, size_t> known_;  // index into targets_
  std::map<const Node*, std::string> obstacles_;
};

}  // namespace whittle
