#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/compress/layer_error/sample_store.h"
#include "core/compress/quantize/support/bias/bias_means.h"
#include "core/compress/quantize/support/bias/bias_sites.h"
#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/compress/technique.h"
#include "core/measure/summary.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Integers of a correction are exact in a float up to here. */
constexpr int kMostUnits = 1 << 24;

/** The float model with its BatchNormalization folded, as quantization has seen it. */
Model reference_of(const TechniqueContext& context) {
  Model reference = context.unquantized;
  std::vector<Pass> passes;
  for (const char* name : {"eliminate-identity", "fold-constants", "fold-bias", "fold-batchnorm"}) {
    if (const Pass* pass = find_pass(name)) passes.push_back(*pass);
  }
  run_passes(reference.graph, passes, PassContext{context.ops, context.pool});
  return reference;
}

void require_float_original(const TechniqueContext& context) {
  if (is_quantized(context.original.graph)) {
    fail(Code::ALREADY_QUANTIZED, "bias-correct",
         "Expected a float model for bias-correct but received one that was quantized before: "
         "there is nothing to compare it with. Start from the float file, with the quantizing step "
         "in the same recipe");
  }
}

Correction read_correction(const BiasSite& site, const std::string& text) {
  const auto channels = static_cast<size_t>(site.channels);
  if (!site.integer()) return read_sparse(text, channels, site.name);
  const std::vector<int> units = read_levels(text, channels, site.name, kMostUnits);
  return Correction(units.begin(), units.end());
}

std::string write_correction(const BiasSite& site, const Correction& correction) {
  if (!site.integer()) return write_sparse(correction);
  return write_levels(std::vector<int>(correction.begin(), correction.end()));
}

/** A correction in real numbers in the form a recipe holds: whole units, or few digits. */
Correction stored(const BiasSite& site, const std::vector<double>& real) {
  Correction correction;
  for (size_t c = 0; c < real.size(); ++c) {
    if (site.integer()) {
      const double units = std::nearbyint(real[c] / site.unit[c]);
      const double most = kMostUnits;
      correction.push_back(static_cast<float>(std::clamp(units, -most, most)));
    } else {
      const auto value = static_cast<float>(real[c]);
      correction.push_back(value < 0 ? -rounded_down(-value) : rounded_down(value));
    }
  }
  return correction;
}

/** A layer without a bias gets one where the mean error is more than a trifle of the output. */
bool pays(const BiasSite& site, const std::vector<double>& real, double magnitude) {
  constexpr double kTrifle = 0.002;
  if (site.slot != 2 ||
      std::any_of(site.base.begin(), site.base.end(), [](double value) { return value != 0; })) {
    return true;
  }
  const double most = std::accumulate(real.begin(), real.end(), 0.0, [](double sum, double value) {
    return std::max(sum, std::fabs(value));
  });
  return most > kTrifle * magnitude;
}

class Corrector {
 public:
  Corrector(TechniqueContext& context, Model reference, std::vector<BiasSite> sites)
      : context_(context),
        reference_(std::move(reference)),
        work_(context.model),
        sites_(std::move(sites)),
        work_sites_(sites_),
        work_names_(work_.graph),
        corrections_(sites_.size()) {}

  /** (W - What) E[x]: what the rounding of the weights shifts, from the means of the inputs. */
  Job analytic() {
    std::map<ValueId, int> inputs;
    for (const BiasSite& site : sites_) inputs[input_of(reference_.graph, site)] = site.axis;
    std::map<ValueId, ChannelMeans> means;
    SampleStore store(samples(), false);
    co_await observe_means(context_, reference_, inputs, store, "", means);
    for (size_t i = 0; i < sites_.size(); ++i) {
      const ChannelMeans& x = means.at(input_of(reference_.graph, sites_[i]));
      const std::vector<double> real =
          weight_shift(work_.graph, reference_.graph, sites_[i].name, x.mean());
      if (real.empty()) continue;
      apply(i, real, x.magnitude());
    }
  }

  /**
   * The mean of float output minus quantized output, layer after layer with the corrections of all
   * earlier ones in effect: what a layer inherits from those before it is gone when its own turn
   * comes, so nothing is corrected twice.
   */
  Job empirical() {
    SampleStore store(samples(), true);
    std::map<ValueId, int> wanted;
    for (const BiasSite& site : sites_) wanted[site.reference] = site.axis;
    std::map<ValueId, ChannelMeans> expected;
    co_await observe_means(context_, reference_, wanted, store, "", expected);
    for (size_t i = 0; i < sites_.size(); ++i) {
      const std::map<ValueId, int> observed = {{sites_[i].output, sites_[i].axis}};
      std::map<ValueId, ChannelMeans> actual;
      co_await observe_means(context_, work_, observed, store, sites_[i].name, actual);
      const ChannelMeans& float_mean = expected.at(sites_[i].reference);
      std::vector<double> real = float_mean.mean();
      const std::vector<double> now = actual.at(sites_[i].output).mean();
      if (now.size() != real.size()) continue;
      for (size_t c = 0; c < real.size(); ++c) real[c] -= now[c];
      apply(i, real, float_mean.magnitude());
    }
  }

  void apply_given(const std::map<std::string, std::string>& texts) {
    for (size_t i = 0; i < sites_.size(); ++i) {
      const auto text = texts.find(sites_[i].name);
      if (text == texts.end()) continue;
      corrections_[i] = read_correction(sites_[i], text->second);
    }
  }

  /** Writes the corrections into the model, the same way whether measured or given, and reports. */
  void finish() {
    NameMaker names(context_.model.graph);
    for (size_t i = 0; i < sites_.size(); ++i) {
      BiasSite site = sites_[i];
      if (!corrections_[i].empty()) {
        write_bias(context_.model.graph, names, site, corrections_[i]);
      }
    }
    report();
  }

 private:
  void report() {
    json rules = json::array();
    for (size_t i = 0; i < sites_.size(); ++i) {
      Node layer;
      layer.name = sites_[i].name;
      layer.op = op_of(sites_[i].name);
      if (corrections_[i].empty()) {
        context_.report.leave(layer, "it has no bias and needs none");
        continue;
      }
      double largest = 0;
      for (size_t c = 0; c < corrections_[i].size(); ++c) {
        const double unit = sites_[i].integer() ? sites_[i].unit[c] : 1;
        largest = std::max(largest, std::fabs(unit * corrections_[i][c]));
      }
      context_.report.touch(layer, {{"largestCorrection", largest}});
      rules.push_back(
          {{"name", sites_[i].name}, {"correction", write_correction(sites_[i], corrections_[i])}});
    }
    context_.report.explicit_step = {
        {"technique", "bias-correct"}, {"method", "given"}, {"layers", std::move(rules)}};
  }

  int64_t samples() const { return context_.options.integer("samples"); }

  std::string op_of(const std::string& name) const {
    for (const Node& node : reference_.graph.nodes) {
      if (node.name == name) return node.op;
    }
    return "";
  }

  static ValueId input_of(const Graph& graph, const BiasSite& site) {
    for (const Node& node : graph.nodes) {
      if (node.name == site.name) return node.input(0);
    }
    return kNoValue;
  }

  void apply(size_t i, const std::vector<double>& real, double magnitude) {
    const BiasSite& site = sites_[i];
    if (!pays(site, real, magnitude)) return;
    corrections_[i] = stored(site, real);
    write_bias(work_.graph, work_names_, work_sites_[i], corrections_[i]);
  }

  TechniqueContext& context_;
  Model reference_;
  /** The model with the corrections so far, to measure on. */
  Model work_;
  std::vector<BiasSite> sites_;
  std::vector<BiasSite> work_sites_;
  NameMaker work_names_;
  std::vector<Correction> corrections_;
};

Job run(TechniqueContext& context) {
  require_float_original(context);
  // What repeats this without data where there is nothing to correct.
  context.report.explicit_step = {{"technique", "bias-correct"}, {"method", "given"}};
  if (!is_quantized(context.model.graph)) {
    // The step that quantizes may have been undone.
    context.report.warnings.push_back("No step that quantizes was kept: nothing to correct");
    co_return;
  }
  std::set<std::string> chosen;
  std::map<std::string, std::string> texts;
  // A dynamic product's last node is an Add under the layer's name.
  for (const Layer& layer : context.layers({"Conv", "Gemm", "MatMul", "Add", "Mul"})) {
    if (!layer.selected || layer.in_subgraph) continue;
    chosen.insert(layer.name());
    if (layer.options.given("correction")) {
      texts[layer.name()] = layer.options.text("correction");
    }
  }
  Model reference = reference_of(context);
  std::vector<BiasSite> sites =
      find_bias_sites(context, context.model.graph, reference.graph, chosen);
  if (sites.empty()) co_return;
  Corrector corrector(context, std::move(reference), std::move(sites));
  const std::string method = context.options.text("method");
  if (method == "given") {
    corrector.apply_given(texts);
  } else if (method == "analytic") {
    co_await corrector.analytic();
  } else {
    co_await corrector.empirical();
  }
  corrector.finish();
}

int data_passes(const Options& options) {
  return options.text("method") == "given" ? 0 : 1;
}

}  // namespace

void register_bias_correct(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "bias-correct";
  technique.summary =
      "takes what quantization shifts the mean of each channel by out of the biases of the layers";
  technique.ops = {"Conv", "Gemm", "MatMul", "Add", "Mul"};
  technique.data_passes = data_passes;
  OptionSpec method;
  method.name = "method";
  method.type = OptionType::choice;
  method.doc =
      "\"empirical\" measures the mean error of every output, layer after layer; \"analytic\" "
      "computes it from the rounding of the weights and the mean inputs; \"given\" takes it from "
      "the layer rules, as a report writes them";
  method.default_value = "analytic";
  method.choices = {"empirical", "analytic", "given"};
  method.per_layer = false;
  OptionSpec samples;
  samples.name = "samples";
  samples.type = OptionType::integer;
  samples.doc =
      "calibration samples to look at, all of them once for each layer by \"empirical\"; 0 takes "
      "what fits into memory";
  samples.default_value = 16;
  samples.min = 0;
  samples.per_layer = false;
  OptionSpec correction;
  correction.name = "correction";
  correction.advanced = true;
  correction.type = OptionType::text;
  correction.doc = "what is added to the bias of each channel, as a report writes it";
  technique.options = {method, samples, correction};
  technique.not_after = {"fp16", "palettize"};
  technique.pays_in_bytes = false;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
