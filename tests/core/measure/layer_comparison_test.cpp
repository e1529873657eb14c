#include "core/measure/layer_comparison.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/graph/verify.h"

namespace whittle {
namespace {

using nlohmann::json;

/** Chains of nodes over an input x [4, 3]; a node named "fc" makes "fc_out". */
class Chain {
 public:
  Chain() {
    last_ = graph().add_value("x", DType::f32, Dims{4, 3});
    graph().inputs = {last_};
  }
  Chain& matmul(const std::string& name, Tensor weight, const std::string& output = "") {
    return node("MatMul", name, {last_, graph().add_constant(name + "_w", std::move(weight))},
                output);
  }
  Chain& relu(const std::string& name) { return node("Relu", name, {last_}, ""); }
  std::shared_ptr<const Model> finish() {
    graph().outputs = {last_};
    verify(model_.graph);
    return std::make_shared<const Model>(std::move(model_));
  }

 private:
  Graph& graph() { return model_.graph; }
  Chain& node(const std::string& op, const std::string& name, std::vector<ValueId> inputs,
              const std::string& output) {
    Node node;
    node.op = op;
    node.name = name;
    node.inputs = std::move(inputs);
    last_ = graph().add_value(output.empty() ? name + "_out" : output, DType::f32);
    node.outputs = {last_};
    graph().nodes.push_back(std::move(node));
    return *this;
  }

  Model model_;
  ValueId last_ = kNoValue;
};

/** A diagonal matrix. */
Tensor diagonal(float a, float b, float c) {
  return Tensor::of<float>({3, 3}, {a, 0, 0, 0, b, 0, 0, 0, c});
}

Sample sample_of(uint64_t seed) {
  Random random(seed);
  Sample sample;
  Tensor x = Tensor::allocate(DType::f32, {4, 3});
  for (float& value : x.mutable_data<float>()) value = random.normal();
  sample.feeds["x"] = x;
  return sample;
}

json compare(const std::shared_ptr<const Model>& a, const std::shared_ptr<const Model>& b,
             int samples = 20, int64_t memory = 1 << 20) {
  LayerComparisonOptions options;
  options.memory = memory;
  LayerComparisonJob job(a, b, options);
  int given = 0;
  std::optional<Sample> next;
  for (JobStatus status = job.step(); !status.done; status = job.step(std::move(next))) {
    next.reset();
    if (status.want == Want::sample && given < samples) {
      next = sample_of(static_cast<uint64_t>(++given));
    }
  }
  return job.result();
}

const json& layer(const json& result, const std::string& name) {
  for (const json& each : result["layers"]) {
    if (each["name"] == name) return each;
  }
  throw Error(Code::INTERNAL, "no layer named " + name);
}

TEST(LayerComparison, MeasuresEachLayerByClosedFormWorstFirst) {
  const auto original =
      Chain().matmul("a", diagonal(1, 1, 1)).relu("r").matmul("b", diagonal(2, 2, 2));
  const json result = compare(Chain(original).finish(), Chain()
                                                            .matmul("a", diagonal(1, 1, 1))
                                                            .relu("r")
                                                            .matmul("b", diagonal(2.1f, 2.1f, 2.1f))
                                                            .finish());
  EXPECT_EQ(result["samples"], 20);
  ASSERT_EQ(result["layers"].size(), 3u);
  EXPECT_EQ(result["layers"][0]["name"], "b");
  // 5 % more of everything: signal / noise = 1 / 0.05^2.
  EXPECT_NEAR(result["layers"][0]["sqnrDb"].get<double>(), 10 * std::log10(400.0), 1e-4);
  EXPECT_NEAR(result["layers"][0]["cosine"].get<double>(), 1, 1e-9);
  EXPECT_EQ(result["layers"][0]["macs"], 36);
  EXPECT_EQ(result["layers"][0]["bytes"], 36);
  float largest = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Sample sample = sample_of(seed);
    for (float value : sample.feeds.at("x").data<float>()) largest = std::max(largest, value);
  }
  EXPECT_NEAR(result["layers"][0]["maxError"].get<double>(), 0.1 * largest, 1e-5);
  EXPECT_EQ(layer(result, "a")["exact"], true);
  EXPECT_TRUE(layer(result, "a")["sqnrDb"].is_null());
  EXPECT_TRUE(result["alone"].empty());
}

TEST(LayerComparison, ComparesAFusedLayerAtTheNextTensorBothHave) {
  const json result =
      compare(Chain().matmul("a", diagonal(1, 2, 3)).relu("r").finish(),
              Chain().matmul("a", diagonal(1, 2, 2.9f), "fused").relu("r").finish());
  ASSERT_EQ(result["layers"].size(), 1u);
  EXPECT_EQ(result["layers"][0]["name"], "a");
  EXPECT_EQ(result["layers"][0]["output"], "r_out");
  EXPECT_EQ(result["layers"][0]["compressed"]["op"], "MatMul");
  EXPECT_TRUE(result["alone"].empty());
}

TEST(LayerComparison, ListsTheFactorsOfALayerAsPartsOfIt) {
  const json result =
      compare(Chain().matmul("a", diagonal(1, 2, 3)).matmul("b", diagonal(1, 1, 1)).finish(),
              Chain()
                  .matmul("a1", diagonal(1, 2, 0))
                  .matmul("a", diagonal(1, 1, 1))
                  .matmul("b", diagonal(1, 1, 1))
                  .finish());
  EXPECT_EQ(layer(result, "a")["compressed"]["op"], "MatMul+MatMul");
  EXPECT_EQ(layer(result, "a")["compressed"]["macs"], 72);
  ASSERT_EQ(result["alone"].size(), 1u);
  EXPECT_EQ(result["alone"][0]["name"], "a1");
  EXPECT_EQ(result["alone"][0]["in"], "compressed");
}

TEST(LayerComparison, SaysWhereALayerOfTheOriginalWent) {
  const json result =
      compare(Chain().matmul("a", diagonal(1, 2, 3)).matmul("b", diagonal(3, 2, 1)).finish(),
              Chain().matmul("ab", diagonal(3, 4, 3), "b_out").finish());
  ASSERT_EQ(result["layers"].size(), 1u);
  ASSERT_EQ(result["alone"].size(), 1u);
  EXPECT_EQ(result["alone"][0]["in"], "original");
}

TEST(LayerComparison, UndoesTheScalingOfEqualization) {
  const auto small = [](float error) {
    return Chain()
        .matmul("a", diagonal(2 * (1 + error), 0.5f, 8))
        .matmul("b", diagonal(0.5f, 2, 0.125f))
        .finish();
  };
  const auto original =
      Chain().matmul("a", diagonal(1, 1, 1)).matmul("b", diagonal(1, 1, 1)).finish();
  const json result = compare(original, small(0));
  EXPECT_EQ(layer(result, "a")["rescaled"], true);
  EXPECT_GT(layer(result, "a")["sqnrDb"].get<double>(), 100);
  EXPECT_TRUE(layer(result, "a")["maxError"].is_null());
  EXPECT_EQ(layer(result, "b")["exact"], true);
  // An error of the scale itself shows where it is undone.
  EXPECT_LT(layer(compare(original, small(0.05f)), "b")["sqnrDb"].get<double>(), 35);
}

TEST(LayerComparison, DoesNotTakeAShiftForEqualization) {
  // Every value off by its mean error: what bias correction is for.
  const auto original = Chain().matmul("a", diagonal(1, 1, 1)).relu("r").finish();
  const auto off = Chain().matmul("a", diagonal(1.05f, 1.05f, 1.05f)).relu("r").finish();
  EXPECT_FALSE(layer(compare(original, off), "a").contains("rescaled"));
}

TEST(LayerComparison, GivesTheSameInLittleMemory) {
  const auto a =
      Chain().matmul("a", diagonal(1, 2, 3)).relu("r").matmul("b", diagonal(2, 2, 2)).finish();
  const auto b = Chain()
                     .matmul("a", diagonal(1, 2.2f, 3))
                     .relu("r")
                     .matmul("b", diagonal(2, 2, 2.1f))
                     .finish();
  EXPECT_EQ(compare(a, b, 5, 1), compare(a, b, 5));
}

TEST(LayerComparison, ListsLayersOfOtherShapes) {
  const json result = compare(Chain()
                                  .matmul("a", Tensor::of<float>({3, 2}, {1, 0, 0, 1, 1, 1}))
                                  .matmul("b", Tensor::of<float>({2, 2}, {1, 0, 0, 1}))
                                  .finish(),
                              Chain()
                                  .matmul("a", Tensor::of<float>({3, 1}, {1, 0, 1}))
                                  .matmul("b", Tensor::of<float>({1, 2}, {1, 0}))
                                  .finish());
  ASSERT_EQ(result["alone"].size(), 1u);
  EXPECT_EQ(result["alone"][0]["reason"],
            "its output has shape [4,2], in the compressed model [4,1]");
}

TEST(LayerComparison, CountsWhatIsNotFinite) {
  const json result = compare(Chain().matmul("a", diagonal(1, 1, 1)).finish(),
                              Chain().matmul("a", diagonal(1, INFINITY, 1)).finish(), 1);
  EXPECT_GT(result["layers"][0]["nonFinite"].get<int>(), 0);
}

TEST(LayerComparison, RefusesEmptyData) {
  const auto model = Chain().matmul("a", diagonal(1, 1, 1)).finish();
  try {
    compare(model, model, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::EMPTY_DATA);
  }
}

}  // namespace
}  // namespace whittle
