#include "core/measure/fidelity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/measure/gate.h"

namespace whittle {
namespace {

using nlohmann::json;

Tensor row(std::initializer_list<float> values) {
  return Tensor::of<float>({1, static_cast<int64_t>(values.size())}, values);
}

TEST(SignalStats, MatchesTheFormulas) {
  SignalStats stats;
  const std::vector<float> a = {3, 4};
  const std::vector<float> b = {3, 4.5f};
  stats.add(a, b);
  EXPECT_NEAR(*stats.sqnr_db(), 10 * std::log10(25 / 0.25), 1e-9);
  EXPECT_NEAR(*stats.cosine(), (9 + 18) / std::sqrt(25 * (9 + 20.25)), 1e-9);
  EXPECT_EQ(stats.max_error(), 0.5);
}

TEST(SignalStats, IsUndefinedWithoutNoiseAndCountsWhatIsNotFinite) {
  SignalStats stats;
  const std::vector<float> a = {1, 2};
  stats.add(a, a);
  EXPECT_FALSE(stats.sqnr_db());
  EXPECT_TRUE(stats.exact());
  const std::vector<float> bad = {1, NAN};
  stats.add(a, bad);
  EXPECT_EQ(stats.non_finite(), 1);
  EXPECT_FALSE(stats.exact());
  EXPECT_LT(*stats.sqnr_db(), 10);
}

TEST(Recognise, ClassScoresPixelsAndPlainValues) {
  EXPECT_EQ(recognise_output(row({2, -1, 0.5f}), true), OutputKind::classes);
  EXPECT_EQ(recognise_output(row({2, -1, 0.5f}), false), OutputKind::values);
  EXPECT_EQ(recognise_output(row({0.2f, 0.7f, 0.1f}), false), OutputKind::classes);
  EXPECT_EQ(recognise_output(row({0.4f}), true), OutputKind::values);
  EXPECT_EQ(recognise_output(Tensor::zeros(DType::i64, {1, 5, 5}), false), OutputKind::pixels);
  EXPECT_EQ(recognise_output(Tensor::zeros(DType::f32, {1, 3, 8, 8}), true), OutputKind::values);
}

TEST(Fidelity, CountsAgreementAndDivergence) {
  OutputFidelity output("logits", OutputKind::classes);
  const float ln3 = std::log(3.0f);
  EXPECT_FALSE(output.add(row({ln3, 0}), row({ln3, 0})).changed);
  EXPECT_TRUE(output.add(row({ln3, 0}), row({0, ln3})).changed);
  const json result = output.to_json();
  EXPECT_EQ(result["agreement"]["top1"], 0.5);
  EXPECT_EQ(result["agreement"]["changed"], 1);
  EXPECT_EQ(result["agreement"]["top5"], 1.0);
  // Half of KL((3/4, 1/4) || (1/4, 3/4)) = half of ln(3) / 2.
  EXPECT_NEAR(result["kl"].get<double>(), std::log(3.0) / 4, 1e-6);
}

TEST(Fidelity, ComparesLabelMapsPixelByPixel) {
  OutputFidelity output("map", OutputKind::pixels);
  const Tensor a = Tensor::of<int64_t>({1, 2, 2}, {1, 2, 3, 4});
  const Tensor b = Tensor::of<int64_t>({1, 2, 2}, {1, 2, 3, 0});
  EXPECT_TRUE(output.add(a, b).changed);
  EXPECT_EQ(output.to_json()["pixelAgreement"], 0.75);
  EXPECT_THROW(output.add(a, Tensor::of<int64_t>({1, 2, 1}, {1, 2})), Error);
}

json agreement_of(int64_t changed, int64_t count) {
  OutputFidelity output("y", OutputKind::classes);
  for (int64_t i = 0; i < count; ++i) {
    output.add(row({1, 0}), i < changed ? row({0, 1}) : row({1, 0}));
  }
  return {{"outputs", {output.to_json()}}};
}

TEST(Gate, JudgesByThePessimisticEndAndSaysHowManySamplesWouldDo) {
  Gate gate;
  gate.min_agreement = 0.97;
  EXPECT_TRUE(judge(gate, agreement_of(0, 200))["pass"].get<bool>());
  const json few = judge(gate, agreement_of(1, 100));
  EXPECT_FALSE(few["pass"].get<bool>());
  EXPECT_GT(few["checks"][0]["samplesNeeded"].get<int64_t>(), 100);
  EXPECT_NE(few["checks"][0]["text"].get<std::string>().find("1 of 100 changed"),
            std::string::npos);
}

TEST(Gate, FailsWhatItCannotJudge) {
  Gate gate;
  gate.max_drop = 0.01;
  const json verdict = judge(gate, agreement_of(0, 50));
  EXPECT_FALSE(verdict["pass"].get<bool>());
  EXPECT_NE(verdict["checks"][0]["text"].get<std::string>().find("labels"), std::string::npos);
}

TEST(Gate, ParsesWhatItKnowsOnly) {
  EXPECT_EQ(*parse_gate({{"minSqnrDb", 20}}).min_sqnr_db, 20);
  EXPECT_TRUE(parse_gate(nullptr).empty());
  EXPECT_THROW(parse_gate({{"minAgrement", 0.9}}), Error);
  EXPECT_THROW(parse_gate({{"maxDrop", "1%"}}), Error);
}

}  // namespace
}  // namespace whittle
