#include <gtest/gtest.h>

#include "core/onnx/writer.h"
#include "tests/core/compress/static_network.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;
using test::small_network;

/** Three layers, the second with one channel a thousand times the others: per tensor its weights
 * lose nearly everything. */
std::shared_ptr<const Model> network_with_a_sensitive_layer() {
  test::ModelMaker maker;
  ValueId x = maker.input("x", {Dim::named("batch"), 16});
  for (int i = 0; i < 3; ++i) {
    Tensor weight = test::random_tensor({16, 16}, static_cast<uint64_t>(i) + 1, 0.3f);
    if (i == 1) {
      for (size_t k = 0; k < 16; ++k) weight.mutable_data<float>()[k * 16] *= 1000;
    }
    const std::string number = std::to_string(i);
    x = maker.node("MatMul", "fc" + number, {x, maker.constant("w" + number, weight)});
    if (i == 1) {
      std::vector<float> factors(16, 1.0f);
      factors[0] = 1e-3f;
      x = maker.node("Mul", "even", {x, maker.constant("f", Tensor::of<float>({16}, factors))});
    }
  }
  maker.output(x);
  return maker.finish();
}

TEST(QuantizeStatic, KeepsTheMostSensitiveLayersInFloat) {
  const auto model = network_with_a_sensitive_layer();
  json step = {{"technique", "quantize-static"}, {"weights", "tensor"}, {"keep", true}};
  const auto all = test::compress(model, recipe_of({step}));
  EXPECT_LT(test::output_sqnr_db(*model, all.model), 20);
  for (const auto& [option, value] : {std::pair<const char*, json>("minSqnr", 30),
                                      std::pair<const char*, json>("floatLayers", 1)}) {
    json asked = step;
    asked[option] = value;
    const auto result = test::compress(model, recipe_of({asked}));
    const json& report = result.report["steps"][0];
    EXPECT_EQ(report["facts"]["sensitivity"][0]["layer"], "fc1") << option;
    EXPECT_EQ(report["layers"]["text"], "2/3: 1 kept in float: among the most sensitive");
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 30);
    const auto repeated = test::compress(model, result.report["recipe"], 0);
    EXPECT_EQ(write_model(result.model), write_model(repeated.model));
  }
  // What cannot be had is said, and nothing is changed.
  json asked = step;
  asked["minSqnr"] = 200;
  const auto none = test::compress(model, recipe_of({asked}));
  EXPECT_EQ(none.report["steps"][0]["kept"], false);
  EXPECT_EQ(none.report["steps"][0]["warnings"].size(), 1u);
  EXPECT_EQ(write_model(none.model), write_model(*model));
}

TEST(QuantizeStatic, SpendsAFloatBudgetAndNoMore) {
  const auto model = small_network();
  const json plain = {{"technique", "quantize-static"}, {"keep", true}};
  const auto integer = test::compress(model, recipe_of({plain}));
  const double before = test::output_sqnr_db(*model, integer.model);
  for (const double bound : {before + 1, 200.0}) {
    json step = plain;
    step["minSqnr"] = bound;
    step["floatBudget"] = 0.6;
    const auto result = test::compress(model, recipe_of({step}));
    const json& report = result.report["steps"][0];
    const json& fallback = report["facts"]["fallback"];
    EXPECT_LE(fallback["macsShare"], 0.6);
    EXPECT_GT(fallback["floatLayers"], 0);
    EXPECT_EQ(report["warnings"].size(), bound == 200 ? 1u : 0u);
    // All weights are in 8 bits, whatever the arithmetic.
    EXPECT_EQ(report["layers"]["touched"], 4);
    EXPECT_GT(test::output_sqnr_db(*model, result.model), before);
    const auto repeated = test::compress(model, result.report["recipe"], 0);
    EXPECT_EQ(write_model(result.model), write_model(repeated.model));
  }
  // What is near enough already costs nothing.
  json step = plain;
  step["minSqnr"] = 5;
  step["floatBudget"] = 0.6;
  const auto same = test::compress(model, recipe_of({step}));
  EXPECT_EQ(write_model(same.model), write_model(integer.model));
  step.erase("minSqnr");
  EXPECT_THROW(test::compress(model, recipe_of({step})), Error);
}

TEST(QuantizeStatic, ChoosesTheCalibratorByTheOutputs) {
  const auto model = small_network();
  json step = {{"technique", "quantize-static"}, {"calibrator", "outputs"}, {"keep", true}};
  const auto result = test::compress(model, recipe_of({step}));
  const json& found = result.report["steps"][0]["facts"]["calibrators"];
  EXPECT_EQ(found.size(), 6u);
  std::string best = "minmax";
  for (const auto& [name, db] : found.items()) {
    if (db > found[best]) best = name;
  }
  // The same ranges as that calibrator alone gives.
  step["calibrator"] = best;
  const auto alone = test::compress(model, recipe_of({step}));
  EXPECT_EQ(write_model(result.model), write_model(alone.model));
  const auto repeated = test::compress(model, result.report["recipe"], 0);
  EXPECT_EQ(write_model(result.model), write_model(repeated.model));
}

TEST(QuantizeStatic, MeetsAnAgreementOrSaysThatThereAreNoClasses) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 16});
  const ValueId w = maker.constant("w", test::random_tensor({16, 5}, 1));
  const ValueId y = maker.node("MatMul", "fc", {x, w});
  maker.output(y);
  const json recipe =
      recipe_of({{{"technique", "quantize-static"}, {"minAgreement", 0.5}, {"keep", true}}});
  const auto result = test::compress(maker.finish(), recipe);
  EXPECT_GE(result.report["steps"][0]["facts"]["fallback"]["agreement"], 0.5);
  EXPECT_EQ(result.report["steps"][0]["facts"]["fallback"]["floatLayers"], 0);
}

}  // namespace
}  // namespace whittle
