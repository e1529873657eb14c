#include "core/compress/compress_job.h"

#include <algorithm>
#include <map>

#include "core/compress/graph_edit.h"
#include "core/measure/cost.h"
#include "core/onnx/writer.h"
#include "core/passes/pass.h"

namespace whittle {
namespace {

using nlohmann::json;

json expand_preset(const json& recipe, const Model& model, bool have_data) {
  if (!recipe.is_string()) return recipe;
  return preset_recipe(recipe.get<std::string>(), model, have_data);
}

void check_data(const Recipe& recipe, const CompressOptions& options) {
  int passes = 0;
  for (const RecipeStep& step : recipe.steps) {
    const int wanted = step.data_passes();
    if (wanted == 0) continue;
    if (!options.have_data) {
      fail(Code::CALIBRATION_REQUIRED, step.path, "Expected calibration data for ", step.path, " (",
           step.technique->name,
           ") but received none. Give some real samples, or ask for synthetic ones");
    }
    passes += wanted;
    if (passes > 1 && !options.data_reiterable) {
      fail(Code::DATA_NOT_REITERABLE, step.path, "Expected data that can be read again for ",
           step.path, " (", step.technique->name,
           ") but received a one-shot iterable. Give an array, or a function that returns a fresh "
           "iterable");
    }
  }
}

/** Folding for a technique may add what shapes and scalars take, not copies of weights. */
constexpr int64_t kFoldBudget = 16 << 10;

/** Layers left alone, grouped by reason in order of first appearance. */
json grouped_reasons(const StepReport& report) {
  std::vector<std::string> order;
  std::map<std::string, json> groups;
  for (const StepReport::LeftAlone& layer : report.left_alone) {
    if (!groups.contains(layer.reason)) order.push_back(layer.reason);
    groups[layer.reason].push_back(layer.name);
  }
  json reasons = json::array();
  for (const std::string& reason : order) {
    reasons.push_back(
        {{"reason", reason}, {"count", groups[reason].size()}, {"layers", groups[reason]}});
  }
  return reasons;
}

/** "5/6, 1: rank past break-even" */
std::string layers_text(const StepReport& report) {
  const size_t total = report.touched.size() + report.left_alone.size();
  std::string text = concat(report.touched.size(), "/", total);
  const json reasons = grouped_reasons(report);
  for (size_t i = 0; i < reasons.size(); ++i) {
    text += i == 0 ? ": " : "; ";
    if (reasons.size() > 1 || !report.touched.empty()) {
      text += concat(reasons[i]["count"].get<size_t>(), " ");
    }
    text += reasons[i]["reason"].get<std::string>();
  }
  return text;
}

struct Size {
  int64_t raw = 0;
  int64_t compressed = 0;
  int64_t macs = 0;
};

}  // namespace

struct CompressJob::Impl {
  std::shared_ptr<const Model> original;
  CompressOptions options;
  const TechniqueTable& techniques;
  const OpTable& ops;
  SerialPool serial;
  CancelFlag never;
  Recipe recipe;
  Model model;
  json steps = json::array();
  json explicit_steps = json::array();
  Size before;
  Size after;
  int64_t samples = 0;
  bool done = false;
  Job job;

  Impl(std::shared_ptr<const Model> given, const json& source, CompressOptions given_options)
      : original(std::move(given)),
        options(std::move(given_options)),
        techniques(options.techniques ? *options.techniques : all_techniques()),
        ops(options.ops ? *options.ops : all_ops()),
        recipe(parse_recipe(expand_preset(source, *original, options.have_data), techniques)),
        model(*original) {
    check_recipe(recipe, model);
    check_data(recipe, options);
    job = run();
  }

  ThreadPool& pool() { return options.pool ? *options.pool : serial; }
  const CancelFlag& cancel() const { return options.cancel ? *options.cancel : never; }

  Size measure(const Model& which) const {
    const std::vector<std::byte> bytes = write_model(which);
    Size size;
    size.raw = static_cast<int64_t>(bytes.size());
    size.compressed = options.compressed_size ? options.compressed_size(bytes) : size.raw;
    size.macs = model_cost(which.graph, ops).macs;
    return size;
  }

  /** Runs a technique's job, counting the samples it is given. */
  Job run_technique(const RecipeStep& step, TechniqueContext& context) {
    Job technique = step.technique->run(context);
    std::optional<Sample> input;
    while (true) {
      cancel().poll();
      const JobStatus status = technique.step(std::move(input));
      input.reset();
      if (status.done) co_return;
      input = co_await forward_status(status);
      if (input) ++samples;
    }
  }

  /** Why a step is not worth keeping, or "". */
  std::string why_undone(const RecipeStep& step, const StepReport& report, const Size& was,
                         const Size& is) const {
    if (report.touched.empty() && step.technique->pays_in_bytes &&
        is.compressed >= was.compressed) {
      return "it changed no layer";
    }
    if (step.keep) return "";
    if (step.technique->pays_in_bytes && is.compressed > was.compressed) {
      return concat("it made the ", options.compressed_size ? "compressed " : "",
                    "file larger: ", was.compressed, " -> ", is.compressed, " bytes");
    }
    if (is.macs > was.macs && !report.adds_arithmetic) {
      return concat("it added arithmetic: ", was.macs, " -> ", is.macs, " multiply-accumulates");
    }
    return "";
  }

  json describe(const RecipeStep& step, const StepReport& report, const Size& was, const Size& is,
                const std::string& undone) const {
    json details = json::array();
    for (const StepReport::Touched& layer : report.touched) {
      details.push_back({{"name", layer.name}, {"op", layer.op}, {"detail", layer.detail}});
    }
    json entry = {{"technique", step.technique->name},
                  {"step", step.source},
                  {"kept", undone.empty()},
                  {"layers",
                   {{"touched", report.touched.size()},
                    {"total", report.touched.size() + report.left_alone.size()},
                    {"reasons", grouped_reasons(report)},
                    {"text", layers_text(report)}}},
                  {"details", std::move(details)},
                  {"bytes",
                   {{"before", was.raw},
                    {"after", is.raw},
                    {"compressedBefore", was.compressed},
                    {"compressedAfter", is.compressed}}},
                  {"macs", {{"before", was.macs}, {"after", is.macs}}},
                  {"warnings", report.warnings}};
    if (!report.facts.is_null()) entry["facts"] = report.facts;
    if (!undone.empty()) entry["undone"] = undone;
    return entry;
  }

  Job run() {
    co_await report_progress("measure", "", 0, -1);
    before = measure(model);
    after = before;
    bool data_used = false;
    std::optional<Model> unquantized;
    for (size_t i = 0; i < recipe.steps.size(); ++i) {
      const RecipeStep& step = recipe.steps[i];
      const Model saved = model;
      StepReport report;
      if (!step.technique->needs_passes.empty()) {
        std::vector<Pass> passes;
        for (const std::string& name : step.technique->needs_passes) {
          const Pass* pass = find_pass(name);
          if (pass == nullptr) {
            fail(Code::INTERNAL, step.technique->name, "Expected a pass named ", name);
          }
          passes.push_back(*pass);
        }
        run_passes(model.graph, passes, PassContext{ops, pool(), kFoldBudget});
      }
      if (step.data_passes() > 0) {
        if (data_used) co_await rewind_data(step.technique->name);
        data_used = true;
      }
      TechniqueContext context{model,        *original,       unquantized ? *unquantized : model,
                               step.options, step.rules,      recipe.target,
                               ops,          options.kernels, pool(),
                               recipe.seed,  cancel(),        report};
      co_await run_technique(step, context);
      compact_graphs(model.graph);
      co_await report_progress("measure", "", 0, -1);
      const Size now = measure(model);
      const std::string undone = why_undone(step, report, after, now);
      steps.push_back(describe(step, report, after, now, undone));
      if (!undone.empty()) {
        model = saved;
        continue;
      }
      json repeat = report.explicit_step.is_null() ? step.source : report.explicit_step;
      repeat["keep"] = true;
      explicit_steps.push_back(std::move(repeat));
      if (step.technique->quantizes && !unquantized) unquantized = saved;
      after = now;
    }
    done = true;
  }

  json report() const {
    json repeat = {{"whittle", kRecipeVersion},
                   {"seed", recipe.seed},
                   {"target", recipe.target},
                   {"steps", explicit_steps}};
    if (!recipe.input.is_null()) repeat["input"] = recipe.input;
    if (!recipe.gate.empty()) repeat["gate"] = to_json(recipe.gate);
    return {{"whittle", kRecipeVersion},
            {"seed", recipe.seed},
            {"target", recipe.target},
            {"needsOpset", required_opset(model)},
            {"bytes",
             {{"before", before.raw},
              {"after", after.raw},
              {"compressedBefore", before.compressed},
              {"compressedAfter", after.compressed}}},
            {"macs", {{"before", before.macs}, {"after", after.macs}}},
            {"steps", steps},
            {"recipe", std::move(repeat)},
            {"calibration", {{"samples", samples}, {"synthetic", options.data_synthetic}}}};
  }
};

CompressJob::CompressJob(std::shared_ptr<const Model> model, const json& recipe,
                         CompressOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), recipe, std::move(options))) {}
CompressJob::~CompressJob() = default;
CompressJob::CompressJob(CompressJob&&) noexcept = default;
CompressJob& CompressJob::operator=(CompressJob&&) noexcept = default;

JobStatus CompressJob::step(std::optional<Sample> input) {
  impl_->cancel().poll();
  return impl_->job.step(std::move(input));
}

const Recipe& CompressJob::recipe() const {
  return impl_->recipe;
}

Model CompressJob::result() const {
  if (!impl_->done) fail(Code::INTERNAL, "", "Expected a finished job for result()");
  return impl_->model;
}

json CompressJob::report() const {
  if (!impl_->done) fail(Code::INTERNAL, "", "Expected a finished job for report()");
  return impl_->report();
}

}  // namespace whittle
