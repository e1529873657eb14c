#include "core/compress/quantize/support/integer/choose_intervals.h"

#include <cmath>

#include "core/compress/quantize/support/trials/sensitivity.h"

namespace whittle {

Job make_integer_model(TechniqueContext& context, const CalibratedLayers& calibrated,
                       const StaticLayers& layers, Model& model) {
  StaticPlan plan;
  co_await plan_static(context, calibrated, layers, plan);
  model = context.model;
  NameMaker names(model.graph);
  emit_qdq(model.graph, names, plan.placement, plan.parameters);
}

Job choose_intervals_by_outputs(TechniqueContext& context, const Calibration& calibration,
                                CalibratedLayers& calibrated) {
  std::vector<std::string> names;
  std::vector<std::map<ValueId, Interval>> choices;
  for (const std::string& name : calibrator_names()) {
    if (name == kByOutputs) continue;
    names.push_back(name);
    choices.emplace_back();
    for (const auto& [id, proposals] : calibration.proposals) {
      choices.back()[id] = proposals[choose_proposal(proposals, name)].interval;
    }
  }
  const MakeTrial make = [&](size_t trial, Model& model) {
    calibrated.intervals = choices[trial];
    return make_integer_model(context, calibrated, calibrated.layers, model);
  };
  std::vector<Nearness> found;
  co_await measure_trials(context, calibration.samples, names, make, found);
  size_t best = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (found[i].mean_db > found[best].mean_db) best = i;
    context.report.facts["calibrators"][names[i]] = std::round(found[i].mean_db * 100) / 100;
  }
  calibrated.intervals = choices[best];
  // A row of the report for each proposal, both by the values' ids.
  nlohmann::json& rows = context.report.facts["calibration"];
  size_t row = 0;
  for (const auto& [id, proposals] : calibration.proposals) {
    const Proposal& chosen = proposals[choose_proposal(proposals, names[best])];
    rows[row]["chosen"] = chosen.calibrator;
    rows[row++]["interval"] = {chosen.interval.min, chosen.interval.max};
  }
}

}  // namespace whittle
