// Quantized graphs in every form ONNX writes them, against the interpreter.
#include <gtest/gtest.h>

#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

using testing::interpreted;
using testing::kernels_of;
using testing::ModelBuilder;
using testing::random_floats;

std::vector<int64_t> ints(std::initializer_list<int64_t> values) {
  return values;
}

/** A ModelBuilder that knows quantized values. */
class QuantizedBuilder : public ModelBuilder {
 public:
  explicit QuantizedBuilder(DType activations) : type_(activations) {}

  ValueId scalar_point(int32_t value) {
    Tensor tensor = Tensor::allocate(type_, Shape{});
    *reinterpret_cast<uint8_t*>(tensor.mutable_raw()) = static_cast<uint8_t>(value);
    return constant(fresh("zp"), tensor);
  }
  ValueId scale(float value) { return constant(fresh("scale"), Tensor::scalar(value)); }
  /** DequantizeLinear(QuantizeLinear(x)). */
  ValueId qdq(ValueId x, float step, int32_t unsigned_point) {
    const int32_t point = type_ == DType::i8 ? unsigned_point - 128 : unsigned_point;
    const ValueId s = scale(step), z = scalar_point(point);
    return node("DequantizeLinear", {node("QuantizeLinear", {x, s, z}), s, z});
  }
  /** 8-bit weights behind DequantizeLinear along `axis`. */
  ValueId narrow(const Shape& shape, int axis, bool per_channel, DType type, int32_t point = 0) {
    Tensor q = Tensor::allocate(type, shape);
    for (int64_t i = 0; i < q.elements(); ++i) {
      reinterpret_cast<uint8_t*>(q.mutable_raw())[i] =
          static_cast<uint8_t>(random_.below(255) - 127);
    }
    const int64_t n = per_channel ? shape[axis] : 1;
    const Shape params = per_channel ? Shape{n} : Shape{};
    Tensor scales = Tensor::allocate(DType::f32, params);
    Tensor points = Tensor::allocate(type, params);
    for (int64_t i = 0; i < n; ++i) {
      scales.mutable_data<float>()[static_cast<size_t>(i)] = random_.uniform(0.002f, 0.01f);
      reinterpret_cast<uint8_t*>(points.mutable_raw())[i] = static_cast<uint8_t>(point);
    }
    weight_scales = scales;
    return node(
        "DequantizeLinear",
        {constant(fresh("wq"), q), constant(fresh("ws"), scales), constant(fresh("wz"), points)},
        {{"axis", static_cast<int64_t>(axis)}});
  }
  /** An int32 bias in units of x_scale * weight_scales. */
  ValueId bias(int64_t n, float x_scale) {
    Tensor q = Tensor::allocate(DType::i32, Shape{n});
    Tensor scales = Tensor::allocate(DType::f32, Shape{n});
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      q.mutable_data<int32_t>()[i] = static_cast<int32_t>(random_.below(2000)) - 1000;
      const auto from = weight_scales.data<float>();
      scales.mutable_data<float>()[i] = x_scale * from[from.size() == 1 ? 0 : i];
    }
    return node("DequantizeLinear", {constant(fresh("bq"), q), constant(fresh("bs"), scales)},
                {{"axis", int64_t{0}}});
  }
  std::string fresh(const std::string& stem) { return stem + std::to_string(next_++); }

  Tensor weight_scales;

 private:
  DType type_;
  Random random_{11};
  int next_ = 0;
};

/** Every output within one step (the given sizes) of the interpreter's, nearly all equal. */
void expect_within_step(const std::shared_ptr<Model>& model, const Feeds& feeds, float step,
                        const std::string& wanted_kernel) {
  const auto expected = interpreted(*model, feeds);
  std::vector<Tensor> first;
  for (Tier tier : {Tier::reference, Tier::simd128, Tier::relaxed}) {
    const KernelTable* kernels = kernels_for(tier);
    if (kernels == nullptr) continue;
    SessionOptions options;
    options.kernels = kernels;
    Session session(model, options);
    session.run(feeds);
    const auto actual = session.run(feeds);
    EXPECT_NE(std::string::npos, kernels_of(session).find(wanted_kernel)) << kernels_of(session);
    for (size_t k = 0; k < actual.size(); ++k) {
      ASSERT_EQ(expected[k].shape(), actual[k].shape());
      if (actual[k].dtype() != DType::f32) continue;
      int64_t different = 0;
      for (size_t i = 0; i < actual[k].data<float>().size(); ++i) {
        const float gap = std::abs(actual[k].data<float>()[i] - expected[k].data<float>()[i]);
        ASSERT_LE(gap, step * 1.01f) << "output " << k << " at " << i;
        different += gap > step * 0.5f;
      }
      EXPECT_LE(different * 20, actual[k].elements()) << "output " << k;
      if (!first.empty()) {
        // Integers are the same in every tier.
        testing::expect_close(first[k], actual[k], 1e-5, tier_name(tier));
      }
    }
    if (first.empty()) first = actual;
  }
}

class Activations : public ::testing::TestWithParam<DType> {};

TEST_P(Activations, Convolutions) {
  struct Case {
    Shape x, w;
    Attributes attributes;
    const char* kernel;
  };
  const Case cases[] = {
      {Shape{2, 3, 9, 8},
       Shape{10, 3, 3, 3},
       {{"pads", ints({1, 1, 1, 1})}, {"strides", ints({2, 2})}},
       "q8_conv_rows"},
      {Shape{1, 12, 6, 7}, Shape{9, 12, 1, 1}, {}, "gemm"},
      {Shape{2, 16, 6, 7},
       Shape{16, 1, 3, 3},
       {{"group", int64_t{16}}, {"pads", ints({1, 1, 1, 1})}},
       "dwconv"},
      {Shape{1, 9, 7, 7}, Shape{11, 9, 3, 3}, {{"pads", ints({0, 1, 2, 1})}}, "q8_igemm"},
      {Shape{1, 8, 7, 7}, Shape{6, 4, 3, 3}, {{"group", int64_t{2}}}, "q8_igemm"},
      {Shape{1, 8, 15}, Shape{6, 8, 3}, {{"pads", ints({1, 1})}}, "q8_igemm"},
  };
  for (const Case& c : cases) {
    for (bool per_channel : {true, false}) {
      for (bool clip : {false, true}) {
        QuantizedBuilder b(GetParam());
        const ValueId x = b.qdq(b.input("x", DType::f32, to_dims(c.x)), 1.0f / 128, 128);
        const ValueId w = per_channel ? b.narrow(c.w, 0, true, DType::i8)
                                      : b.narrow(c.w, 0, false, DType::u8, 117);
        ValueId y = b.node("Conv", {x, w, b.bias(c.w[0], 1.0f / 128)}, c.attributes);
        if (clip) {
          y = b.node("Clip", {y, b.constant("low", Tensor::scalar(0.0f)),
                              b.constant("high", Tensor::scalar(1.0f))});
        }
        b.output(b.qdq(y, 0.02f, 100));
        expect_within_step(b.model(), {{"x", random_floats(c.x, 3)}}, 0.02f, c.kernel);
      }
    }
  }
}

TEST_P(Activations, TransposedConvolutions) {
  struct Case {
    Shape x, w;
    Attributes attributes;
  };
  const Case cases[] = {
      {Shape{2, 6, 5, 4}, Shape{6, 7, 2, 2}, {{"strides", ints({2, 2})}}},
      {Shape{1, 5, 4, 6},
       Shape{5, 9, 3, 3},
       {{"strides", ints({2, 2})}, {"pads", ints({1, 0, 0, 1})}, {"output_padding", ints({1, 0})}}},
      {Shape{1, 4, 3, 5},
       Shape{4, 3, 4, 3},
       {{"strides", ints({2, 1})}, {"pads", ints({1, 1, 1, 1})}}},
      {Shape{1, 8, 9}, Shape{8, 6, 4}, {{"strides", ints({3})}, {"pads", ints({1, 0})}}},
  };
  for (const Case& c : cases) {
    for (bool per_channel : {true, false}) {
      for (bool quantized : {true, false}) {
        QuantizedBuilder b(GetParam());
        const ValueId x = b.qdq(b.input("x", DType::f32, to_dims(c.x)), 1.0f / 128, 128);
        const ValueId w = per_channel ? b.narrow(c.w, 1, true, DType::i8)
                                      : b.narrow(c.w, 1, false, DType::u8, 117);
        ValueId y = b.node(
            "Relu", {b.node("ConvTranspose", {x, w, b.bias(c.w[1], 1.0f / 128)}, c.attributes)});
        if (quantized) y = b.qdq(y, 0.02f, 100);
        b.output(y);
        expect_within_step(b.model(), {{"x", random_floats(c.x, 3)}}, 0.02f, "subpixel_conv");
        Session session(b.model(), {});
        session.run({{"x", random_floats(c.x, 3)}});
        EXPECT_EQ(kernels_of(session).find("f32_"), std::string::npos) << kernels_of(session);
      }
    }
  }
}

TEST_P(Activations, LinearInterpolation) {
  for (const char* coordinates : {"half_pixel", "align_corners"}) {
    QuantizedBuilder b(GetParam());
    const Shape shape{2, 3, 5, 4};
    const ValueId x = b.qdq(b.input("x", DType::f32, to_dims(shape)), 1.0f / 128, 128);
    const ValueId sizes = b.constant("sizes", Tensor::of<int64_t>({4}, {2, 3, 10, 7}));
    const ValueId y = b.node("Resize", {x, kNoValue, kNoValue, sizes},
                             {{"mode", std::string("linear")},
                              {"coordinate_transformation_mode", std::string(coordinates)}});
    b.output(b.qdq(y, 1.0f / 128, 128));
    expect_within_step(b.model(), {{"x", random_floats(shape, 3)}}, 1.0f / 128, "q8_resize_linear");
  }
}

TEST_P(Activations, ResidualBlockWithPoolsAndFunctions) {
  QuantizedBuilder b(GetParam());
  const Shape shape{1, 8, 8, 8};
  const ValueId x = b.qdq(b.input("x", DType::f32, to_dims(shape)), 1.0f / 128, 128);
  const ValueId w = b.narrow(Shape{8, 8, 3, 3}, 0, true, DType::i8);
  const ValueId conv =
      b.qdq(b.node("Relu", {b.node("Conv", {x, w}, {{"pads", ints({1, 1, 1, 1})}})}), 0.01f, 0);
  const ValueId sum = b.qdq(b.node("Relu", {b.node("Add", {x, conv})}), 0.015f, 10);
  const ValueId pooled =
      b.qdq(b.node("MaxPool", {sum}, {{"kernel_shape", ints({2, 2})}}), 0.02f, 3);
  const ValueId act = b.qdq(b.node("HardSwish", {pooled}), 0.02f, 50);
  const ValueId joined = b.qdq(b.node("Concat", {act, pooled}, {{"axis", int64_t{1}}}), 0.021f, 40);
  const ValueId mean =
      b.qdq(b.node("AveragePool", {joined}, {{"kernel_shape", ints({3, 3})}}), 0.02f, 40);
  const ValueId global = b.qdq(b.node("GlobalAveragePool", {mean}), 0.02f, 40);
  const ValueId flat = b.node("Flatten", {global});
  const ValueId fc =
      b.node("Gemm", {flat, b.narrow(Shape{5, 16}, 0, false, DType::i8), b.bias(5, 0.02f)},
             {{"transB", int64_t{1}}});
  b.output(b.qdq(fc, 0.05f, 128));
  expect_within_step(b.model(), {{"x", random_floats(shape, 3)}}, 0.05f, "q8_global_avgpool");
  Session session(b.model(), {});
  session.run({{"x", random_floats(shape, 3)}});
  const std::string kernels = kernels_of(session);
  for (const char* wanted : {"q8_add", "q8_maxpool", "q8_lookup", "q8_avgpool", "_gemm"}) {
    EXPECT_NE(std::string::npos, kernels.find(wanted)) << wanted << " in " << kernels;
  }
  EXPECT_EQ(std::string::npos, kernels.find("reference")) << kernels;
}

TEST_P(Activations, FloatResultStaysFloat) {
  QuantizedBuilder b(GetParam());
  const Shape shape{3, 20};
  const ValueId x = b.qdq(b.input("x", DType::f32, to_dims(shape)), 1.0f / 128, 128);
  const ValueId w = b.narrow(Shape{20, 7}, 1, true, DType::i8);
  const ValueId y = b.node("Add", {b.node("MatMul", {x, w}), b.weights("c", Shape{7})});
  b.output(b.node("Sigmoid", {y}));
  testing::expect_like_interpreter(b.model(), {{{"x", random_floats(shape, 3)}}});
}

INSTANTIATE_TEST_SUITE_P(Types, Activations, ::testing::Values(DType::u8, DType::i8),
                         [](const auto& instance) {
                           return std::string(dtype_name(instance.param));
                         });

TEST(IntegerPaths, DynamicQuantization) {
  ModelBuilder b;
  const Shape shape{2, 5, 24};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const auto q = b.nodes("DynamicQuantizeLinear", {x}, 3);
  for (int form = 0; form < 2; ++form) {
    const std::string tag = std::to_string(form);
    Tensor w = Tensor::allocate(DType::i8, Shape{24, 9});
    Random random(5);
    for (int8_t& value : w.mutable_data<int8_t>())
      value = static_cast<int8_t>(random.below(255) - 127);
    const ValueId product = b.node("MatMulInteger", {q[0], b.constant("w" + tag, w), q[2]});
    const ValueId wide = b.node("Cast", {product}, {{"to", int64_t{1}}});
    const ValueId scales = b.constant("s" + tag, random_floats(Shape{9}, 4, 0.001f, 0.01f));
    const ValueId scaled = form == 0 ? b.node("Mul", {wide, b.node("Mul", {q[1], scales})})
                                     : b.node("Mul", {b.node("Mul", {wide, q[1]}), scales});
    b.output(b.node("Relu", {b.node("Add", {scaled, b.weights("c" + tag, Shape{9})})}));
  }
  const std::vector<Feeds> feeds{{{"x", random_floats(shape, 3)}},
                                 {{"x", random_floats(shape, 4)}}};
  testing::expect_like_interpreter(b.model(), feeds);
  Session session(b.model(), {});
  session.run(feeds[0]);
  EXPECT_EQ("q8_dynamic_quantize q8_gemm q8_gemm", kernels_of(session));
}

TEST(IntegerPaths, WeightOnlyStaysNarrow) {
  QuantizedBuilder b(DType::u8);
  const Shape shape{1, 6, 5, 5};
  const ValueId x = b.input("x", DType::f32, to_dims(shape));
  const ValueId conv = b.node("Conv", {x, b.narrow(Shape{8, 6, 3, 3}, 0, true, DType::i8)});
  const ValueId dw = b.node("Conv", {conv, b.narrow(Shape{8, 1, 3, 3}, 0, true, DType::i8)},
                            {{"group", int64_t{8}}});
  const ValueId wide =
      b.node("ConvTranspose", {dw, b.narrow(Shape{8, 8, 1, 1}, 1, true, DType::i8)});
  const ValueId flat = b.node("Flatten", {wide});
  // Small ones are widened when the graph is prepared: they weigh nothing.
  Tensor half = Tensor::allocate(DType::f16, Shape{2, 600});
  for (uint16_t& bits : half.mutable_data<uint16_t>()) bits = 0x3c00;  // 1
  const ValueId fc = b.node("MatMul", {flat, b.narrow(Shape{8, 2}, 1, true, DType::u8, 120)});
  b.output(
      b.node("MatMul", {fc, b.node("Cast", {b.constant("half", half)}, {{"to", int64_t{1}}})}));
  testing::expect_like_interpreter(b.model(), {{{"x", random_floats(shape, 3)}}});
  Session session(b.model(), {});
  session.run({{"x", random_floats(shape, 3)}});
  const std::string kernels = kernels_of(session);
  for (const char* wanted : {"s8_igemm", "s8_subpixel_conv", "s8_gemv", "f16_gemv"}) {
    EXPECT_NE(std::string::npos, kernels.find(wanted)) << wanted << " in " << kernels;
  }
}

}  // namespace
}  // namespace whittle
