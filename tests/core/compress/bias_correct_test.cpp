#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

/** Positive inputs through rounded weights shift the mean: conv -> relu -> conv -> relu -> fc. */
std::shared_ptr<const Model> shifting(bool biases = true) {
  test::ModelMaker maker;
  const auto w = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    return maker.constant(name, test::random_tensor(shape, seed, 0.3f));
  };
  const auto inputs = [&](ValueId x, const std::string& name, const Shape& shape, uint64_t seed) {
    std::vector<ValueId> list = {x, w("w" + name, shape, seed)};
    const int64_t channels = shape[name == "c" ? 1 : 0];
    if (biases) {
      Tensor bias = test::random_tensor({channels}, seed + 10, 0.1f);
      for (float& each : bias.mutable_data<float>()) each += 1.0f;
      list.push_back(maker.constant("b" + name, bias));
    }
    return list;
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 8, 8});
  const ValueId a =
      maker.node("Relu", "ra", {maker.node("Conv", "a", inputs(x, "a", {16, 3, 3, 3}, 1))});
  const ValueId b =
      maker.node("Relu", "rb", {maker.node("Conv", "b", inputs(a, "b", {16, 16, 3, 3}, 2))});
  const ValueId flat = maker.node("Flatten", "flat", {maker.node("GlobalAveragePool", "gap", {b})});
  maker.output(maker.node("Gemm", "c", inputs(flat, "c", {16, 12}, 3)));
  return maker.finish();
}

/** Largest mean error of a channel of the output over the calibration data. */
double mean_error(const Model& original, const Model& compressed) {
  std::vector<double> error(12, 0.0);
  for (uint64_t i = 0; i < 8; ++i) {
    const Feeds feeds = test::random_feeds(original, 100 + i * 10, 4);
    const auto expected = to_floats(test::reference_outputs(original, feeds)[0], "");
    const auto actual = to_floats(test::reference_outputs(compressed, feeds)[0], "");
    for (size_t k = 0; k < expected.size(); ++k) error[k % 12] += expected[k] - actual[k];
  }
  double most = 0;
  for (double each : error) most = std::max(most, std::fabs(each) / 32);
  return most;
}

json step(const std::string& technique, json options = json::object()) {
  options["technique"] = technique;
  return options;
}

TEST(BiasCorrect, TakesTheMeanErrorOutOfEveryForm) {
  const auto model = shifting();
  const json coarse = {{"bits", 4}};
  for (const json& quantize : {step("quantize-static", {{"weights", "tensor"}}),
                               step("quantize-weights", coarse), step("quantize-dynamic")}) {
    const auto before = test::compress(model, recipe_of({quantize}));
    const auto after = test::compress(
        model, recipe_of({quantize, step("bias-correct", {{"method", "empirical"}})}));
    const double was = mean_error(*model, before.model);
    const double is = mean_error(*model, after.model);
    EXPECT_LT(is, 0.15 * was + 1e-6) << quantize;
    EXPECT_EQ(after.report["steps"][1]["layers"]["touched"],
              quantize["technique"] == "quantize-dynamic" ? 1 : 3);
  }
}

TEST(BiasCorrect, IsExactForOneLayer) {
  // W = [1, 0.4 / 127, 0 ...]: the second weight is rounded to 0, so every output lacks 0.4 / 127
  // of it.
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 512});
  Tensor weight = Tensor::zeros(DType::f32, {512, 1});
  weight.mutable_data<float>()[0] = 1.0f;
  weight.mutable_data<float>()[1] = 0.4f / 127;
  const ValueId w = maker.constant("w", weight);
  const ValueId b = maker.constant("b", Tensor::of<float>({1}, {0.25f}));
  maker.output(maker.node("Gemm", "fc", {x, w, b}));
  const auto model = maker.finish();
  double mean = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    const Feeds feeds = test::random_feeds(*model, 100 + i * 10, 4);
    for (size_t k = 0; k < 4; ++k) mean += feeds.at("x").data<float>()[512 * k + 1] / 32;
  }
  for (const std::string method : {"empirical", "analytic"}) {
    const auto result =
        test::compress(model, recipe_of({step("quantize-weights", {{"keep", true}}),
                                         step("bias-correct", {{"method", method}})}));
    const Node& fc = test::node_named(result.model.graph, "fc");
    const float bias = result.model.graph.constant(fc.inputs[2])->data<float>()[0];
    EXPECT_NEAR(bias, 0.25 + 0.4 / 127 * mean, 0.01 * std::fabs(mean) * 0.4 / 127 + 1e-7);
  }
}

TEST(BiasCorrect, WorksOnAnEqualizedModel) {
  const auto model = shifting();
  const json tensor = step("quantize-static", {{"weights", "tensor"}});
  const auto before = test::compress(model, recipe_of({step("equalize"), tensor}));
  const auto after =
      test::compress(model, recipe_of({step("equalize"), tensor, step("bias-correct")}));
  EXPECT_LT(mean_error(*model, after.model), 0.2 * mean_error(*model, before.model) + 1e-3);
  EXPECT_EQ(after.report["steps"][2]["layers"]["touched"], 3);
}

TEST(BiasCorrect, AddsABiasWhereOneIsMissing) {
  const auto model = shifting(false);
  const json tensor = step("quantize-static", {{"weights", "tensor"}});
  const auto before = test::compress(model, recipe_of({tensor}));
  const auto after = test::compress(model, recipe_of({tensor, step("bias-correct")}));
  EXPECT_LT(mean_error(*model, after.model), mean_error(*model, before.model));
  EXPECT_EQ(test::node_named(after.model.graph, "b").inputs.size(), 3u);
}

TEST(BiasCorrect, RepeatsItsResultFromTheReportWithoutData) {
  const auto model = shifting();
  for (const std::string technique : {"quantize-static", "quantize-weights"}) {
    const auto first = test::compress(model, recipe_of({step(technique), step("bias-correct")}));
    const json repeat = json::parse(first.report["recipe"].dump());
    const auto second = test::compress(model, repeat, 0);
    EXPECT_EQ(write_model(first.model), write_model(second.model)) << technique;
  }
}

TEST(BiasCorrect, NeedsAFloatOriginalAndAQuantizingStep) {
  const auto model = shifting();
  const json alone = recipe_of({step("bias-correct")});
  const auto nothing = test::compress(model, alone);
  EXPECT_EQ(nothing.report["steps"][0]["warnings"].size(), 1u);
  EXPECT_EQ(write_model(nothing.model), write_model(*model));
  const auto repeated = test::compress(model, nothing.report["recipe"], 0);
  EXPECT_EQ(write_model(repeated.model), write_model(*model));
  const auto quantized = test::compress(model, recipe_of({step("quantize-static")}));
  try {
    test::compress(std::make_shared<const Model>(quantized.model), alone);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::ALREADY_QUANTIZED);
  }
}

TEST(BiasCorrect, RefusesHostileData) {
  const auto model = shifting();
  CompressOptions options;
  options.have_data = true;
  CompressJob job(model, recipe_of({step("quantize-weights"), step("bias-correct")}), options);
  Sample sample;
  sample.feeds = test::random_feeds(*model, 1);
  sample.feeds["x"].mutable_data<float>()[3] = NAN;
  try {
    for (JobStatus status = job.step(); !status.done;) {
      status = job.step(status.want == Want::sample ? std::optional(sample) : std::nullopt);
    }
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_DATA);
  }
}

}  // namespace
}  // namespace whittle
