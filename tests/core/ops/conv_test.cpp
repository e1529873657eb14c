#include <gtest/gtest.h>

#include <vector>

#include "core/ops/op.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

using Ints = std::vector<int64_t>;

/** A 2-D convolution as its definition reads: one output element at a time. */
Tensor defined_conv(const Tensor& x, const Tensor& w, int64_t groups, Ints strides, Ints dilations,
                    Ints pads) {
  const Shape& xs = x.shape();
  const Shape& ws = w.shape();
  const int64_t out_h =
      (xs[2] + pads[0] + pads[2] - dilations[0] * (ws[2] - 1) - 1) / strides[0] + 1;
  const int64_t out_w =
      (xs[3] + pads[1] + pads[3] - dilations[1] * (ws[3] - 1) - 1) / strides[1] + 1;
  Tensor y = Tensor::allocate(DType::f32, Shape{xs[0], ws[0], out_h, out_w});
  size_t at = 0;
  for (int64_t b = 0; b < xs[0]; ++b) {
    for (int64_t m = 0; m < ws[0]; ++m) {
      for (int64_t i = 0; i < out_h; ++i) {
        for (int64_t j = 0; j < out_w; ++j) {
          double sum = 0;
          for (int64_t c = 0; c < ws[1]; ++c) {
            for (int64_t u = 0; u < ws[2]; ++u) {
              for (int64_t v = 0; v < ws[3]; ++v) {
                const int64_t row = i * strides[0] - pads[0] + u * dilations[0];
                const int64_t column = j * strides[1] - pads[1] + v * dilations[1];
                if (row < 0 || row >= xs[2] || column < 0 || column >= xs[3]) continue;
                const int64_t channel = m / (ws[0] / groups) * ws[1] + c;
                const int64_t from = ((b * xs[1] + channel) * xs[2] + row) * xs[3] + column;
                const int64_t weight = ((m * ws[1] + c) * ws[2] + u) * ws[3] + v;
                sum += static_cast<double>(x.data<float>()[static_cast<size_t>(from)]) *
                       static_cast<double>(w.data<float>()[static_cast<size_t>(weight)]);
              }
            }
          }
          y.mutable_data<float>()[at++] = static_cast<float>(sum);
        }
      }
    }
  }
  return y;
}

TEST(Conv, AgreesWithItsDefinition) {
  struct Case {
    Shape x, w;
    int64_t groups;
    Ints strides, dilations, pads;
  };
  const Case cases[] = {
      {{1, 1, 5, 5}, {1, 1, 3, 3}, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {{2, 3, 7, 6}, {4, 3, 3, 3}, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{1, 4, 8, 9}, {6, 2, 3, 2}, 2, {2, 3}, {1, 1}, {1, 0, 2, 1}},    // groups, asymmetric pads
      {{1, 6, 9, 9}, {6, 1, 3, 3}, 6, {2, 2}, {1, 1}, {1, 1, 1, 1}},    // depthwise
      {{1, 2, 11, 10}, {3, 2, 3, 3}, 1, {1, 2}, {2, 3}, {2, 3, 2, 3}},  // dilation
      {{3, 5, 4, 4}, {7, 5, 1, 1}, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}},    // pointwise
      {{1, 3, 5, 5}, {2, 3, 1, 1}, 1, {2, 2}, {1, 1}, {0, 0, 0, 0}},    // pointwise, strided
      {{1, 3, 4, 4}, {2, 3, 1, 1}, 1, {1, 1}, {1, 1}, {1, 2, 0, 1}},    // pointwise, padded
      {{1, 1, 2, 2}, {1, 1, 3, 3}, 1, {3, 3}, {1, 1}, {4, 4, 4, 4}},    // windows in the padding
      {{0, 3, 5, 5}, {2, 3, 3, 3}, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}},    // no image
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.x) + " * " + to_string(c.w));
    const Tensor x = noise(c.x, 1);
    const Tensor w = noise(c.w, 2);
    const OpCase conv{.op = "Conv",
                      .attributes = {{"group", c.groups},
                                     {"strides", c.strides},
                                     {"dilations", c.dilations},
                                     {"pads", c.pads}}};
    const size_t terms = static_cast<size_t>(c.w.elements(1, 4));
    expect_same(run_op1(conv, {x, w}), defined_conv(x, w, c.groups, c.strides, c.dilations, c.pads),
                DotBound{terms, 1.0f});
  }
}

TEST(Conv, AddsTheBiasAndWidensHalf) {
  const Tensor x = floats({1, 1, 1, 3}, {1, 2, 3});
  const Tensor w = floats({2, 1, 1, 2}, {1, 1, 0.5f, -1});
  const Tensor b = floats({2}, {10, 20});
  expect_tensor(run_op1({.op = "Conv"}, {x, w, b}), {1, 2, 1, 2}, {13, 15, 18.5f, 18});
  const Tensor half = run_op1({.op = "Conv"}, {to_half(x), to_half(w), to_half(b)});
  EXPECT_EQ(half.dtype(), DType::f16);
  expect_tensor(half, {1, 2, 1, 2}, {13, 15, 18.5f, 18});
}

TEST(Conv, OneAndThreeSpatialAxes) {
  expect_tensor(run_op1({.op = "Conv", .attributes = {{"strides", Ints{2}}, {"pads", Ints{1, 0}}}},
                        {floats({1, 1, 5}, {1, 2, 3, 4, 5}), floats({1, 1, 2}, {10, 1})}),
                {1, 1, 3}, {1, 23, 45});
  // All ones: each output counts its taps.
  const Tensor ones = ramp({1, 1, 3, 3, 3}, 1, 0);
  expect_tensor(run_op1({.op = "Conv", .attributes = {{"pads", Ints{1, 0, 0, 0, 0, 0}}}},
                        {ones, ramp({1, 1, 2, 2, 2}, 1, 0)}),
                {1, 1, 3, 2, 2}, {4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8});
}

TEST(Conv, AutoPadEqualsThePadsItStandsFor) {
  const Tensor x = noise({1, 2, 7, 6});
  const Tensor w = noise({3, 2, 4, 3}, 2);
  struct Case {
    const char* auto_pad;
    Ints strides;
    Ints pads;
  };
  // SAME, 7 by stride 2: output 4, total (4 - 1) * 2 + 4 - 7 = 3; 6 by stride 1: total 2.
  const Case cases[] = {{"SAME_UPPER", {2, 1}, {1, 1, 2, 1}},
                        {"SAME_LOWER", {2, 1}, {2, 1, 1, 1}},
                        {"VALID", {1, 2}, {0, 0, 0, 0}},
                        {"NOTSET", {1, 1}, {0, 0, 0, 0}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.auto_pad);
    const Tensor padded =
        run_op1({.op = "Conv", .attributes = {{"strides", c.strides}, {"pads", c.pads}}}, {x, w});
    const Tensor automatic =
        run_op1({.op = "Conv",
                 .attributes = {{"strides", c.strides}, {"auto_pad", std::string(c.auto_pad)}}},
                {x, w});
    expect_same(automatic, padded);
  }
}

TEST(Conv, InfersSymbolsThatPassThrough) {
  const OpCase same{.op = "Conv", .attributes = {{"pads", Ints{1, 1, 1, 1}}}};
  const Dims x{Dim::named("n"), Dim(3), Dim::named("h"), Dim(8)};
  const Dims w = to_dims(Shape{5, 3, 3, 3});
  EXPECT_EQ(to_string(*inferred_dims(same, {x, w})), "[n,5,h,8]");
  const OpCase strided{.op = "Conv",
                       .attributes = {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}};
  EXPECT_EQ(to_string(*inferred_dims(strided, {x, w})), "[n,5,?,4]");
  const OpCase automatic{.op = "Conv", .attributes = {{"auto_pad", std::string("SAME_UPPER")}}};
  EXPECT_EQ(to_string(*inferred_dims(automatic, {x, w})), "[n,5,h,8]");
  EXPECT_FALSE(inferred_dims(same, {std::nullopt, w}).has_value());
}

TEST(Conv, CountsMacs) {
  Node node;
  node.op = "Conv";
  node.attributes = {{"group", int64_t{2}}, {"strides", Ints{2, 2}}};
  const Fact facts[] = {{DType::f32, to_dims(Shape{2, 4, 7, 7}), {}},
                        {DType::f32, to_dims(Shape{6, 2, 3, 3}), {}}};
  const OpDef& op = all_ops().at(node);
  EXPECT_EQ(op.cost({node, facts, {}}).macs, int64_t{2} * 6 * 3 * 3 * 2 * 9);
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const Tensor x = noise({1, 4, 5, 5});
  EXPECT_EQ(error_of({.op = "Conv"}, {x, noise({2, 3, 3, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Conv"}, {x, noise({2, 4, 6, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Conv"}, {x, noise({2, 4, 3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(
      error_of({.op = "Conv", .attributes = {{"group", int64_t{0}}}}, {x, noise({2, 4, 3, 3})}),
      Code::INVALID_GRAPH);
  EXPECT_EQ(
      error_of({.op = "Conv", .attributes = {{"strides", Ints{0, 1}}}}, {x, noise({2, 4, 3, 3})}),
      Code::INVALID_GRAPH);
  EXPECT_EQ(
      error_of({.op = "Conv", .attributes = {{"pads", Ints{1, 1}}}}, {x, noise({2, 4, 3, 3})}),
      Code::INVALID_GRAPH);
  EXPECT_EQ(error_of({.op = "Conv"}, {x, noise({2, 4, 3, 3}), noise({3})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(error_of({.op = "Conv"}, {noise({1, 1, 2, 2, 2, 2}), noise({1, 1, 1, 1, 1, 2})}),
            Code::UNSUPPORTED);
}

TEST(ConvTranspose, IsTheAdjointOfConv) {
  // <conv(x), y> = <x, conv_transpose(y)> for the same weights.
  const Attributes attributes = {
      {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 1}}, {"group", int64_t{2}}};
  const Tensor x = noise({1, 4, 7, 5}, 3);
  const Tensor w = noise({6, 2, 3, 2}, 4);
  const Tensor forward = run_op1({.op = "Conv", .attributes = attributes}, {x, w});
  const Tensor y = noise(forward.shape(), 5);
  const Tensor back = run_op1({.op = "ConvTranspose", .attributes = attributes}, {y, w});
  ASSERT_EQ(to_string(back.shape()), to_string(x.shape()));
  double left = 0;
  double right = 0;
  for (size_t i = 0; i < y.data<float>().size(); ++i) {
    left += static_cast<double>(forward.data<float>()[i]) * static_cast<double>(y.data<float>()[i]);
  }
  for (size_t i = 0; i < x.data<float>().size(); ++i) {
    right += static_cast<double>(back.data<float>()[i]) * static_cast<double>(x.data<float>()[i]);
  }
  EXPECT_NEAR(left, right, 1e-4);
}

TEST(ConvTranspose, SizesAndPads) {
  const Tensor x = floats({1, 1, 2}, {1, 2});
  const Tensor w = floats({1, 1, 3}, {1, 10, 100});
  const auto run = [&](Attributes attributes) {
    return run_op1({.op = "ConvTranspose", .attributes = std::move(attributes)}, {x, w});
  };
  const Ints two{2};
  expect_tensor(run({}), {1, 1, 4}, {1, 12, 120, 200});
  expect_tensor(run({{"strides", two}}), {1, 1, 5}, {1, 10, 102, 20, 200});
  expect_tensor(run({{"strides", two}, {"pads", Ints{1, 0}}}), {1, 1, 4}, {10, 102, 20, 200});
  expect_tensor(run({{"strides", two}, {"output_padding", Ints{1}}}), {1, 1, 6},
                {1, 10, 102, 20, 200, 0});
  expect_tensor(run({{"strides", two}, {"output_shape", Ints{4}}}), {1, 1, 4}, {10, 102, 20, 200});
  expect_tensor(run({{"strides", two}, {"auto_pad", std::string("SAME_UPPER")}}), {1, 1, 4},
                {1, 10, 102, 20});
  expect_tensor(run({{"strides", two}, {"auto_pad", std::string("SAME_LOWER")}}), {1, 1, 4},
                {10, 102, 20, 200});
}

}  // namespace
}  // namespace whittle::test
