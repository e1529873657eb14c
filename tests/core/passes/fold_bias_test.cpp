#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

TEST(FoldBias, AConstantPerChannelBecomesTheConvolutions) {
  for (const bool transposed : {false, true}) {
    for (const bool biased : {false, true}) {
      for (const Shape& added : {Shape{1, 4, 1, 1}, Shape{4, 1, 1}, Shape{1}}) {
        GraphMaker maker;
        maker.input("x", {1, 2, 5, 5}).floats("b", {4}, 2).floats("c", added, 3);
        maker.floats("w", transposed ? Shape{2, 4, 3, 3} : Shape{4, 2, 3, 3}, 1);
        std::vector<std::string> inputs = {"x", "w"};
        if (biased) inputs.push_back("b");
        maker.node(transposed ? "ConvTranspose" : "Conv", inputs, {"p"}, {});
        maker.node("Add", {"c", "p"}, {"y"}, {}).output("y");
        Graph result = maker.graph;
        EXPECT_TRUE(fold_bias(result, pass_context()));
        verify(result);
        EXPECT_EQ(result.nodes.size(), 1u);
        expect_same_outputs(maker.graph, result,
                            {{"x", GraphMaker::random_floats({1, 2, 5, 5}, 4)}});
      }
    }
  }
}

TEST(FoldBias, LeavesWhatIsNotOneValuePerChannel) {
  // A row of the image; more dimensions than the result; a sum that is read elsewhere too.
  for (const Shape& added : {Shape{3}, Shape{1, 1, 4, 1, 1}, Shape{4, 1, 1}}) {
    GraphMaker maker;
    maker.input("x", {1, 2, 5, 5}).floats("w", {4, 2, 3, 3}, 1).floats("c", added, 3);
    maker.node("Conv", {"x", "w"}, {"p"}, {});
    maker.node("Add", {"p", "c"}, {"y"}, {}).output("y");
    if (added.rank() == 3) maker.output("p");
    EXPECT_FALSE(fold_bias(maker.graph, pass_context()));
  }
}

}  // namespace
}  // namespace whittle::test
