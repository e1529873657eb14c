#include "core/compress/quantize/support/equalization/equalize_check.h"

#include <cmath>

#include "core/compress/quantize/support/trials/candidates.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Ranges that cut off rare values go with factors that look at typical ones. */
constexpr double kTypical = 0.5;

json quantizing_options(const Options& options) {
  return {{"calibrator", options.number("typical") >= kTypical ? "mse" : "minmax"},
          {"weights", options.text("weights")},
          {"depthwise", options.text("depthwise")}};
}

/** Runs quantize-static on a copy of `model` with the samples at hand. */
Job quantize(TechniqueContext& context, const Model& model, const std::vector<Sample>& samples,
             Model& quantized) {
  const TechniqueDef& technique = all_techniques().at("quantize-static", "equalize");
  quantized = model;
  std::vector<Pass> passes;
  for (const std::string& name : technique.needs_passes) passes.push_back(*find_pass(name));
  run_passes(quantized.graph, passes, PassContext{context.ops, context.pool});
  const Options options(technique.options, quantizing_options(context.options), "equalize");
  StepReport report;
  const std::vector<LayerRule> rules;
  TechniqueContext inner{quantized,    context.original, model,          options,
                         rules,        context.target,   context.ops,    context.kernels,
                         context.pool, context.seed,     context.cancel, report};
  Job job = technique.run(inner);
  size_t next = 0;
  std::optional<Sample> input;
  while (true) {
    const JobStatus status = job.step(std::move(input));
    input.reset();
    if (status.done) break;
    if (status.want == Want::sample) {
      if (next < samples.size()) input = samples[next++];
    }
    co_await report_progress("check equalization", "", static_cast<int64_t>(next),
                             static_cast<int64_t>(samples.size()));
    context.cancel.poll();
  }
}

double rounded(double value) {
  return std::round(value * 100) / 100;
}

}  // namespace

Job check_equalization(TechniqueContext& context, const Model& before,
                       const std::vector<Sample>& samples) {
  if (context.report.touched.empty() || samples.empty()) co_return;
  Candidates candidates(context, before);
  for (const Model* model : {&before, static_cast<const Model*>(&context.model)}) {
    Model quantized;
    co_await quantize(context, *model, samples, quantized);
    candidates.add(quantized);
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    co_await report_progress("check equalization", "", static_cast<int64_t>(i),
                             static_cast<int64_t>(samples.size()));
    candidates.run(samples[i]);
  }
  const double without = candidates.nearness(0).mean_db;
  const double with = candidates.nearness(1).mean_db;
  const bool pays = with >= without;
  context.report.facts["check"] = {
      {"withoutDb", rounded(without)}, {"withDb", rounded(with)}, {"kept", pays}};
  if (pays) co_return;
  context.model = before;
  for (StepReport::Touched& layer : context.report.touched) {
    context.report.left_alone.push_back(
        {layer.name, layer.op, "quantized, the outputs are nearer without it"});
  }
  context.report.touched.clear();
  context.report.explicit_step = {{"technique", "equalize"},
                                  {"method", "given"},
                                  {"layers", json::array({{{"name", "*"}, {"skip", true}}})}};
}

}  // namespace whittle
