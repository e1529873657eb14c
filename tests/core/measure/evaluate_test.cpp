#include "core/measure/evaluate.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/base/error.h"
#include "core/measure/cost.h"
#include "core/measure/summary.h"

namespace whittle {
namespace {

using nlohmann::json;

/** y = x W with a given 3 x 3 matrix. */
std::shared_ptr<const Model> linear(std::initializer_list<float> matrix) {
  auto model = std::make_shared<Model>();
  Graph& graph = model->graph;
  const ValueId x = graph.add_value("x", DType::f32, Dims{Dim::named("batch"), 3});
  graph.inputs = {x};
  const ValueId w = graph.add_constant("w", Tensor::of<float>({3, 3}, matrix));
  const ValueId y = graph.add_value("y", DType::f32);
  Node node;
  node.op = "MatMul";
  node.name = "fc";
  node.inputs = {x, w};
  node.outputs = {y};
  graph.nodes.push_back(node);
  graph.outputs = {y};
  return model;
}

const std::initializer_list<float> kIdentity = {9, 0, 0, 0, 9, 0, 0, 0, 9};

Sample one_hot(int64_t index, std::optional<int64_t> label) {
  Sample sample;
  Tensor x = Tensor::zeros(DType::f32, {1, 3});
  x.mutable_data<float>()[static_cast<size_t>(index)] = 1;
  sample.feeds["x"] = x;
  sample.label = label;
  sample.id = "s" + std::to_string(index);
  return sample;
}

json evaluate(std::shared_ptr<const Model> a, std::shared_ptr<const Model> b, int count,
              const std::function<Sample(int)>& sample_at, EvaluateOptions options = {}) {
  EvaluateJob job(std::move(a), std::move(b), options);
  int given = 0;
  std::optional<Sample> next;
  for (JobStatus status = job.step(); !status.done; status = job.step(std::move(next))) {
    next.reset();
    if (status.want == Want::sample && given < count) next = sample_at(given++);
  }
  return job.result();
}

TEST(Evaluate, CountsAccuracyOfBothAndTheSamplesThatChanged) {
  // The second model swaps the last two classes.
  const json result = evaluate(linear(kIdentity), linear({9, 0, 0, 0, 0, 9, 0, 9, 0}), 30,
                               [](int i) { return one_hot(i % 3, i % 3); });
  EXPECT_EQ(result["samples"], 30);
  EXPECT_EQ(result["changed"], 20);
  EXPECT_EQ(result["accuracy"]["original"], 1.0);
  EXPECT_NEAR(result["accuracy"]["drop"].get<double>(), 20.0 / 30, 1e-12);
  EXPECT_EQ(result["worst"].size(), 10u);
  EXPECT_EQ(result["worst"][0]["changed"], true);
  EXPECT_EQ(result["exact"], false);
}

TEST(Evaluate, KnowsEqualModels) {
  const json result = evaluate(linear(kIdentity), linear(kIdentity), 5,
                               [](int i) { return one_hot(i % 3, std::nullopt); });
  EXPECT_EQ(result["exact"], true);
  EXPECT_EQ(result["changed"], 0);
  EXPECT_TRUE(result["outputs"][0]["sqnrDb"].is_null());
  EXPECT_FALSE(result.contains("accuracy"));
}

Code code_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.code;
  }
  return Code::INTERNAL;
}

TEST(Evaluate, SuspectsThePreprocessingOfAModelAtChance) {
  const auto wrong = [](int i) { return one_hot(i % 3, (i + 1) % 3); };
  EXPECT_EQ(code_of([&] { evaluate(linear(kIdentity), nullptr, 60, wrong); }),
            Code::PREPROCESSING_SUSPECT);
  EvaluateOptions forced;
  forced.check_preprocessing = false;
  EXPECT_EQ(evaluate(linear(kIdentity), nullptr, 60, wrong, forced)["accuracy"]["original"], 0.0);
  const auto flat = [](int i) { return one_hot(i % 3, std::nullopt); };
  EvaluateOptions scores;
  scores.outputs["y"] = OutputKind::classes;
  EXPECT_EQ(code_of([&] {
              evaluate(linear({1, 1, 1, 1, 1, 1, 1, 1, 1}), nullptr, 60, flat, scores);
            }),
            Code::PREPROCESSING_SUSPECT);
}

TEST(Evaluate, RefusesEmptyDataAndImpossibleLabels) {
  EXPECT_EQ(
      code_of([&] { evaluate(linear(kIdentity), nullptr, 0, [](int) { return one_hot(0, 0); }); }),
      Code::EMPTY_DATA);
  EXPECT_EQ(
      code_of([&] { evaluate(linear(kIdentity), nullptr, 1, [](int) { return one_hot(0, 3); }); }),
      Code::INVALID_DATA);
}

TEST(Cost, CountsParametersAndMacs) {
  const ModelCost cost = model_cost(linear(kIdentity)->graph, all_ops());
  EXPECT_EQ(cost.parameters, 9);
  EXPECT_EQ(cost.macs, 9);
  EXPECT_EQ(model_cost(linear(kIdentity)->graph, all_ops(), {{"x", Shape{4, 3}}}).macs, 36);
}

TEST(Summary, NamesInputsOperatorsAndLayers) {
  const json summary = summarize(*linear(kIdentity), all_ops());
  EXPECT_EQ(summary["inputs"][0]["dims"][0], "batch");
  EXPECT_EQ(summary["operators"]["MatMul"], 1);
  EXPECT_EQ(summary["parameters"], 9);
  EXPECT_EQ(summary["layers"][0]["macs"], 9);
  EXPECT_TRUE(summary["unsupported"].empty());
}

}  // namespace
}  // namespace whittle
