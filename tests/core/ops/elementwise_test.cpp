#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/ops/interpret.h"
#include "tests/support/graphs.h"
#include "tests/support/tolerance.h"

namespace whittle {
namespace {

using test::GraphMaker;

Tensor run(const std::string& op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
  Node node;
  node.op = op;
  node.name = "it";
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(static_cast<ValueId>(i));
  node.outputs = {static_cast<ValueId>(inputs.size())};
  node.attributes = std::move(attributes);
  SerialPool pool;
  return evaluate_node(node, all_ops(), inputs, pool)[0];
}

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.data<T>().begin(), tensor.data<T>().end()};
}

TEST(Elementwise, BroadcastsBothWaysOverManyRows) {
  // a[i] * b[j] over more than one block of a row
  constexpr int64_t kRows = 3;
  constexpr int64_t kColumns = 1000;
  const Tensor a = GraphMaker::random_floats({kRows, 1}, 1);
  const Tensor b = GraphMaker::random_floats({kColumns}, 2);
  const Tensor y = run("Mul", {a, b});
  ASSERT_EQ(y.shape(), (Shape{kRows, kColumns}));
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < kColumns; ++j) {
      ASSERT_EQ(y.data<float>()[static_cast<size_t>(i * kColumns + j)],
                a.data<float>()[static_cast<size_t>(i)] * b.data<float>()[static_cast<size_t>(j)]);
    }
  }
}

TEST(Elementwise, IntegersWrapAndDivideTowardsZero) {
  const auto i32 = [](std::initializer_list<int32_t> v) {
    return Tensor::of<int32_t>({static_cast<int64_t>(v.size())}, v);
  };
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(values<int32_t>(run("Add", {i32({kMost}), i32({1})})),
            std::vector<int32_t>{std::numeric_limits<int32_t>::min()});
  EXPECT_EQ(values<int32_t>(run("Div", {i32({7, -7}), i32({2, 2})})),
            (std::vector<int32_t>{3, -3}));
  EXPECT_EQ(values<int32_t>(run("Mod", {i32({7, -7, 7}), i32({3, 3, -3})})),
            (std::vector<int32_t>{1, 2, -2}));
  const uint64_t large = uint64_t{1} << 63;
  const Tensor big = Tensor::of<uint64_t>({1}, {large + 2});
  const Tensor two = Tensor::of<uint64_t>({1}, {2});
  EXPECT_EQ(values<uint64_t>(run("Div", {big, two})), std::vector<uint64_t>{(large + 2) / 2});
  EXPECT_EQ(values<bool>(run("Less", {two, big})), std::vector<bool>{true});
  EXPECT_EQ(values<uint64_t>(run("Max", {two, big})), std::vector<uint64_t>{large + 2});
}

TEST(Elementwise, NanTravelsThroughMinMaxReluAndClip) {
  const Tensor nan = Tensor::of<float>({1}, {NAN});
  const Tensor one = Tensor::of<float>({1}, {1});
  for (const char* op : {"Min", "Max"}) {
    EXPECT_TRUE(std::isnan(run(op, {nan, one}).data<float>()[0])) << op;
    EXPECT_TRUE(std::isnan(run(op, {one, nan}).data<float>()[0])) << op;
  }
  EXPECT_TRUE(std::isnan(run("Relu", {nan}).data<float>()[0]));
  EXPECT_TRUE(std::isnan(run("Clip", {nan, one, one}).data<float>()[0]));
}

TEST(Elementwise, DerivedActivationsMatchTheirDefinitions) {
  const Tensor x = GraphMaker::random_floats({257}, 3);
  const Tensor sigmoid = run("Sigmoid", {x});
  const Tensor mish = run("Mish", {x});
  const Tensor gelu = run("Gelu", {x}, {{"approximate", std::string("tanh")}});
  const Tensor softplus = run("Softplus", {x});
  for (size_t i = 0; i < 257; ++i) {
    const double v = x.data<float>()[i];
    const auto expect = [&](const Tensor& y, double wanted) {
      ASSERT_TRUE(test::kFewUlps(y.data<float>()[i], static_cast<float>(wanted))) << i;
    };
    expect(sigmoid, 1 / (1 + std::exp(-v)));
    expect(softplus, std::log(1 + std::exp(v)));
    expect(mish, v * std::tanh(std::log(1 + std::exp(v))));
    expect(gelu, v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
  }
  EXPECT_EQ(run("Softplus", {Tensor::of<float>({1}, {1000})}).data<float>()[0], 1000);
}

TEST(Reduce, SumsOverAnyAxesAgreeWithTheWhole) {
  const Tensor x = GraphMaker::random_floats({3, 5, 7, 2}, 4);
  double total = 0;
  for (float v : x.data<float>()) total += v;
  const auto sum_over = [](const Tensor& t, std::vector<int64_t> axes) {
    const auto n = static_cast<int64_t>(axes.size());
    return run("ReduceSum", {t, Tensor::of<int64_t>({n}, std::span<const int64_t>(axes))});
  };
  const Tensor parts = sum_over(sum_over(x, {1, 3}), {0, -2});
  EXPECT_EQ(parts.shape(), (Shape{1, 1, 1, 1}));
  EXPECT_TRUE(test::kNormalised(parts.data<float>()[0], static_cast<float>(total)));
  const Tensor none = Tensor::of<int64_t>({0}, std::initializer_list<int64_t>{});
  const Tensor same = run("ReduceSum", {x, none}, {{"noop_with_empty_axes", int64_t{1}}});
  EXPECT_EQ(values<float>(same), values<float>(x));
}

TEST(Einsum, DiagonalsAndBroadcastEllipses) {
  const Tensor x = GraphMaker::random_floats({4, 4}, 5);
  const Tensor trace = run("Einsum", {x}, {{"equation", std::string("ii->")}});
  double wanted = 0;
  for (size_t i = 0; i < 4; ++i) wanted += x.data<float>()[i * 5];
  EXPECT_TRUE(test::kFewUlps(trace.data<float>()[0], static_cast<float>(wanted)));
  const Tensor a = GraphMaker::random_floats({2, 1, 3, 4}, 6);
  const Tensor b = GraphMaker::random_floats({5, 4, 3}, 7);
  const Tensor y = run("Einsum", {a, b}, {{"equation", std::string("...ij,...jk->...ik")}});
  EXPECT_EQ(y.shape(), (Shape{2, 5, 3, 3}));
  double first = 0;
  for (size_t j = 0; j < 4; ++j) first += a.data<float>()[j] * b.data<float>()[j * 3];
  EXPECT_TRUE(test::kNormalised(y.data<float>()[0], static_cast<float>(first)));
}

}  // namespace
}  // namespace whittle
