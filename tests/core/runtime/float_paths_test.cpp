// Every fast float path against the interpreter, on graphs small enough to have odd tails.
#include <gtest/gtest.h>

#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

using testing::expect_like_interpreter;
using testing::kernels_of;
using testing::ModelBuilder;
using testing::random_floats;

std::vector<Feeds> two_feeds(const Shape& shape) {
  return {{{"x", random_floats(shape, 1)}}, {{"x", random_floats(shape, 2)}}};
}

struct ConvCase {
  const char* name;
  Shape x, w;
  Attributes attributes;
};

std::vector<int64_t> ints(std::initializer_list<int64_t> values) {
  return values;
}

class ConvPaths : public ::testing::TestWithParam<ConvCase> {};

TEST_P(ConvPaths, MatchInterpreter) {
  const ConvCase& c = GetParam();
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, to_dims(c.x));
  const ValueId w = b.weights("w", c.w);
  const ValueId bias = b.weights("b", Shape{c.w[0]});
  const ValueId conv = b.node("Conv", {x, w, bias}, c.attributes);
  b.output(b.node("Clip", {conv, b.constant("low", Tensor::scalar(-0.5f)),
                           b.constant("high", Tensor::scalar(0.75f))}));
  b.output(b.node("Sigmoid", {b.node("Conv", {x, w}, c.attributes)}));
  expect_like_interpreter(b.model(), two_feeds(c.x));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ConvPaths,
    ::testing::Values(
        ConvCase{"general", Shape{2, 5, 7, 9}, Shape{11, 5, 3, 3}, {{"pads", ints({1, 1, 1, 1})}}},
        ConvCase{"strided",
                 Shape{1, 8, 9, 11},
                 Shape{9, 8, 3, 5},
                 {{"strides", ints({2, 3})}, {"pads", ints({0, 1, 2, 1})}}},
        ConvCase{"dilated",
                 Shape{1, 6, 13, 12},
                 Shape{8, 6, 3, 3},
                 {{"dilations", ints({2, 3})}, {"pads", ints({2, 3, 2, 3})}}},
        ConvCase{"pointwise", Shape{2, 13, 5, 6}, Shape{17, 13, 1, 1}, {}},
        ConvCase{"pointwise_strided",
                 Shape{1, 13, 5, 6},
                 Shape{17, 13, 1, 1},
                 {{"strides", ints({2, 2})}}},
        ConvCase{"depthwise",
                 Shape{2, 19, 8, 7},
                 Shape{19, 1, 3, 3},
                 {{"group", int64_t{19}}, {"pads", ints({1, 1, 1, 1})}}},
        ConvCase{"depthwise_strided",
                 Shape{1, 16, 9, 9},
                 Shape{16, 1, 5, 5},
                 {{"group", int64_t{16}}, {"strides", ints({2, 2})}, {"pads", ints({2, 2, 2, 2})}}},
        ConvCase{"grouped",
                 Shape{1, 12, 6, 6},
                 Shape{18, 4, 3, 3},
                 {{"group", int64_t{3}}, {"pads", ints({1, 1, 1, 1})}}},
        ConvCase{"multiplier",
                 Shape{1, 6, 6, 6},
                 Shape{12, 1, 3, 3},
                 {{"group", int64_t{6}}, {"pads", ints({1, 1, 1, 1})}}},
        ConvCase{"first_layer",
                 Shape{2, 3, 10, 11},
                 Shape{10, 3, 3, 3},
                 {{"strides", ints({2, 2})}, {"pads", ints({0, 0, 1, 1})}}},
        ConvCase{
            "one_channel", Shape{1, 1, 9, 9}, Shape{6, 1, 5, 5}, {{"pads", ints({2, 2, 2, 2})}}},
        ConvCase{"auto_pad",
                 Shape{1, 3, 10, 11},
                 Shape{6, 3, 3, 3},
                 {{"strides", ints({2, 2})}, {"auto_pad", std::string("SAME_UPPER")}}},
        ConvCase{"one_dimension",
                 Shape{2, 5, 17},
                 Shape{7, 5, 4},
                 {{"strides", ints({2})}, {"pads", ints({1, 2})}}},
        ConvCase{"one_dimension_one_channel",
                 Shape{1, 1, 40},
                 Shape{7, 1, 16},
                 {{"strides", ints({8})}}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(FloatPaths, ConvTransposePhases) {
  struct Case {
    Shape x, w;
    Attributes attributes;
  };
  const Case cases[] = {
      {Shape{1, 5, 4, 6}, Shape{5, 7, 2, 2}, {{"strides", ints({2, 2})}}},
      {Shape{2, 5, 5, 4},
       Shape{5, 3, 3, 3},
       {{"strides", ints({2, 2})}, {"pads", ints({1, 1, 1, 1})}, {"output_padding", ints({1, 1})}}},
      {Shape{1, 4, 5, 4},
       Shape{4, 9, 4, 3},
       {{"strides", ints({1, 3})}, {"pads", ints({0, 1, 1, 0})}}},
      {Shape{1, 4, 6}, Shape{4, 5, 3}, {{"strides", ints({3})}}},
      {Shape{1, 3, 4, 4}, Shape{3, 2, 2, 2}, {{"strides", ints({3, 3})}}},
  };
  for (const Case& c : cases) {
    ModelBuilder b;
    const ValueId x = b.input("x", DType::f32, to_dims(c.x));
    const ValueId y = b.node("ConvTranspose",
                             {x, b.weights("w", c.w), b.weights("b", Shape{c.w[1]})}, c.attributes);
    b.output(b.node("Relu", {y}));
    expect_like_interpreter(b.model(), two_feeds(c.x));
  }
}

TEST(FloatPaths, ResidualsAndActivationsFuse) {
  ModelBuilder b;
  const Shape shape{1, 8, 6, 5};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const auto conv = [&](ValueId in, const std::string& name) {
    return b.node("Conv", {in, b.weights(name, Shape{8, 8, 3, 3}, 0.2f)},
                  {{"pads", ints({1, 1, 1, 1})}});
  };
  const ValueId first = b.node("Relu", {conv(x, "w1")});
  const ValueId sum = b.node("Add", {first, conv(first, "w2")});
  const ValueId second = b.node("Relu", {sum});
  const ValueId biased = b.node("Add", {conv(second, "w3"), b.weights("bias", Shape{8, 1, 1})});
  const ValueId gate = b.node("Sigmoid", {biased});
  const ValueId silu = b.node("Mul", {biased, gate});
  b.output(b.node("HardSwish", {b.node("Add", {silu, conv(silu, "w4")})}));
  expect_like_interpreter(b.model(), two_feeds(shape));

  Session session(b.model(), {});
  session.run(two_feeds(shape)[0]);
  for (const StepProfile& step : session.profile()) EXPECT_NE("Relu", step.op);
}

TEST(FloatPaths, ObservedValuesStopFusion) {
  ModelBuilder b;
  const Shape shape{1, 3, 6, 5};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId conv = b.node("Conv", {x, b.weights("w", Shape{8, 3, 3, 3})});
  const ValueId relu = b.node("Relu", {conv});
  b.output(b.node("MaxPool", {relu}, {{"kernel_shape", ints({2, 2})}}));
  const Feeds feeds = two_feeds(shape)[0];
  Model with_output = *b.model();
  with_output.graph.outputs.push_back(conv);
  const auto expected = testing::interpreted(with_output, feeds);

  SessionOptions options;
  options.observe = {b.name(conv)};
  Session session(b.model(), options);
  Tensor seen;
  session.set_observer([&](const std::string&, const Tensor& value) { seen = value.clone(); });
  session.run(feeds);
  testing::expect_close(expected[1], seen, 1e-4, "observed");

  // As stored the channels come last: the same elements in another order.
  options.observe_stored = true;
  Session stored(b.model(), options);
  Tensor pixels;
  stored.set_observer([&](const std::string&, const Tensor& value) { pixels = value.clone(); });
  stored.run(feeds);
  std::vector<float> a = to_floats(seen, "seen");
  std::vector<float> c = to_floats(pixels, "pixels");
  EXPECT_NE(a, c);
  std::sort(a.begin(), a.end());
  std::sort(c.begin(), c.end());
  EXPECT_EQ(a, c);
}

TEST(FloatPaths, LinearForms) {
  for (int64_t rows : {1, 2, 7, 33}) {
    ModelBuilder b;
    const Shape shape{rows, 13};
    const ValueId x = b.input("x", DType::f32, to_dims(shape));
    b.output(b.node("Gemm", {x, b.weights("w1", Shape{13, 9}), b.weights("c1", Shape{9})}));
    b.output(b.node("Gemm", {x, b.weights("w2", Shape{21, 13}), b.weights("c2", Shape{1, 21})},
                    {{"transB", int64_t{1}}, {"beta", 0.5f}}));
    b.output(b.node("Gemm", {x, b.weights("w3", Shape{13, 5}), b.weights("c3", Shape{rows, 5})}));
    const ValueId product = b.node("MatMul", {x, b.weights("w4", Shape{13, 13})});
    const ValueId biased = b.node("Add", {b.weights("c4", Shape{13}), product});
    b.output(b.node("Tanh", {b.node("Add", {biased, x})}));
    b.output(b.node("Gemm", {x, b.weights("w5", Shape{13, 3})}, {{"alpha", 2.0f}}));
    expect_like_interpreter(b.model(), two_feeds(shape));
  }
}

TEST(FloatPaths, FusedMatMulRunsOnTheKernelsOfMatMul) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, Dims{2, 5, 7});
  const auto fused = [&](ValueId left, ValueId right, int64_t turns_left, int64_t turns_right,
                         float alpha) {
    const ValueId y = b.node("FusedMatMul", {left, right},
                             {{"transA", turns_left}, {"transB", turns_right}, {"alpha", alpha}});
    b.graph().nodes.back().domain = "com.microsoft";
    return y;
  };
  b.output(fused(x, x, 0, 1, 0.5f));
  b.output(fused(x, x, 1, 0, 1.0f));
  b.output(fused(x, b.weights("w", Shape{9, 7}), 0, 1, 2.0f));
  const auto model = b.model();
  expect_like_interpreter(model, two_feeds(Shape{2, 5, 7}));
  Session session(model, {});
  session.run({{"x", random_floats(Shape{2, 5, 7}, 1)}});
  EXPECT_EQ(kernels_of(session).find("reference"), std::string::npos) << kernels_of(session);
}

TEST(FloatPaths, BatchedMatMulOfRunTimeOperands) {
  ModelBuilder b;
  const Shape shape{2, 3, 7, 5};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId transposed = b.node("Transpose", {x}, {{"perm", ints({0, 1, 3, 2})}});
  const ValueId scores = b.node("Softmax", {b.node("MatMul", {x, transposed})});
  b.output(b.node("MatMul", {scores, x}));
  b.output(b.node("MatMul", {b.weights("w", Shape{4, 7}), x}));
  expect_like_interpreter(b.model(), two_feeds(shape));
}

TEST(FloatPaths, LayoutsAroundConvolutions) {
  ModelBuilder b;
  const Shape shape{2, 6, 5, 7};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId c = b.node("Conv", {x, b.weights("w", Shape{8, 6, 1, 1})});
  b.output(b.node("Transpose", {c}, {{"perm", ints({0, 2, 3, 1})}}));
  b.output(b.node("Reshape", {c, b.integers("s1", {2, 8, 35})}));
  b.output(b.node("Transpose", {b.node("Reshape", {c, b.integers("s2", {2, 8, -1})})},
                  {{"perm", ints({0, 2, 1})}}));
  b.output(b.node("Transpose", {c}, {{"perm", ints({3, 1, 0, 2})}}));
  const ValueId shifted = b.node("Mul", {c, b.weights("m", Shape{8, 1, 1})});
  b.output(b.node("Sub", {shifted, b.weights("s", Shape{7})}));
  b.output(b.node("Concat", {shifted, x, c}, {{"axis", int64_t{1}}}));
  b.output(b.node("Concat", {shifted, c}, {{"axis", int64_t{3}}}));
  b.output(b.node("Slice", {c, b.integers("st", {1, -1}), b.integers("en", {7, -5}),
                            b.integers("ax", {1, 3}), b.integers("sp", {2, -1})}));
  b.output(b.node("Pad", {c, b.integers("pads", {0, 1, 1, 2, 0, 0, 2, 1})}));
  b.output(b.node("Pad", {c, b.integers("mirror", {0, 0, 1, 2, 0, 0, 2, 3})},
                  {{"mode", std::string("reflect")}}));
  b.output(b.node("Pad", {c, b.integers("edge", {0, 0, 1, 2, 0, 0, 2, 3})},
                  {{"mode", std::string("edge")}}));
  b.output(b.node("ReduceMean", {c, b.integers("spatial", {2, 3})}));
  b.output(b.node("ReduceMean", {c, b.integers("spatial2", {-1, -2})}, {{"keepdims", int64_t{0}}}));
  b.output(b.node("ReduceMax", {c, b.integers("channel", {1})}));
  b.output(b.node("ReduceSum", {c, b.integers("channel2", {1})}, {{"keepdims", int64_t{0}}}));
  b.output(b.node("ReduceSum", {c, b.integers("width", {3})}));
  b.output(b.node("Softmax", {c}, {{"axis", int64_t{1}}}));
  b.output(b.node("Softmax", {c}, {{"axis", int64_t{2}}}));
  b.output(b.node("ArgMax", {c}, {{"axis", int64_t{1}}}));
  b.output(b.node("ArgMax", {c}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}}));
  for (ValueId part :
       b.nodes("Split", {c}, 2, {{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}})) {
    b.output(part);
  }
  const ValueId grouped = b.node("Reshape", {c, b.integers("g", {2, 2, 4, 5, 7})});
  const ValueId swapped = b.node("Transpose", {grouped}, {{"perm", ints({0, 2, 1, 3, 4})}});
  b.output(b.node("Reshape", {swapped, b.integers("u", {2, 8, 5, 7})}));
  expect_like_interpreter(b.model(), two_feeds(shape));
}

TEST(FloatPaths, Pools) {
  ModelBuilder b;
  const Shape shape{2, 5, 9, 8};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const Attributes window{
      {"kernel_shape", ints({3, 3})}, {"strides", ints({2, 2})}, {"pads", ints({1, 1, 1, 1})}};
  b.output(b.node("MaxPool", {x}, window));
  b.output(b.node("AveragePool", {x}, window));
  Attributes included = window;
  included["count_include_pad"] = int64_t{1};
  included["ceil_mode"] = int64_t{1};
  b.output(b.node("AveragePool", {x}, included));
  Attributes ceiled = window;
  ceiled["ceil_mode"] = int64_t{1};
  b.output(b.node("MaxPool", {x}, ceiled));
  b.output(b.node("GlobalAveragePool", {x}));
  b.output(b.node("GlobalMaxPool", {x}));
  expect_like_interpreter(b.model(), two_feeds(shape));
}

TEST(FloatPaths, Norms) {
  ModelBuilder b;
  const Shape shape{2, 6, 5, 7};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const auto normalised = [&](ValueId in, std::vector<int64_t> axes, const std::string& tag,
                              bool centred) {
    const ValueId ax = b.integers(tag + "axes", axes);
    const ValueId d = centred ? b.node("Sub", {in, b.node("ReduceMean", {in, ax})}) : in;
    const ValueId squared = b.node("Pow", {d, b.constant(tag + "two", Tensor::scalar(2.0f))});
    const ValueId variance = b.node("ReduceMean", {squared, ax});
    const ValueId eps = b.node("Add", {variance, b.constant(tag + "eps", Tensor::scalar(1e-3f))});
    return b.node("Div", {d, b.node("Sqrt", {eps})});
  };
  const ValueId layer = normalised(x, {-1}, "l", true);
  b.output(b.node("Add",
                  {b.node("Mul", {layer, b.weights("lg", Shape{7})}), b.weights("lb", Shape{7})}));
  const ValueId rms = normalised(x, {3}, "r", false);
  b.output(b.node("Mul", {b.weights("rg", Shape{7}), rms}));
  const ValueId instance = normalised(x, {2, 3}, "i", true);
  b.output(b.node("Add", {b.node("Mul", {b.weights("ig", Shape{1, 6, 1, 1}), instance}),
                          b.weights("ib", Shape{1, 6, 1, 1})}));
  b.output(b.node("LayerNormalization",
                  {x, b.weights("ng", Shape{5, 7}), b.weights("nb", Shape{5, 7})},
                  {{"axis", int64_t{2}}}));
  b.output(
      b.node("InstanceNormalization", {x, b.weights("og", Shape{6}), b.weights("ob", Shape{6})}));
  Tensor variance = random_floats(Shape{6}, 5, 0.5f, 1.5f);
  b.output(b.node("BatchNormalization", {x, b.weights("bg", Shape{6}), b.weights("bb", Shape{6}),
                                         b.weights("bm", Shape{6}), b.constant("bv", variance)}));
  expect_like_interpreter(b.model(), two_feeds(shape));
}

TEST(FloatPaths, GeluWrittenOut) {
  ModelBuilder b;
  const Shape shape{3, 11};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId scaled = b.node("Div", {x, b.constant("r", Tensor::scalar(1.41421356f))});
  const ValueId one =
      b.node("Add", {b.node("Erf", {scaled}), b.constant("one", Tensor::scalar(1.0f))});
  b.output(b.node("Mul", {b.node("Mul", {x, one}), b.constant("half", Tensor::scalar(0.5f))}));
  expect_like_interpreter(b.model(), two_feeds(shape));
  Session session(b.model(), {});
  session.run(two_feeds(shape)[0]);
  EXPECT_EQ("f32_unary", kernels_of(session));
}

TEST(FloatPaths, Resizes) {
  for (const char* mode : {"nearest", "linear"}) {
    for (const char* coordinates :
         {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"}) {
      ModelBuilder b;
      const Shape shape{2, 5, 4, 6};
      const ValueId x = b.input("x", DType::f32, to_dims(shape));
      const Attributes attributes{{"mode", std::string(mode)},
                                  {"coordinate_transformation_mode", std::string(coordinates)}};
      b.output(
          b.node("Resize",
                 {x, kNoValue, b.constant("scales", Tensor::of<float>(Shape{4}, {1, 1, 2, 1.5f}))},
                 attributes));
      b.output(
          b.node("Resize", {x, kNoValue, kNoValue, b.integers("sizes", {2, 5, 9, 3})}, attributes));
      expect_like_interpreter(b.model(), two_feeds(shape));
    }
  }
}

TEST(FloatPaths, BroadcastsOfEveryKind) {
  ModelBuilder b;
  const Shape shape{2, 3, 4, 5};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  int index = 0;
  for (const Shape& other : {Shape{}, Shape{5}, Shape{4, 1}, Shape{3, 1, 1}, Shape{2, 1, 1, 1},
                             Shape{1, 3, 1, 5}, Shape{2, 1, 4, 1}, Shape{1, 1, 1, 1}}) {
    const ValueId w = b.weights("w" + std::to_string(index++), other);
    b.output(b.node("Add", {x, w}));
    b.output(b.node("Sub", {w, x}));
  }
  const ValueId row = b.node("ReduceMean", {x, b.integers("axes", {3})});
  b.output(b.node("Mul", {row, x}));
  b.output(b.node("Div", {b.node("ReduceMax", {x, b.integers("a2", {0, 1})}), row}));
  expect_like_interpreter(b.model(), two_feeds(shape));
}

}  // namespace
}  // namespace whittle
