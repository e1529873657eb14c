#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/progress.h"
#include "core/base/thread_pool.h"
#include "core/compress/layers.h"
#include "core/compress/options.h"
#include "core/graph/graph.h"
#include "core/kernels/kernel_table.h"
#include "core/ops/op.h"
#include "core/runtime/job.h"

namespace whittle {

/** What a step did to a model, layer by layer. */
struct StepReport {
  struct Touched {
    std::string name;
    std::string op;
    nlohmann::json detail;  // rank, SQNR of the weights ...; may be null
  };
  struct LeftAlone {
    std::string name;
    std::string op;
    std::string reason;
  };
  std::vector<Touched> touched;
  std::vector<LeftAlone> left_alone;
  std::vector<std::string> warnings;
  /** The step adds multiply-accumulates on purpose. */
  bool adds_arithmetic = false;
  /** What else the technique found out, by name: ranges, sensitivities ... An object, or null. */
  nlohmann::json facts;
  /**
   * The step that repeats what was done bit by bit without looking at data or time: every rank,
   * range and layer spelled out. Null: the given step is already that.
   */
  nlohmann::json explicit_step;

  void touch(const Node& node, nlohmann::json detail = nullptr);
  void leave(const Node& node, std::string reason);
};

/** Everything a technique gets. Lives as long as the technique's job. */
struct TechniqueContext {
  Model& model;
  const Model& original;  // before the recipe's first step
  /** Before the first step that made it integer; `model` itself until there is one. */
  const Model& unquantized;
  const Options& options;
  const std::vector<LayerRule>& rules;
  const std::string& target;  // "whittle", "ort-web", "ort-node"
  const OpTable& ops;
  const KernelTable* kernels;  // null: the best of this build
  ThreadPool& pool;
  uint64_t seed;
  const CancelFlag& cancel;
  StepReport& report;

  /** The layers of these operators with their options resolved (layers.h). */
  std::vector<Layer> layers(const std::vector<std::string>& wanted_ops,
                            const std::vector<std::string>& optional_ops = {}) const;
};

/** A technique: a function from graph to graph, and what is to be known about it. */
struct TechniqueDef {
  std::string name;     // as recipes spell it: "quantize-static"
  std::string summary;  // one line
  std::vector<OptionSpec> options;
  /** Operators it works on when a step has no layer rules, and those it takes on request. */
  std::vector<std::string> ops;
  std::vector<std::string> optional_ops;
  /** Passes (by name) run before it. */
  std::vector<std::string> needs_passes;
  /** How often it reads the data under these options; null: never. */
  int (*data_passes)(const Options& options) = nullptr;
  bool needs_labels = false;
  /** Techniques (globs) that must not come before it in a recipe, because it could not read, or
   * would undo, what they made. */
  std::vector<std::string> not_after;
  /** Whether layers of other names or operators may appear, so that later rules can only be
   * checked when their step starts. */
  bool changes_layers = false;
  /** Makes the model integer: refused on a model that is quantized already. */
  bool quantizes = false;
  /** Judged by the bytes it saves; false for a preparation that pays in a later step. */
  bool pays_in_bytes = true;
  /** Estimated bits a weight takes afterwards, for dry runs; null: unknown before the run. */
  double (*weight_bits)(const Options& options) = nullptr;
  Job (*run)(TechniqueContext& context) = nullptr;
};

class TechniqueTable {
 public:
  void add(TechniqueDef technique);
  const TechniqueDef* find(std::string_view name) const;
  /** Throws UNKNOWN_TECHNIQUE with the nearest name; `path` names the place in the recipe. */
  const TechniqueDef& at(std::string_view name, const std::string& path) const;
  std::vector<std::string> names() const;
  const std::map<std::string, TechniqueDef, std::less<>>& all() const { return techniques_; }

 private:
  std::map<std::string, TechniqueDef, std::less<>> techniques_;
};

/** The passes that turn weights computed from constants (reshaped, transposed, unsqueezed by the
 * exporter) into constants, for techniques that look for weights. */
std::vector<std::string> weight_passes();

/** Registers every technique of this build; generated from the file names of core/compress. */
void register_all_techniques(TechniqueTable& table);
/** The table of every technique, made once. */
const TechniqueTable& all_techniques();
/** Every technique with its options as JSON: what types, flags, forms and pages are made from. */
nlohmann::json technique_schema();

}  // namespace whittle
