#include <gtest/gtest.h>

#include "core/graph/verify.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

/** The normalization written out; `axes` are those of both means. */
Graph written_out(const std::vector<int64_t>& axes, bool powers) {
  GraphMaker m;
  m.input("x", {2, 3, 4, 5}).integers("axes", axes);
  m.floats("gamma", {1, 3, 1, 1}, 1).floats("beta", {3, 1, 1}, 2);
  m.constant("eps", Tensor::scalar(1e-3f)).constant("half", Tensor::scalar(0.5f));
  m.constant("two", Tensor::scalar(2.0f));
  m.node("ReduceMean", {"x", "axes"}, {"mean"}).node("Sub", {"x", "mean"}, {"c"});
  if (powers) {
    m.node("Pow", {"c", "two"}, {"cc"});
  } else {
    m.node("Mul", {"c", "c"}, {"cc"});
  }
  m.node("ReduceMean", {"cc", "axes"}, {"v"}).node("Add", {"v", "eps"}, {"ve"});
  if (powers) {
    m.node("Pow", {"ve", "half"}, {"s"});
  } else {
    m.node("Sqrt", {"ve"}, {"s"});
  }
  m.node("Div", {"c", "s"}, {"n"}).node("Mul", {"gamma", "n"}, {"g"});
  m.node("Add", {"g", "beta"}, {"y"}).output("y");
  return m.graph;
}

TEST(FuseInstanceNorm, NineOperatorsBecomeOne) {
  const std::map<std::string, Tensor> feeds = {{"x", GraphMaker::random_floats({2, 3, 4, 5}, 5)}};
  for (const bool powers : {false, true}) {
    const Graph before = written_out({-1, 2}, powers);
    Graph after = before;
    EXPECT_TRUE(fuse_instance_norm(after, pass_context()));
    eliminate_dead_code(after, pass_context());
    verify(after);
    EXPECT_EQ(after.nodes.size(), 1u);
    EXPECT_EQ(count_nodes(after, "InstanceNormalization"), 1);
    expect_same_outputs(before, after, feeds);
    EXPECT_FALSE(fuse_instance_norm(after, pass_context()));
  }
}

TEST(FuseInstanceNorm, OtherAxesStay) {
  Graph graph = written_out({1, 2}, false);
  EXPECT_FALSE(fuse_instance_norm(graph, pass_context()));
}

}  // namespace
}  // namespace whittle::test
