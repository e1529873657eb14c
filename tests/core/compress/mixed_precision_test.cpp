#include <gtest/gtest.h>

#include "core/compress/quantize/support/mixed/mixed_search.h"
#include "core/measure/statistics.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

constexpr int kSamples = 12;

/** Gemm, Relu, Gemm, Relu, Gemm: three layers of very different sizes. */
std::shared_ptr<const Model> three_layers() {
  test::ModelMaker maker;
  ValueId x = maker.input("x", {Dim::named("batch"), 48});
  const int64_t widths[] = {48, 160, 64, 12};
  for (int i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i + 1);
    const auto seed = static_cast<uint64_t>(i);
    const ValueId w = maker.constant(
        "w" + number, test::random_tensor({widths[i + 1], widths[i]}, 1 + seed, 0.15f));
    const ValueId b =
        maker.constant("b" + number, test::random_tensor({widths[i + 1]}, 11 + seed, 0.1f));
    x = maker.node("Gemm", "fc" + number, {x, w, b}, {{"transB", int64_t{1}}});
    if (i < 2) x = maker.node("Relu", "relu" + number, {x});
  }
  maker.output(x);
  return maker.finish();
}

json mixed(json options) {
  options["technique"] = "mixed-precision";
  return recipe_of({options});
}

int64_t bytes_of(const Model& model) {
  return static_cast<int64_t>(write_model(model).size());
}

/** SQNR over the very samples that test::compress gives. */
double sqnr_on_samples(const Model& original, const Model& compressed) {
  std::vector<float> expected;
  std::vector<float> actual;
  for (int i = 0; i < kSamples; ++i) {
    const Feeds feeds = test::random_feeds(original, 100 + static_cast<uint64_t>(i) * 10, 4);
    for (float v : to_floats(test::reference_outputs(original, feeds)[0], "y"))
      expected.push_back(v);
    for (float v : to_floats(test::reference_outputs(compressed, feeds)[0], "y"))
      actual.push_back(v);
  }
  return test::sqnr_db(expected, actual);
}

/** Every way to give the three layers float, int8 or int4, as plain steps. */
std::vector<std::pair<int64_t, double>> all_choices(const std::shared_ptr<const Model>& model) {
  std::vector<std::pair<int64_t, double>> found;
  for (int code = 1; code < 27; ++code) {
    json rules = json::array();
    for (int layer = 0, rest = code; layer < 3; ++layer, rest /= 3) {
      if (rest % 3 == 0) continue;
      rules.push_back(
          {{"name", "fc" + std::to_string(layer + 1)}, {"bits", rest % 3 == 1 ? 8 : 4}});
    }
    const auto result = test::compress(
        model, recipe_of({{{"technique", "quantize-weights"}, {"layers", rules}}}), 0);
    found.emplace_back(bytes_of(result.model), sqnr_on_samples(*model, result.model));
  }
  return found;
}

TEST(MixedPrecision, KeepsASizeWithTheLeastError) {
  const auto model = three_layers();
  const auto choices = all_choices(model);
  for (const double share : {0.5, 0.25, 0.2}) {
    SCOPED_TRACE(share);
    const auto result = test::compress(model, mixed({{"maxBytes", share}}), kSamples);
    const int64_t limit = static_cast<int64_t>(share * static_cast<double>(bytes_of(*model)));
    EXPECT_LE(bytes_of(result.model), limit);
    const double sqnr = sqnr_on_samples(*model, result.model);
    const json& facts = result.report["steps"][0]["facts"];
    EXPECT_EQ(facts["result"]["bytes"], bytes_of(result.model));
    EXPECT_NEAR(facts["result"]["sqnrDb"].get<double>(), sqnr, 0.05);
    for (const auto& [bytes, other] : choices) {
      // The measure is KL, which ranks almost equal choices a little differently.
      if (bytes > limit) continue;
      EXPECT_GE(sqnr, other - 1) << bytes;
    }
  }
}

TEST(MixedPrecision, KeepsAFidelityWithTheFewestBytes) {
  const auto model = three_layers();
  const auto choices = all_choices(model);
  for (const double bound : {45.0, 30.0, 22.0}) {
    SCOPED_TRACE(bound);
    const auto result = test::compress(model, mixed({{"minSqnr", bound}}), kSamples);
    EXPECT_GE(sqnr_on_samples(*model, result.model), bound - 0.01);
    for (const auto& [bytes, sqnr] : choices) {
      if (sqnr < bound + 0.01) continue;
      EXPECT_LE(bytes_of(result.model), bytes + bytes / 50) << sqnr;
    }
  }
}

TEST(MixedPrecision, RepeatsItsResultAsAPlainStep) {
  const auto model = three_layers();
  for (const char* rounding : {"nearest", "gptq"}) {
    SCOPED_TRACE(rounding);
    const auto first =
        test::compress(model, mixed({{"maxBytes", 0.2}, {"rounding", rounding}}), kSamples);
    const json repeat = json::parse(first.report["recipe"].dump());
    EXPECT_EQ(repeat["steps"][0]["technique"], "quantize-weights");
    const auto second = test::compress(model, repeat, 0);
    EXPECT_EQ(write_model(first.model), write_model(second.model));
  }
}

TEST(MixedPrecision, JudgesAgreementByTheLowerEndOfItsInterval) {
  const auto model = three_layers();
  const auto result = test::compress(model, mixed({{"minAgreement", 0.99}}), kSamples);
  const json& step = result.report["steps"][0];
  EXPECT_EQ(step["facts"]["result"]["agreement"], 1);
  EXPECT_LT(bytes_of(result.model), bytes_of(*model) * 3 / 10);
  ASSERT_EQ(step["warnings"].size(), 1u);
  const std::string warning = step["warnings"][0];
  EXPECT_NE(warning.find("12 samples cannot show an agreement of 99 %"), std::string::npos);
  EXPECT_NE(warning.find("381 samples would"), std::string::npos) << warning;
  EXPECT_GE(wilson(381, 381).low, 0.99);
  EXPECT_LT(wilson(380, 380).low, 0.99);

  MixedBound bound;
  bound.min_agreement = 0.9;
  Nearness near;
  near.samples = 100;
  near.changed = 3;
  EXPECT_TRUE(bound.kept_by(near));
  near.changed = 5;  // 95 of 100, at least 88.8 %
  EXPECT_FALSE(bound.kept_by(near));
}

TEST(MixedPrecision, TakesOnlyCandidatesAndSaysWhenTheyDoNotReach) {
  const auto model = three_layers();
  const auto tight = test::compress(
      model, mixed({{"maxBytes", 0.1}, {"candidates", {"int8", "int4-128"}}}), kSamples);
  const json& step = tight.report["steps"][0];
  EXPECT_EQ(step["facts"]["result"]["kept"], false);
  EXPECT_NE(step["warnings"][0].get<std::string>().find("No choice takes at most 10 %"),
            std::string::npos);
  EXPECT_EQ(step["layers"]["touched"], 3);

  const json last = {{{"name", "*"}}, {{"name", "fc3"}, {"candidates", {"float"}}}};
  const auto head = test::compress(model, mixed({{"maxBytes", 0.3}, {"layers", last}}), kSamples);
  EXPECT_TRUE(
      head.model.graph.value(test::node_named(head.model.graph, "fc3").inputs[1]).is_constant());
  EXPECT_EQ(head.report["steps"][0]["layers"]["touched"], 2);
  EXPECT_LE(bytes_of(head.model), bytes_of(*model) * 3 / 10);
}

TEST(MixedPrecision, GivesLayersThatShareAWeightOneForm) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 64});
  const ValueId shared = maker.constant("shared", test::random_tensor({64, 64}, 1, 0.1f));
  const ValueId own = maker.constant("own", test::random_tensor({64, 64}, 2, 0.1f));
  const ValueId a = maker.node("MatMul", "first", {x, shared});
  const ValueId b = maker.node("MatMul", "middle", {maker.node("Relu", "relu", {a}), own});
  maker.output(maker.node("MatMul", "last", {b, shared}));
  const auto model = maker.finish();
  const auto result = test::compress(model, mixed({{"maxBytes", 0.25}}), kSamples);
  const json& rows = result.report["steps"][0]["facts"]["sensitivity"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["layer"], "first, last");
  EXPECT_LE(bytes_of(result.model) * 4, bytes_of(*model));
  const auto again = test::compress(model, result.report["recipe"], 0);
  EXPECT_EQ(write_model(result.model), write_model(again.model));
}

/** "CODE message" of what a recipe throws. */
std::string refusal(const std::shared_ptr<const Model>& model, const json& recipe) {
  try {
    test::compress(model, recipe, 4);
  } catch (const Error& error) {
    return concat(code_name(error.code), " ", error.what());
  }
  return "";
}

TEST(MixedPrecision, RefusesWhatItCannotServe) {
  const auto model = three_layers();
  EXPECT_NE(refusal(model, mixed({{"maxBytes", 0.2}, {"minSqnr", 30}})).find("received both"),
            std::string::npos);
  EXPECT_NE(refusal(model, mixed({{"candidates", {"int5"}}})).find("a list of some of \"float\""),
            std::string::npos);
  EXPECT_NE(refusal(model, mixed({{"rounding", "adaround-sequential"}})).find("INVALID_OPTION"),
            std::string::npos);
  EXPECT_NE(refusal(model, recipe_of({{{"technique", "mixed-precision"}}, {{"technique", "svd"}}}))
                .find("INVALID_RECIPE"),
            std::string::npos);
  // Two outputs of plain values have no classes.
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 64});
  const ValueId w = maker.constant("w", test::random_tensor({64, 64}, 1, 0.1f));
  const ValueId y = maker.node("MatMul", "mm", {x, w});
  maker.output(y);
  maker.output(maker.node("Neg", "neg", {y}));
  EXPECT_NE(refusal(maker.finish(), mixed({{"minAgreement", 0.9}})).find("Use minSqnr"),
            std::string::npos);
}

TEST(MixedPrecision, RefusesSamplesThatAreNotFiniteAndStopsWhenCancelled) {
  const auto model = three_layers();
  CancelFlag cancel;
  CompressOptions options;
  options.have_data = true;
  options.cancel = &cancel;
  CompressJob hostile(model, mixed({{"maxBytes", 0.2}}), options);
  JobStatus status = hostile.step();
  while (status.want != Want::sample) status = hostile.step();
  Sample bad;
  bad.feeds = test::random_feeds(*model, 1);
  bad.feeds["x"].mutable_data<float>()[3] = NAN;
  EXPECT_THROW(hostile.step(bad), Error);

  CompressJob cancelled(model, mixed({{"maxBytes", 0.2}}), options);
  status = cancelled.step();
  Sample good;
  good.feeds = test::random_feeds(*model, 1);
  int given = 0;
  while (status.progress.stage != "sensitivity") {
    const bool wanted = status.want == Want::sample && given++ < 2;
    status = cancelled.step(wanted ? std::optional(good) : std::nullopt);
  }
  EXPECT_EQ(status.progress.layer, "fc1");
  cancel.cancel();
  EXPECT_THROW(cancelled.step(), Error);
}

}  // namespace
}  // namespace whittle
