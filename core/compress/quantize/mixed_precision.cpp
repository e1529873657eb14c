#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/compress/layer_error/sample_store.h"
#include "core/compress/observed_model.h"
#include "core/compress/quantize/support/mixed/mixed_forms.h"
#include "core/compress/quantize/support/mixed/mixed_model.h"
#include "core/compress/quantize/support/mixed/mixed_search.h"
#include "core/compress/quantize/support/trials/sensitivity.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"
#include "core/measure/statistics.h"
#include "core/onnx/writer.h"

namespace whittle {
namespace {

using nlohmann::json;

constexpr double kUsualShare = 0.25;

MixedBound bound_of(const Options& options) {
  MixedBound bound;
  if (options.has("minSqnr")) bound.min_sqnr_db = options.number("minSqnr");
  if (options.has("minAgreement")) bound.min_agreement = options.number("minAgreement");
  bound.samples = options.integer("samples");
  if (options.has("maxBytes") && bound.fidelity()) {
    fail(Code::INVALID_OPTION, "maxBytes",
         "Expected either maxBytes or a fidelity (minSqnr, minAgreement) for mixed-precision but "
         "received both. Leave one to the gate");
  }
  if (!bound.fidelity()) {
    bound.max_bytes = options.has("maxBytes") ? options.number("maxBytes") : kUsualShare;
  }
  return bound;
}

/** Measures every option of every unit but float with all other layers float. */
Job measure_units(TechniqueContext& context, MixedModel& mixed) {
  std::vector<Sample> samples;
  SampleStore store(context.options.integer("sensitivitySamples"), true);
  const SampleStore::Visit keep = [&](const Sample& sample, int64_t number) {
    require_finite(sample, number);
    samples.push_back(sample);
  };
  co_await store.for_each(context, "read samples", keep);
  std::vector<std::string> names;
  std::vector<std::pair<size_t, size_t>> trials;  // unit, option
  for (size_t u = 0; u < mixed.units().size(); ++u) {
    for (size_t k = 0; k < mixed.units()[u].options.size(); ++k) {
      if (mixed.units()[u].options[k].form < 0) continue;
      trials.emplace_back(u, k);
      names.push_back(mixed.units()[u].name);
    }
  }
  const MakeTrial make = [&](size_t trial, Model& model) {
    return mixed.build_alone(trials[trial].first, trials[trial].second, model);
  };
  std::vector<Nearness> found;
  co_await measure_trials(context, samples, names, make, found);
  for (size_t i = 0; i < trials.size(); ++i) {
    mixed.units()[trials[i].first].options[trials[i].second].alone = found[i];
  }
}

/** Two decimals of a ratio in dB. */
json decibels(double value) {
  return std::round(value * 100) / 100;
}
json decibels_of_noise(double noise) {
  return noise > 1e-30 ? decibels(-10 * std::log10(noise)) : json(300);
}
/** Four significant digits. */
json short_number(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::fabs(value))));
  return std::round(value * scale) / scale;
}

double share(int64_t bytes, int64_t all) {
  return std::round(1e4 * static_cast<double>(bytes) / static_cast<double>(all)) / 1e4;
}

/** A row for each unit: what each of its forms costs alone, and which it got. */
json sensitivity_rows(const MixedModel& mixed, const MixedChoice& choice) {
  json rows = json::array();
  for (size_t u = 0; u < mixed.units().size(); ++u) {
    const MixedUnit& unit = mixed.units()[u];
    json row = {{"layer", unit.name},
                {"chosen", mixed.form_name(unit.options[choice[u]].form)},
                {"sqnrDb", json::object()},
                {"bytes", json::object()}};
    for (const MixedOption& option : unit.options) {
      if (option.form < 0) continue;
      const std::string& form = mixed.form_name(option.form);
      row["sqnrDb"][form] = decibels(option.alone.sqnr_db);
      if (option.alone.kl) row["kl"][form] = short_number(*option.alone.kl);
      row["bytes"][form] = option.bytes;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

json try_row(const MixedTry& each, int64_t bytes, const MixedBound& bound) {
  const Nearness& found = each.measured;
  json row = {{"choice", each.name},
              {"bytes", each.bytes},
              {"share", share(each.bytes, bytes)},
              {"predictedSqnrDb", decibels_of_noise(each.predicted_noise)},
              {"sqnrDb", decibels(found.sqnr_db)}};
  if (found.kl) {
    row["predictedKl"] = short_number(each.predicted_kl);
    row["kl"] = short_number(*found.kl);
  }
  if (found.classes) {
    row["agreement"] = found.agreement;
    row["agreementAtLeast"] = wilson(found.samples - found.changed, found.samples).low;
  }
  if (bound.fidelity()) row["kept"] = bound.kept_by(found);
  return row;
}

json result_facts(const MixedResult& result, int64_t bytes, const MixedBound& bound) {
  const MixedTry& taken = result.tries[result.taken];
  json facts = try_row(taken, bytes, bound);
  if (bound.max_bytes) facts["maxBytes"] = *bound.max_bytes;
  if (bound.min_sqnr_db) facts["minSqnr"] = *bound.min_sqnr_db;
  if (bound.min_agreement) facts["minAgreement"] = *bound.min_agreement;
  facts["kept"] = result.kept;
  facts["samples"] = taken.measured.samples;
  return facts;
}

std::string percent(double value) {
  return concat(std::round(value * 1e4) / 1e2, " %");
}

void warn(TechniqueContext& context, const MixedBound& bound, const MixedResult& result,
          int64_t bytes) {
  const MixedTry& taken = result.tries[result.taken];
  if (!result.kept) {
    context.report.warnings.push_back(
        bound.max_bytes
            ? concat("No choice takes at most ", percent(*bound.max_bytes), " of the ", bytes,
                     " bytes: the smallest takes ", percent(share(taken.bytes, bytes)),
                     ". Allow narrower forms in candidates")
            : std::string("No choice keeps the bound on the data, because candidates leave out "
                          "float: the most faithful one is taken"));
  }
  if (!bound.min_agreement || *bound.min_agreement >= 1) return;
  const int64_t enough = samples_for(*bound.min_agreement);
  if (taken.measured.samples >= enough) return;
  context.report.warnings.push_back(
      concat(taken.measured.samples, " samples cannot show an agreement of ",
             percent(*bound.min_agreement), " with 95 % confidence (at best ",
             percent(wilson(taken.measured.samples, taken.measured.samples).low),
             "): the choice changes none of them. ", enough, " samples would allow for it"));
}

/** Runs the plain step that makes the choice, so that the result is its result. */
Job apply(TechniqueContext& context, const json& step) {
  const TechniqueDef& technique = all_techniques().at("quantize-weights", "mixed-precision");
  json values = json::object();
  if (step.contains("codes")) values["codes"] = step["codes"];
  const Options options(technique.options, values, "mixed-precision");
  std::vector<LayerRule> rules;
  for (const json& each : step["layers"]) {
    LayerRule& rule = rules.emplace_back();
    rule.path = "mixed-precision";
    for (const auto& [key, value] : each.items()) {
      if (key == "name") {
        rule.name = value.get<std::string>();
      } else if (key == "index") {
        rule.index = value.get<int64_t>();
      } else if (key == "skip") {
        rule.skip = value.get<bool>();
      } else {
        rule.overrides[key] = value;
      }
    }
  }
  StepReport said;
  TechniqueContext plain{context.model, context.original, context.unquantized, options,
                         rules,         context.target,   context.ops,         context.kernels,
                         context.pool,  context.seed,     context.cancel,      said};
  co_await technique.run(plain);
}

Job run(TechniqueContext& context) {
  const MixedBound bound = bound_of(context.options);
  MixedModel mixed(context);
  int passes = 0;
  co_await mixed.prepare(passes);
  if (mixed.units().empty()) {
    mixed.report({});
    context.report.explicit_step = mixed.step_of({});
    co_return;
  }
  if (passes > 0) co_await rewind_data("mixed-precision");
  co_await measure_units(context, mixed);
  if (bound.min_agreement && !mixed.has_classes()) {
    fail(Code::INVALID_OPTION, "minAgreement",
         "Expected a model with classes for minAgreement but received one whose outputs are plain "
         "values. Use minSqnr");
  }
  // Folding of constants before the step may have made the file a little larger.
  const int64_t bytes =
      std::min(mixed.float_bytes(), static_cast<int64_t>(write_model(context.original).size()));
  const auto limit =
      static_cast<int64_t>(std::floor(bound.max_bytes.value_or(1) * static_cast<double>(bytes)));
  MixedResult result;
  co_await search_mixed(context, mixed, bound, limit, result);
  const MixedChoice choice = result.tries[result.taken].choice;
  mixed.report(choice);
  warn(context, bound, result, bytes);
  json& facts = context.report.facts;
  facts["result"] = result_facts(result, bytes, bound);
  facts["sensitivity"] = sensitivity_rows(mixed, choice);
  facts["tried"] = json::array();
  for (const MixedTry& each : result.tries) facts["tried"].push_back(try_row(each, bytes, bound));
  const json step = mixed.step_of(choice);
  context.report.explicit_step = step;
  co_await apply(context, step);
}

std::vector<OptionSpec> options() {
  std::vector<OptionSpec> specs = {
      {.name = "maxBytes",
       .type = OptionType::number,
       .doc = "most bytes of the model's file, as a share of what it has before this step: the "
              "least error within it is looked for. 0.25 when no bound is given",
       .min = 0,
       .max = 1,
       .per_layer = false},
      {.name = "minAgreement",
       .type = OptionType::number,
       .doc = "the fewest bytes with which this share of the samples keeps its class, as the lower "
              "end of the 95 % interval",
       .min = 0,
       .max = 1,
       .per_layer = false},
      {.name = "minSqnr",
       .type = OptionType::number,
       .doc = "the fewest bytes with which every output reaches this signal-to-noise ratio on the "
              "samples",
       .unit = "dB",
       .per_layer = false}};
  for (OptionSpec& spec : mixed_form_options()) specs.push_back(std::move(spec));
  specs.push_back({.name = "samples",
                   .type = OptionType::integer,
                   .doc = "most samples to measure combined models on; 0 takes all",
                   .default_value = 512,
                   .min = 0,
                   .per_layer = false});
  specs.push_back({.name = "sensitivitySamples",
                   .type = OptionType::integer,
                   .doc = "most samples to measure single layers on",
                   .default_value = 16,
                   .min = 1,
                   .max = 1024,
                   .per_layer = false,
                   .advanced = true});
  return specs;
}

}  // namespace

void register_mixed_precision(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "mixed-precision";
  technique.summary =
      "8- or 4-bit weights or float, chosen for each layer by what it does to the outputs, within "
      "a "
      "size or a fidelity; arithmetic stays float";
  technique.ops = weight_ops();
  technique.needs_passes = weight_passes();
  technique.not_after = {"palettize"};
  technique.quantizes = true;
  technique.options = options();
  technique.data_passes = [](const Options& given) {
    return learned_forms(given) + 1 + search_passes(bound_of(given));
  };
  technique.weight_bits = [](const Options& given) {
    return 32 * bound_of(given).max_bytes.value_or(kUsualShare);
  };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
