#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/compress/prune/support/float_text.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/prune_nets.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::Net;
using test::plain_net;
using test::prune_channels;
using test::weight_of;

/** Channels 5, 6 and 7 of c1 can be made of 0, 1 and 2, through the Relu. */
std::shared_ptr<const Model> dependent() {
  Net net;
  Tensor w = test::random_tensor({8, 3, 3, 3}, 1, 0.3f);
  Tensor b = test::random_tensor({8}, 2, 0.3f);
  for (size_t c = 5; c < 8; ++c) {
    const float factor = 0.5f * static_cast<float>(c - 4);
    for (size_t i = 0; i < 27; ++i) {
      w.mutable_data<float>()[c * 27 + i] = factor * w.data<float>()[(c - 5) * 27 + i];
    }
    b.mutable_data<float>()[c] = factor * b.data<float>()[c - 5];
  }
  const ValueId c1 = net.node("Conv", "c1", {net.x(), net.constant("w", w), net.constant("b", b)},
                              {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId a = net.relu("r1", c1);
  net.finish_with(net.relu("r2", net.conv("c2", a, 8, 8)), 8);
  return net.finish();
}

TEST(PruneReconstruct, ReconstructionRecoversALinearDependency) {
  const auto model = dependent();
  const json rules = {{{"name", "c1"}}};
  const json options = {{"criterion", "reconstruction"},
                        {"reconstruct", true},
                        {"ratio", 0.375},
                        {"ridge", 1e-7},
                        {"layers", rules}};
  const auto result = test::compress(model, prune_channels(options), 8);
  EXPECT_EQ(weight_of(result.model, "c1").shape()[0], 5);
  EXPECT_GT(test::output_sqnr_db(*model, result.model, 2), 60);
  const json& facts = result.report["steps"][0]["facts"];
  EXPECT_GT(facts["recovered"]["c2"].get<double>(), 0.9999);
  // Bit by bit, without data.
  const auto again = test::compress(model, json::parse(result.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(result.model));
  // Which it cannot be without the reconstruction.
  json plain = options;
  plain["reconstruct"] = false;
  EXPECT_LT(test::output_sqnr_db(*model, test::compress(model, prune_channels(plain), 8).model, 2),
            30);
}

TEST(PruneReconstruct, ReconstructionLeavesLessErrorThanCutting) {
  const auto model = plain_net();
  double last = -100;
  for (const json& options :
       {json{{"criterion", "l2"}}, json{{"criterion", "l2"}, {"reconstruct", true}},
        json{{"criterion", "reconstruction"}, {"reconstruct", true}}}) {
    const auto result = test::compress(model, prune_channels(options), 16);
    const double sqnr = test::output_sqnr_db(*model, result.model, 8);
    EXPECT_GT(sqnr, last) << options;
    last = sqnr;
  }
}

TEST(PruneReconstruct, ReconstructsEveryKindOfReader) {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 8));
  const ValueId g = net.relu("r2", net.conv("grouped", a, 8, 8, {}, {3, 4, 2}));
  const ValueId flat = net.node("Flatten", "flat", {g});  // [batch, 8 * 2 * 2]
  const ValueId h = net.node("MatMul", "fc1", {flat, net.weight("fc1", {32, 12}, 1, {})});
  net.output(net.node(
      "Gemm", "fc2",
      {net.relu("r3", h), net.weight("fc2", {5, 12}, 0, {}), net.weight("fc2.b", {5}, 0, {})},
      {{"transB", int64_t{1}}}));
  const auto model = net.finish();
  for (const std::string maker : {"c1", "grouped", "fc1"}) {
    const json rules = {{{"name", maker}}};
    const json options = {{"layers", rules}};
    json rebuilt = options;
    rebuilt["reconstruct"] = true;
    const auto cut = test::compress(model, prune_channels(options), 0);
    const auto result = test::compress(model, prune_channels(rebuilt), 32, 8);
    const json recovered = result.report["steps"][0]["facts"].value("recovered", json::object());
    // What reads the maker's channels and all behind that.
    EXPECT_EQ(recovered.size(), maker == "c1" ? 3 : maker == "grouped" ? 2 : 1);
    EXPECT_GT(test::output_sqnr_db(*model, result.model, 32),
              test::output_sqnr_db(*model, cut.model, 32) + 1.5)
        << maker << recovered;
  }
  const auto all = test::compress(model, prune_channels({{"reconstruct", true}}), 16, 8);
  EXPECT_EQ(all.report["steps"][0]["facts"]["recovered"].size(), 3);
  const auto again = test::compress(model, json::parse(all.report["recipe"].dump()), 0);
  EXPECT_EQ(write_model(again.model), write_model(all.model));
}

/** Mean of expected - actual over `samples` of the calibration data, by channel of an output. */
std::vector<double> mean_errors(const Model& expected, const Model& actual, int samples,
                                int64_t batch) {
  std::vector<double> sums;
  double count = 0;
  for (int s = 0; s < samples; ++s) {
    const Feeds feeds = test::random_feeds(expected, 100 + static_cast<uint64_t>(s) * 10, batch);
    const Tensor y = test::reference_outputs(expected, feeds)[0];
    const Tensor z = test::reference_outputs(actual, feeds)[0];
    const int64_t inner = y.shape().elements(2, y.shape().rank());
    sums.resize(static_cast<size_t>(y.shape()[1]));
    count += static_cast<double>(y.elements() / y.shape()[1]);
    for (size_t i = 0; i < y.data<float>().size(); ++i) {
      const auto channel = static_cast<int64_t>(i) / inner % y.shape()[1];
      sums[static_cast<size_t>(channel)] += y.data<float>()[i] - z.data<float>()[i];
    }
  }
  for (double& sum : sums) sum /= count;
  return sums;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (double value : values) most = std::max(most, std::fabs(value));
  return most;
}

// A layer with a bias that has been fitted leaves no mean error, whatever went wrong before it: the
// errors of least squares are orthogonal to the one that stands for the bias.
TEST(PruneReconstruct, LayersMakeUpForTheErrorsBeforeThem) {
  const auto model = plain_net();
  const json options = {{"ratio", 0.5}, {"reconstruct", true}};
  const auto result = test::compress(model, prune_channels(options), 32, 4);
  EXPECT_LT(largest(mean_errors(*model, result.model, 32, 4)), 1e-4);
  json cut = options;
  cut["reconstruct"] = false;
  EXPECT_GT(
      largest(mean_errors(*model, test::compress(model, prune_channels(cut), 0).model, 32, 4)),
      0.05);
}

// The output is a sum of two: only the last layer of a branch can take back the other's error.
TEST(PruneReconstruct, TheEndOfABranchMakesUpForTheShortcut) {
  Net net;
  const auto block = [&](const std::string& name, ValueId x, ValueId shortcut, int64_t inputs) {
    const ValueId inner = net.relu(name + ".r", net.conv(name + ".a", x, inputs, 16));
    return net.node("Add", name + ".sum", {net.conv(name + ".b", inner, 16, 4), shortcut});
  };
  const ValueId first = net.relu("r1", block("one", net.x(), net.conv("p", net.x(), 3, 4), 3));
  net.output(block("two", first, first, 4));
  const auto model = net.finish();
  const auto result =
      test::compress(model, prune_channels({{"ratio", 0.5}, {"reconstruct", true}}), 32, 1);
  EXPECT_EQ(weight_of(result.model, "two.a").shape()[0], 8);
  // All 64 places of each sample are looked at.
  EXPECT_LT(largest(mean_errors(*model, result.model, 32, 1)), 1e-4);
}

TEST(PruneReconstruct, NumbersAsText) {
  const std::vector<float> values = {0, 1, -1, 0.1f, 1e-30f, -3.25e20f, INFINITY};
  for (float value : values) {
    const float rounded = text_rounded(value);
    if (std::isfinite(value)) {
      EXPECT_NEAR(rounded, value, std::fabs(value) * 0x1p-16f);
    }
    EXPECT_EQ(read_floats(write_floats(std::vector<float>{rounded}), 1, "")[0], rounded);
  }
  EXPECT_THROW(read_floats("AAA", 1, "here"), Error);
  EXPECT_THROW(read_floats("AA+A", 1, "here"), Error);
}

}  // namespace
}  // namespace whittle
