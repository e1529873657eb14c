#include "core/measure/evaluate.h"

#include <algorithm>
#include <cmath>

#include "core/measure/matching.h"
#include "core/measure/statistics.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Right answers of both models on the labelled samples. */
struct Accuracy {
  int64_t labelled = 0;
  int64_t original = 0;
  int64_t compressed = 0;
  int64_t only_original = 0;
  int64_t only_compressed = 0;
  int64_t shifted = 0;  // right if every label were one more: a background class was forgotten

  json to_json(bool both) const {
    const double n = static_cast<double>(labelled);
    const Interval first = wilson(original, labelled);
    json out = {{"labelled", labelled},
                {"original", static_cast<double>(original) / n},
                {"originalInterval", {first.low, first.high}}};
    if (both) {
      const Interval second = wilson(compressed, labelled);
      const Interval drop = paired_difference(only_original, only_compressed, labelled);
      out["compressed"] = static_cast<double>(compressed) / n;
      out["compressedInterval"] = {second.low, second.high};
      out["drop"] = static_cast<double>(only_original - only_compressed) / n;
      out["dropInterval"] = {drop.low, drop.high};
    }
    return out;
  }
};

struct Range {
  double min = INFINITY;
  double max = -INFINITY;
};

struct WorstSample {
  std::string id;
  int64_t index = 0;
  std::optional<double> sqnr_db;
  bool changed = false;

  bool operator<(const WorstSample& other) const {
    if (changed != other.changed) return changed;
    const double mine = sqnr_db.value_or(INFINITY);
    const double others = other.sqnr_db.value_or(INFINITY);
    return mine != others ? mine < others : index < other.index;
  }
};

std::string percent(double share) {
  return concat(std::round(share * 1e4) / 1e2, " %");
}

}  // namespace

struct EvaluateJob::Impl {
  std::shared_ptr<const Model> original;
  std::shared_ptr<const Model> compressed;
  EvaluateOptions options;
  CancelFlag never;
  std::vector<OutputFidelity> outputs;
  Accuracy accuracy;
  std::map<std::string, Range> inputs;
  std::vector<WorstSample> worst;
  int64_t samples = 0;
  int64_t changed = 0;
  int64_t confident_rows = 0;
  double confidence = 0;  // sum of the original's greatest probability
  int64_t classes = 0;
  bool done = false;
  Job job;

  Impl(std::shared_ptr<const Model> first, std::shared_ptr<const Model> second,
       EvaluateOptions given)
      : original(std::move(first)), compressed(std::move(second)), options(std::move(given)) {
    for (const auto& [name, kind] : options.outputs) check_output_name(name);
    job = run();
  }

  const CancelFlag& cancel() const { return options.cancel ? *options.cancel : never; }

  void check_output_name(const std::string& name) const {
    std::string known;
    for (ValueId id : original->graph.outputs) {
      if (original->graph.value(id).name == name) return;
      known += (known.empty() ? "" : ", ") + original->graph.value(id).name;
    }
    fail(Code::UNKNOWN_OUTPUT, name, "Expected an output of the model but received \"", name,
         "\". It has ", known);
  }

  SessionOptions session_options() const {
    SessionOptions session;
    session.kernels = options.kernels;
    session.pool = options.pool;
    return session;
  }

  void note_inputs(const Sample& sample) {
    for (const auto& [name, tensor] : sample.feeds) {
      if (!is_float(tensor.dtype())) continue;
      Range& range = inputs[name];
      for (float value : to_floats(tensor, name)) {
        range.min = std::min<double>(range.min, value);
        range.max = std::max<double>(range.max, value);
      }
    }
  }

  bool may_be_logits(const Tensor& output, const Sample& sample) const {
    if (original->graph.outputs.size() != 1) return false;
    if (sample.label) return true;
    // An output shaped like an input is a reconstruction rather than scores.
    return std::none_of(sample.feeds.begin(), sample.feeds.end(),
                        [&](const auto& feed) { return feed.second.shape() == output.shape(); });
  }

  void recognise(const std::vector<Tensor>& first, const Sample& sample) {
    for (size_t i = 0; i < first.size(); ++i) {
      const std::string& name = original->graph.value(original->graph.outputs[i]).name;
      const auto declared = options.outputs.find(name);
      OutputKind kind =
          declared == options.outputs.end() ? OutputKind::automatic : declared->second;
      if (kind == OutputKind::automatic) {
        kind = recognise_output(first[i], may_be_logits(first[i], sample));
      }
      outputs.emplace_back(name, kind);
    }
  }

  /** Accuracy and confidence, from the first output that holds one row of class scores. */
  void note_classes(const Sample& sample, const std::vector<Tensor>& first,
                    const std::vector<Tensor>* second) {
    for (size_t i = 0; i < first.size(); ++i) {
      if (outputs[i].kind() != OutputKind::classes || first[i].shape().rank() < 2) continue;
      classes = first[i].shape()[1];
      if (first[i].elements() != classes) return;
      const std::vector<float> scores = to_floats(first[i], outputs[i].name());
      const std::vector<double> p = probabilities(scores);
      confidence += *std::max_element(p.begin(), p.end());
      ++confident_rows;
      if (!sample.label) return;
      if (*sample.label < 0 || *sample.label >= classes) {
        fail(Code::INVALID_DATA, sample.id, "Expected a label from 0 to ", classes - 1,
             " for sample \"", sample.id, "\" but received ", *sample.label);
      }
      const int64_t answer = argmax(scores);
      const bool right = answer == *sample.label;
      ++accuracy.labelled;
      accuracy.original += right ? 1 : 0;
      accuracy.shifted += answer == *sample.label + 1 ? 1 : 0;
      if (second == nullptr) return;
      const bool still = argmax(to_floats((*second)[i], outputs[i].name())) == *sample.label;
      accuracy.compressed += still ? 1 : 0;
      accuracy.only_original += right && !still ? 1 : 0;
      accuracy.only_compressed += still && !right ? 1 : 0;
      return;
    }
  }

  void compare(const Sample& sample, const std::vector<Tensor>& first,
               const std::vector<Tensor>& second) {
    WorstSample entry{sample.id, samples - 1, std::nullopt, false};
    for (size_t i = 0; i < first.size(); ++i) {
      const OutputFidelity::Result result = outputs[i].add(first[i], second[i]);
      entry.changed = entry.changed || result.changed;
      if (result.sqnr_db && (!entry.sqnr_db || *result.sqnr_db < *entry.sqnr_db)) {
        entry.sqnr_db = result.sqnr_db;
      }
    }
    changed += entry.changed ? 1 : 0;
    worst.insert(std::lower_bound(worst.begin(), worst.end(), entry), entry);
    if (worst.size() > static_cast<size_t>(std::max(0, options.worst_samples))) worst.pop_back();
  }

  Job run() {
    Session first(original, session_options());
    std::optional<Session> second;
    std::map<std::string, std::string> input_names;
    std::vector<std::string> output_names;
    if (compressed) {
      const Graph& a = original->graph;
      const Graph& b = compressed->graph;
      input_names = match_names(a, a.inputs, b, b.inputs, "input");
      const auto names = match_names(a, a.outputs, b, b.outputs, "output");
      for (ValueId id : a.outputs) output_names.push_back(names.at(a.value(id).name));
      co_await report_progress("compare", "", 0, -1);
      second.emplace(compressed, session_options());
    }
    while (true) {
      const std::optional<Sample> sample = co_await next_sample("evaluate", "", samples, -1);
      if (!sample) break;
      cancel().poll();
      ++samples;
      note_inputs(*sample);
      const std::vector<Tensor> expected = first.run(sample->feeds);
      if (outputs.empty()) recognise(expected, *sample);
      if (!second) {
        note_classes(*sample, expected, nullptr);
        continue;
      }
      co_await report_progress("evaluate", "", samples, -1);
      Feeds feeds;
      for (const auto& [name, tensor] : sample->feeds) {
        const auto known = input_names.find(name);
        feeds[known == input_names.end() ? name : known->second] = tensor;
      }
      const std::vector<Tensor> actual = second->run(feeds, output_names);
      note_classes(*sample, expected, &actual);
      compare(*sample, expected, actual);
    }
    if (samples == 0) {
      fail(Code::EMPTY_DATA, "evaluation",
           "Expected at least one sample for the evaluation but received an empty dataset");
    }
    if (options.check_preprocessing && !options.synthetic) check_preprocessing();
    done = true;
  }

  [[noreturn]] void suspect(const std::string& found) const {
    std::string text =
        "Expected the original model to do better than chance on the data but " + found;
    for (const auto& [name, range] : inputs) {
      text += concat(". Input \"", name, "\" ranged from ", range.min, " to ", range.max);
    }
    fail(Code::PREPROCESSING_SUSPECT, "input", text,
         ". Check size, channel order, scale, mean and std, or force the run");
  }

  /** Judges the original: near chance with labels, near-uniform confidence without. */
  void check_preprocessing() const {
    constexpr int64_t kFewSamples = 20;
    constexpr double kLittleBetter = 0.05;  // of the way from chance to certainty
    if (classes < 2) return;
    const double chance = 1.0 / static_cast<double>(classes);
    const double bound = chance + kLittleBetter * (1 - chance);
    if (accuracy.labelled >= kFewSamples) {
      const double n = static_cast<double>(accuracy.labelled);
      const double share = static_cast<double>(accuracy.original) / n;
      if (share >= bound) return;
      std::string found = concat("received ", accuracy.original, " of ", accuracy.labelled,
                                 " right (", percent(share), ", chance is ", percent(chance), ")");
      if (static_cast<double>(accuracy.shifted) / n > 0.3) {
        found += concat("; with every label one higher it would be ",
                        percent(static_cast<double>(accuracy.shifted) / n),
                        ": the labels seem to leave out a background class");
      }
      suspect(found);
    }
    if (confident_rows < kFewSamples || accuracy.labelled > 0) return;
    const double mean = confidence / static_cast<double>(confident_rows);
    if (mean < bound) {
      suspect(concat("received a mean confidence of ", percent(mean), " over ", confident_rows,
                     " samples and ", classes, " classes"));
    }
  }

  json result() const {
    json list = json::array();
    bool exact = compressed != nullptr;
    for (const OutputFidelity& output : outputs) {
      exact = exact && output.exact();
      if (compressed) {
        list.push_back(output.to_json());
      } else {
        list.push_back({{"name", output.name()}, {"kind", output_kind_name(output.kind())}});
      }
    }
    json ranges = json::array();
    for (const auto& [name, range] : inputs) {
      ranges.push_back({{"name", name}, {"min", range.min}, {"max", range.max}});
    }
    json out = {{"samples", samples},
                {"synthetic", options.synthetic},
                {"outputs", std::move(list)},
                {"inputs", std::move(ranges)}};
    if (accuracy.labelled > 0 && !options.synthetic) {
      out["accuracy"] = accuracy.to_json(compressed != nullptr);
    }
    if (confident_rows > 0) {
      out["confidence"] = confidence / static_cast<double>(confident_rows);
    }
    if (!compressed) return out;
    out["exact"] = exact;
    out["changed"] = changed;
    out["worst"] = json::array();
    for (const WorstSample& sample : worst) {
      out["worst"].push_back({{"id", sample.id},
                              {"index", sample.index},
                              {"sqnrDb", sample.sqnr_db ? json(*sample.sqnr_db) : json(nullptr)},
                              {"changed", sample.changed}});
    }
    return out;
  }
};

EvaluateJob::EvaluateJob(std::shared_ptr<const Model> original,
                         std::shared_ptr<const Model> compressed, EvaluateOptions options)
    : impl_(
          std::make_unique<Impl>(std::move(original), std::move(compressed), std::move(options))) {}
EvaluateJob::~EvaluateJob() = default;
EvaluateJob::EvaluateJob(EvaluateJob&&) noexcept = default;
EvaluateJob& EvaluateJob::operator=(EvaluateJob&&) noexcept = default;

JobStatus EvaluateJob::step(std::optional<Sample> input) {
  impl_->cancel().poll();
  return impl_->job.step(std::move(input));
}

json EvaluateJob::result() const {
  if (!impl_->done) fail(Code::INTERNAL, "", "Expected a finished job for result()");
  return impl_->result();
}

}  // namespace whittle
