#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/mixed/mixed_forms.h"
#include "core/compress/quantize/support/trials/candidates.h"
#include "core/compress/quantize/support/weights/weight_only.h"
#include "core/compress/technique.h"

namespace whittle {

/** A form one unit may take, with what it does to the model when nothing else is changed. */
struct MixedOption {
  int form = -1;      // of MixedModel::forms(); -1: float
  int64_t bytes = 0;  // of the model's file, against all float
  Nearness alone;
};

/** Layers that take one form together, because they share weights; nearly always a single one. */
struct MixedUnit {
  std::string name;            // of its layers
  std::vector<size_t> layers;  // indices in MixedModel::layers()
  std::vector<MixedOption> options;
};

/** An index in MixedUnit::options for every unit. */
using MixedChoice = std::vector<size_t>;

/**
 * The context's model with every layer in every form it may take: weights are rounded once for each
 * form, then any choice among them can be put together. The context's model stays as it is.
 */
class MixedModel {
 public:
  explicit MixedModel(TechniqueContext& context);

  /** Rounds the weights; reads the data once for each learned form. `passes` counts passes over the
   * data. */
  Job prepare(int& passes);

  const std::vector<Layer>& layers() const { return layers_; }
  std::vector<MixedUnit>& units() { return units_; }
  const std::vector<MixedUnit>& units() const { return units_; }
  /** "float", "int8" ... */
  const std::string& form_name(int form) const;

  /** The model of a choice, and the bytes of its file. */
  Model build(const MixedChoice& choice) const;
  int64_t file_bytes(const MixedChoice& choice) const;
  /** Whether an output holds classes; known once an option was measured. */
  bool has_classes() const;
  /** Of the file with all layers float. */
  int64_t float_bytes() const { return float_bytes_; }
  /** Builds the model with one unit changed and all others float into `model`; notes the bytes of
   * that option. */
  Job build_alone(size_t unit, size_t option, Model& model);

  /** The plain step that makes this choice. */
  nlohmann::json step_of(const MixedChoice& choice) const;
  /** What was done to each layer. */
  void report(const MixedChoice& choice) const;

 private:
  struct Prepared {
    MixedForm form;
    WeightOnlyPlan plan;
    StepReport report;
  };

  Job prepare_form(Prepared& prepared);
  void group_layers();
  /** By unit; -1: float. */
  std::vector<int> forms_of(const MixedChoice& choice) const;
  Model build_forms(const std::vector<int>& forms) const;

  TechniqueContext& context_;
  ConstantFinder finder_;
  std::vector<Layer> layers_;
  std::vector<std::unique_ptr<Prepared>> forms_;
  std::vector<MixedUnit> units_;
  std::map<ConstantRef, size_t> unit_of_;
  int64_t float_bytes_ = 0;
};

}  // namespace whittle
