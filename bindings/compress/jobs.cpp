#include "bindings/compress/jobs.h"

#include <emscripten/bind.h>

#include "bindings/convert.h"
#include "bindings/environment.h"
#include "bindings/guard.h"
#include "bindings/model.h"

namespace whittle::bindings {

using emscripten::val;
using nlohmann::json;

namespace {

std::string_view want_name(Want want) {
  switch (want) {
    case Want::sample:
      return "sample";
    case Want::rewind:
      return "rewind";
    case Want::nothing:
      break;
  }
  return "nothing";
}

val status_to_js(const JobStatus& status) {
  val progress = val::object();
  progress.set("stage", status.progress.stage);
  if (!status.progress.layer.empty()) progress.set("layer", status.progress.layer);
  progress.set("done", static_cast<double>(status.progress.done));
  if (status.progress.total >= 0) {
    progress.set("total", static_cast<double>(status.progress.total));
  }
  val object = val::object();
  object.set("done", status.done);
  object.set("wants", std::string(want_name(status.want)));
  object.set("progress", progress);
  return object;
}

std::optional<Sample> sample_from_js(const val& object) {
  if (object.isUndefined() || object.isNull()) return std::nullopt;
  Sample sample;
  sample.feeds = feeds_from_js(object["feeds"]);
  if (!object["label"].isUndefined()) {
    sample.label = static_cast<int64_t>(object["label"].as<double>());
  }
  if (!object["id"].isUndefined()) sample.id = object["id"].as<std::string>();
  return sample;
}

class CompressHandle final : public JobHandle {
 public:
  CompressHandle(std::shared_ptr<const Model> model, const json& recipe, CompressOptions options)
      : job_(std::move(model), recipe, with_cancel(std::move(options))) {}

  val model() const override {
    return guarded([&] { return val(std::make_shared<ModelHandle>(job_.result())); });
  }

 protected:
  JobStatus advance(std::optional<Sample> input) override { return job_.step(std::move(input)); }
  json make_report() const override { return job_.report(); }

 private:
  CompressOptions with_cancel(CompressOptions options) {
    options.cancel = &cancel_;
    return options;
  }

  CompressJob job_;
};

/** A job that looks at two models and makes none. */
template <typename Job, typename Options>
class ComparisonHandle final : public JobHandle {
 public:
  ComparisonHandle(std::shared_ptr<const Model> original, std::shared_ptr<const Model> compressed,
                   Options options)
      : job_(std::move(original), std::move(compressed), with_cancel(std::move(options))) {}

 protected:
  JobStatus advance(std::optional<Sample> input) override { return job_.step(std::move(input)); }
  json make_report() const override { return job_.result(); }

 private:
  Options with_cancel(Options options) {
    options.cancel = &cancel_;
    return options;
  }

  Job job_;
};

using CompareHandle = ComparisonHandle<EvaluateJob, EvaluateOptions>;
using LayersHandle = ComparisonHandle<LayerComparisonJob, LayerComparisonOptions>;

/** Parses JSON that our own JavaScript made. */
json parse(const std::string& text) {
  return json::parse(text);
}

/** `recipe` and `options` are JSON; `options`: {haveData, reiterable, synthetic}. */
val start_compress(const ModelHandle& model, const std::string& recipe, const std::string& options,
                   const val& compressed_size) {
  return guarded([&] {
    const json given = parse(options);
    CompressOptions made;
    made.pool = &pool();
    made.kernels = &kernels("");
    made.have_data = given.at("haveData");
    made.data_reiterable = given.at("reiterable");
    made.data_synthetic = given.at("synthetic");
    made.compressed_size = [compressed_size](std::span<const std::byte> bytes) {
      return static_cast<int64_t>(
          compressed_size(bytes_to_js(bytes.data(), bytes.size())).as<double>());
    };
    std::shared_ptr<JobHandle> job =
        std::make_shared<CompressHandle>(model.model(), parse(recipe), std::move(made));
    return val(std::move(job));
  });
}

OutputKind kind_of(const std::string& name) {
  if (name == "values") return OutputKind::values;
  if (name == "classes") return OutputKind::classes;
  if (name == "pixels") return OutputKind::pixels;
  return OutputKind::automatic;
}

/** `compressed` may be null: then only the original is looked at. `options` is JSON: {outputs:
 * {name: kind}, checkPreprocessing, synthetic}. */
val start_compare(const ModelHandle& original, const val& compressed, const std::string& options) {
  return guarded([&] {
    const json given = parse(options);
    EvaluateOptions made;
    made.pool = &pool();
    made.kernels = &kernels("");
    for (const auto& [name, kind] : given.at("outputs").items()) {
      made.outputs[name] = kind_of(kind.get<std::string>());
    }
    made.check_preprocessing = given.at("checkPreprocessing");
    made.synthetic = given.at("synthetic");
    std::shared_ptr<const Model> second;
    if (!compressed.isNull()) second = compressed.as<std::shared_ptr<ModelHandle>>()->model();
    std::shared_ptr<JobHandle> job =
        std::make_shared<CompareHandle>(original.model(), std::move(second), std::move(made));
    return val(std::move(job));
  });
}

val start_compare_layers(const ModelHandle& original, const ModelHandle& compressed) {
  return guarded([&] {
    LayerComparisonOptions options;
    options.pool = &pool();
    options.kernels = &kernels("");
    std::shared_ptr<JobHandle> job =
        std::make_shared<LayersHandle>(original.model(), compressed.model(), options);
    return val(std::move(job));
  });
}

val explain_recipe(const ModelHandle& model, const std::string& recipe) {
  return guarded([&] { return val(explain(*model.model(), parse(recipe)).dump()); });
}

/** Judges an evaluation against a gate; both JSON. */
val judge_evaluation(const std::string& gate, const std::string& evaluation) {
  return guarded([&] { return val(judge(parse_gate(parse(gate)), parse(evaluation)).dump()); });
}

/** The recipe behind a preset's name for this model, as JSON. */
val preset(const ModelHandle& model, const std::string& name, bool have_data) {
  return guarded([&] { return val(preset_recipe(name, *model.model(), have_data).dump()); });
}

std::string schema() {
  return technique_schema().dump();
}

}  // namespace

val JobHandle::step(const val& sample) {
  return guarded([&] { return status_to_js(advance(sample_from_js(sample))); });
}

val JobHandle::report() const {
  return guarded([&] { return val(make_report().dump()); });
}

val JobHandle::model() const {
  return guarded([]() -> val {
    throw Error(Code::UNSUPPORTED, "Expected a compression job for model but received another job");
  });
}

EMSCRIPTEN_BINDINGS(whittle_jobs) {
  emscripten::class_<JobHandle>("JobHandle")
      .smart_ptr<std::shared_ptr<JobHandle>>("JobHandle")
      .function("step", &JobHandle::step)
      .function("cancel", &JobHandle::cancel)
      .function("report", &JobHandle::report)
      .function("model", &JobHandle::model);
  emscripten::function("startCompress", &start_compress);
  emscripten::function("startCompare", &start_compare);
  emscripten::function("startCompareLayers", &start_compare_layers);
  emscripten::function("explain", &explain_recipe);
  emscripten::function("judge", &judge_evaluation);
  emscripten::function("presetRecipe", &preset);
  emscripten::function("techniqueSchema", &schema);
}

}  // namespace whittle::bindings
