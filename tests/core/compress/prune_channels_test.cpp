#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/prune/support/channel_scores.h"
#include "core/compress/prune/support/place_text.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/prune_nets.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::Net;
using test::plain_net;
using test::prune_channels;
using test::weight_of;

TEST(PruneChannels, LeavesMultiplesAndAtLeastSoMany) {
  const auto model = plain_net();
  const auto by8 = test::compress(model, prune_channels({{"multiple", 8}, {"ratio", 0.4}}), 0);
  EXPECT_EQ(weight_of(by8.model, "c1").shape()[0], 8);
  EXPECT_EQ(weight_of(by8.model, "c2").shape()[0], 16);
  const auto least =
      test::compress(model, prune_channels({{"minChannels", 13}, {"ratio", 0.9}}), 0);
  EXPECT_EQ(weight_of(least.model, "c1").shape()[0], 13);
  EXPECT_EQ(weight_of(least.model, "c2").shape()[0], 13);
  const json rules = {{{"op", "Conv"}}, {{"name", "c1"}, {"ratio", 0.5}}};
  const auto own = test::compress(model, prune_channels({{"layers", rules}, {"ratio", 0.25}}), 0);
  EXPECT_EQ(weight_of(own.model, "c1").shape()[0], 8);
  EXPECT_EQ(weight_of(own.model, "c2").shape()[0], 18);
}

TEST(PruneChannels, ReachesTargets) {
  const auto model = plain_net();
  for (const std::string scope : {"layer", "global"}) {
    for (const std::string what : {"keepParameters", "keepMacs", "keepBytes"}) {
      const auto result = test::compress(model, prune_channels({{"scope", scope}, {what, 0.6}}), 0);
      const json& report = result.report;
      const json& size = what == "keepMacs" ? report["macs"] : report["bytes"];
      const double share = size["after"].get<double>() / size["before"].get<double>();
      EXPECT_LT(share, 0.66) << scope << what;  // bytes count the file's names too
      EXPECT_GT(share, 0.5) << scope << what;
    }
  }
  try {
    test::compress(model, prune_channels({{"keepMacs", 0.01}, {"maxRatio", 0.5}}), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::INVALID_OPTION);
    EXPECT_NE(error.message.find("at least 0.2"), std::string::npos) << error.message;
  }
}

TEST(PruneChannels, NothingToRemoveChangesNothing) {
  const auto model = plain_net();
  const auto result = test::compress(model, prune_channels({{"ratio", 0}}), 0);
  EXPECT_FALSE(result.report["steps"][0]["kept"]);
  EXPECT_EQ(write_model(result.model), write_model(*model));
}

TEST(PruneChannels, CriteriaLookAtWhatTheySay) {
  Net net;
  Tensor w = Tensor::zeros(DType::f32, {4, 1, 1, 2});
  const std::vector<float> values = {3, 4, -5, 0, 1, 1, 3, 3};
  std::copy(values.begin(), values.end(), w.mutable_data<float>().begin());
  const ValueId x = net.input("z", {1, 1, 3, 3});
  const ValueId id = net.constant("w", w);
  net.output(net.node("Conv", "c", {x, id}));
  const Graph& graph = net.graph();
  ChannelLayerPlace place;
  place.weights = {{id, 0, 4}};
  EXPECT_EQ(l1_scores(graph, place), (std::vector<double>{7, 5, 2, 6}));
  EXPECT_EQ(l2_scores(graph, place), (std::vector<double>{5, 5, std::sqrt(2.0), std::sqrt(18.0)}));
  const double ab = std::sqrt(80.0), ac = std::sqrt(13.0), ad = 1, bc = std::sqrt(37.0);
  const double bd = std::sqrt(73.0), cd = std::sqrt(8.0);
  const std::vector<double> expected = {ab + ac + ad, ab + bc + bd, ac + bc + cd, ad + bd + cd};
  const std::vector<double> actual = fpgm_scores(graph, place);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-9);
}

TEST(PruneChannels, ActivationFindsWhatNeverFires) {
  Net net;
  // Large filters, but a bias keeps channels 2 and 5 below zero.
  const ValueId w = net.weight("c1", {8, 3, 3, 3}, 0, {});
  Tensor bias = Tensor::zeros(DType::f32, {8});
  for (size_t c : {2, 5}) bias.mutable_data<float>()[c] = -1000;
  const ValueId a = net.relu("r1", net.node("Conv", "c1", {net.x(), w, net.constant("b", bias)}));
  net.finish_with(a, 8);
  const auto model = net.finish();
  const auto result = test::compress(model, prune_channels({{"criterion", "activation"}}), 4);
  EXPECT_EQ(result.report["recipe"]["steps"][0]["removed"]["c1"], "2 5");
  EXPECT_GT(test::output_sqnr_db(*model, result.model, 2), 100);
}

TEST(PruneChannels, RandomFollowsTheSeed) {
  const auto model = plain_net();
  const auto run = [&](int seed) {
    json recipe = prune_channels({{"criterion", "random"}});
    recipe["seed"] = seed;
    return write_model(test::compress(model, recipe, 0).model);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(PruneChannels, PlacesAsText) {
  EXPECT_EQ(write_places({0, 1, 2, 5, 7, 8}), "0-2 5 7-8");
  EXPECT_EQ(read_places("0-2 5 7-8", 9, ""), (std::vector<int64_t>{0, 1, 2, 5, 7, 8}));
  EXPECT_TRUE(read_places("", 9, "").empty());
  for (const std::string bad : {"9", "3 2", "3-2", "1-", "x", "1,2", "-1", "1 1"}) {
    EXPECT_THROW(read_places(bad, 9, "here"), Error) << bad;
  }
}

TEST(PruneChannels, RefusesARemovalThatCannotBe) {
  const auto model = plain_net();
  for (const json& removed :
       {json{{"nobody", "1"}}, json{{"head", "1"}}, json{{"c1", "0-15"}}, json{{"c1", "16"}}}) {
    EXPECT_THROW(test::compress(model, prune_channels({{"removed", removed}}), 0), Error)
        << removed;
  }
}

}  // namespace
}  // namespace whittle
