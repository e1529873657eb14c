#include "core/compress/quantize/support/calibration/calibrate.h"

#include <cmath>

#include "core/compress/observed_model.h"
#include "core/compress/quantize/support/trials/drawn_samples.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Collects the statistics of a pass; run() once for each sample. */
class Collector {
 public:
  Collector(TechniqueContext& context, const std::vector<ValueId>& values, bool histograms)
      : context_(context),
        kernels_(context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier())),
        histograms_(histograms),
        model_(
            context, context.model, values,
            [this](ValueId id, const Tensor& tensor) { look(id, tensor); },
            ObservedModel::Order::any) {
    for (ValueId id : values) statistics_[id];
  }

  void run(const Sample& sample, int64_t number) {
    sample_ = &sample;
    number_ = number;
    model_.run(sample, number);
  }
  const std::map<ValueId, TensorStatistics>& statistics() const { return statistics_; }

 private:
  void look(ValueId id, const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return;
    const std::span<const float> values = tensor.data<float>();
    float low = 0;
    float high = 0;
    const bool numbers = kernels_.min_max(values.data(), values.size(), &low, &high);
    if (numbers && std::isfinite(low) && std::isfinite(high)) {
      TensorStatistics& known = statistics_[id];
      known.add_range(low, high);
      if (histograms_) known.histogram.add(values, low, high);
      return;
    }
    const std::string& name = context_.model.graph.value(id).name;
    fail(Code::INVALID_DATA, sample_->id, "Expected finite activations for \"", name, "\" on ",
         sample_name(*sample_, number_), " but received ", numbers ? "an infinity" : "NaN",
         ": the model overflows on it");
  }

  TechniqueContext& context_;
  const KernelTable& kernels_;
  bool histograms_;
  const Sample* sample_ = nullptr;
  int64_t number_ = 0;
  std::map<ValueId, TensorStatistics> statistics_;
  ObservedModel model_;
};

double rounded(double value) {
  return std::round(value * 100) / 100;
}

}  // namespace

Job calibrate(TechniqueContext& context, const std::vector<ValueId>& values,
              const CalibrationOptions& options, Calibration& calibration) {
  const bool histograms = needs_histogram(options.calibrator);
  Collector collector(context, values, histograms);
  const int64_t most = options.samples;
  int64_t count = 0;
  DrawnSamples drawn(options.keep, context.seed);
  while (most == 0 || count < most) {
    std::optional<Sample> sample =
        co_await next_sample("calibrate", "", count, most == 0 ? -1 : most);
    if (!sample) break;
    context.cancel.poll();
    collector.run(*sample, ++count);
    if (options.keep > 0) drawn.offer(std::move(*sample));
  }
  require_samples(count, "calibration");
  calibration.samples = drawn.samples();
  int64_t done = 0;
  for (const auto& [id, known] : collector.statistics()) {
    const std::string& name = context.model.graph.value(id).name;
    Interval& interval = calibration.intervals[id];
    json row = {{"value", name}, {"min", known.range.min}, {"max", known.range.max}};
    if (!histograms) {
      interval = options.calibrator == "average" ? known.average : known.range;
      row["chosen"] = options.calibrator;
    } else {
      co_await report_progress("choose ranges", name, done++, static_cast<int64_t>(values.size()));
      context.cancel.poll();
      std::vector<Proposal> proposals = propose_intervals(known, options.form, options.percentile);
      const Proposal& chosen = proposals[choose_proposal(proposals, options.calibrator)];
      interval = chosen.interval;
      row["chosen"] = chosen.calibrator;
      for (const Proposal& each : proposals) row["sqnrDb"][each.calibrator] = rounded(each.sqnr_db);
      if (options.calibrator == kByOutputs) calibration.proposals[id] = std::move(proposals);
    }
    row["interval"] = {interval.min, interval.max};
    context.report.facts["calibration"].push_back(std::move(row));
  }
}

}  // namespace whittle
