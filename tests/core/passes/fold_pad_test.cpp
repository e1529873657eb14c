#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

TEST(FoldPad, ZerosBecomeTheConvolutionsOwn) {
  const auto make = [](std::vector<int64_t> pads, Attributes attributes) {
    GraphMaker maker;
    maker.input("x", {1, 2, 5, 5}).floats("w", {3, 2, 3, 3}, 1).integers("pads", pads);
    maker.node("Pad", {"x", "pads"}, {"p"}, std::move(attributes));
    maker.node("Conv", {"p", "w"}, {"y"}, {{"pads", std::vector<int64_t>{1, 0, 0, 1}}}).output("y");
    return maker.graph;
  };
  const Graph graph = make({0, 0, 1, 0, 0, 0, 2, 1}, {});
  Graph result = graph;
  EXPECT_TRUE(fold_pad(result, pass_context()));
  verify(result);
  EXPECT_EQ(result.nodes.size(), 1u);
  EXPECT_EQ(result.nodes[0].ints_attribute("pads"), (std::vector<int64_t>{2, 0, 2, 2}));
  expect_same_outputs(graph, result, {{"x", GraphMaker::random_floats({1, 2, 5, 5}, 2)}});

  Graph channels = make({0, 1, 0, 0, 0, 0, 0, 0}, {});
  EXPECT_FALSE(fold_pad(channels, pass_context()));
  Graph mirrored = make({0, 0, 1, 1, 0, 0, 1, 1}, {{"mode", std::string("reflect")}});
  EXPECT_FALSE(fold_pad(mirrored, pass_context()));
  Graph cropped = make({0, 0, -1, 0, 0, 0, 0, 0}, {});
  EXPECT_FALSE(fold_pad(cropped, pass_context()));
}

}  // namespace
}  // namespace whittle::test
