// Weights stored as codes of 4 and 8 bits (palettes, integers in blocks) against the interpreter,
// and what they take in memory.
#include <gtest/gtest.h>

#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

using testing::expect_like_interpreter;
using testing::kernels_of;
using testing::ModelBuilder;
using testing::random_floats;

Tensor random_codes(DType dtype, const Shape& shape, int limit, uint64_t seed) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(dtype, shape);
  for (int64_t i = 0; i < shape.elements(); ++i) {
    const auto code = static_cast<std::byte>(random.below(static_cast<uint32_t>(limit)));
    if (dtype_bits(dtype) == 4) {
      tensor.mutable_raw()[i / 2] |= code << (i % 2 * 4);
    } else {
      tensor.mutable_raw()[i] = code;
    }
  }
  return tensor;
}

/** Ones, but `extent` at `axis`. */
Shape along(int rank, int axis, int64_t extent) {
  Shape shape;
  for (int d = 0; d < rank; ++d) shape.push_back(d == axis ? extent : 1);
  return shape;
}

/** How a weight of a test is stored. */
struct Stored {
  const char* name;
  const char* kernel;  // prefix of the kernel that reads it
  double most;         // of the float bytes, in the plan
};

const Stored kStored[] = {
    {"palette4", "code4_", 0.2},        {"palette4_nibbles", "code4_", 0.2},
    {"palette4_groups", "code4_", 0.3}, {"palette4_scaled", "code4_", 0.2},
    {"palette8", "code8_", 0.35},       {"int4_channel", "code4_", 0.2},
    {"uint4_tensor", "code4_", 0.2},    {"int4_block", "code4_", 0.35},
    {"uint8_block", "code8_", 0.5},     {"int8_block", "code8_", 0.5},
};

/** A weight of `shape` in form `form`, whose output columns and inputs lie along these axes. */
ValueId stored_weight(ModelBuilder& b, const std::string& form, const Shape& shape, int column,
                      int input) {
  const std::string name = "w" + std::to_string(b.graph().values.size());
  const int64_t columns = shape[column];
  const int rank = shape.rank();
  const auto cast = [&](ValueId codes) {
    return b.node("Cast", {codes}, {{"to", static_cast<int64_t>(DType::i32)}});
  };
  const auto book = [&](int64_t size) {
    return b.constant(name + "_book", random_floats({size}, 3, -0.2f, 0.2f));
  };
  if (form == "palette4_nibbles") {
    const Shape half{shape.elements() / 2};
    const ValueId packed = b.constant(name, random_codes(DType::u8, half, 256, 1));
    const ValueId low =
        b.node("BitwiseAnd", {packed, b.constant(name + "_15", Tensor::of<uint8_t>({1}, {15}))});
    const ValueId high =
        b.node("BitShift", {packed, b.constant(name + "_4", Tensor::of<uint8_t>({1}, {4}))},
               {{"direction", std::string("RIGHT")}});
    const ValueId both = b.node("Concat", {low, high}, {{"axis", int64_t{0}}});
    const std::vector<int64_t> dims(shape.begin(), shape.end());
    const ValueId codes = b.node("Reshape", {both, b.integers(name + "_shape", dims)});
    return b.node("Gather", {book(16), cast(codes)});
  }
  if (form.starts_with("palette")) {
    const bool wide = form == "palette8";
    const ValueId codes =
        b.constant(name, random_codes(wide ? DType::u8 : DType::u4, shape, wide ? 200 : 16, 1));
    if (form == "palette4_groups") {
      std::vector<int32_t> first;
      for (int64_t n = 0; n < columns; ++n) first.push_back(static_cast<int32_t>(n / 5 * 16));
      const Tensor offsets =
          Tensor::of<int32_t>(along(rank, column, columns), std::span<const int32_t>(first));
      const ValueId index = b.node("Add", {cast(codes), b.constant(name + "_first", offsets)});
      return b.node("Gather", {book((columns + 4) / 5 * 16), index});
    }
    const ValueId unit = b.node("Gather", {book(wide ? 200 : 16), cast(codes)});
    if (form != "palette4_scaled") return unit;
    return b.node("Mul", {unit, b.constant(name + "_scale",
                                           random_floats(along(rank, column, columns), 5, 0.5f))});
  }
  const DType dtype = form.starts_with("int4")    ? DType::i4
                      : form.starts_with("uint4") ? DType::u4
                      : form.starts_with("uint8") ? DType::u8
                                                  : DType::i8;
  const int limit = dtype_bits(dtype) == 4 ? 16 : 256;
  const ValueId codes = b.constant(name, random_codes(dtype, shape, limit, 1));
  Shape scales{columns};
  int64_t axis = column;
  Attributes attributes;
  if (form.ends_with("_tensor")) scales = Shape{};
  if (form.ends_with("_block")) {
    scales = shape;
    scales[input] = (shape[input] + 15) / 16;
    axis = input;
    attributes["block_size"] = int64_t{16};
  }
  attributes["axis"] = axis;
  const float most = limit == 16 ? 0.03f : 0.002f;
  return b.node("DequantizeLinear",
                {codes, b.constant(name + "_scale", random_floats(scales, 5, most / 3, most)),
                 b.constant(name + "_zero", random_codes(dtype, scales, limit, 6))},
                attributes);
}

class CodedWeights : public ::testing::TestWithParam<Stored> {
 protected:
  const std::string form_ = GetParam().name;

  void expect_coded(const std::shared_ptr<Model>& model, const std::vector<Feeds>& feeds,
                    double float_bytes) {
    expect_like_interpreter(model, feeds, 1e-4);
    Session session(model, {});
    session.run(feeds[0]);
    EXPECT_NE(kernels_of(session).find(GetParam().kernel), std::string::npos)
        << kernels_of(session);
    // Biases, codebooks and what pads few columns to whole panels.
    constexpr double kAround = 3000;
    EXPECT_LT(static_cast<double>(session.constant_bytes()),
              GetParam().most * float_bytes + kAround);
  }
};

TEST_P(CodedWeights, Convolutions) {
  struct Case {
    Shape x, w;
    Attributes attributes;
  };
  const std::vector<int64_t> one = {1, 1, 1, 1};
  for (const Case& c : {Case{{1, 40, 6, 7}, {52, 40, 1, 1}, {}},
                        Case{{1, 24, 6, 7}, {20, 24, 3, 3}, {{"pads", one}}},
                        Case{{1, 48, 5, 5}, {22, 24, 3, 3}, {{"group", int64_t{2}}}},
                        Case{{2, 32, 1, 1}, {36, 32, 1, 1}, {}}}) {
    SCOPED_TRACE(to_string(c.w));
    ModelBuilder b;
    const ValueId x = b.input("x", DType::f32, to_dims(c.x));
    const ValueId bias = b.weights("b", Shape{c.w[0]});
    b.output(b.node("Conv", {x, stored_weight(b, form_, c.w, 0, 1), bias}, c.attributes));
    expect_coded(b.model(), {{{"x", random_floats(c.x, 2)}}},
                 4.0 * static_cast<double>(c.w.elements()));
  }
}

// First layers and depthwise ones have ways of their own; blocks become floats there.
TEST_P(CodedWeights, ConvolutionsOfFewChannels) {
  struct Case {
    Shape x, w;
    int64_t group;
  };
  for (const Case& c :
       {Case{{1, 3, 9, 9}, {40, 3, 3, 3}, 1}, Case{{1, 130, 6, 6}, {130, 1, 3, 3}, 130}}) {
    ModelBuilder b;
    const ValueId x = b.input("x", DType::f32, to_dims(c.x));
    const ValueId w = stored_weight(b, form_, c.w, 0, 1);
    b.output(b.node("Conv", {x, w}, {{"group", c.group}}));
    expect_like_interpreter(b.model(), {{{"x", random_floats(c.x, 2)}}});
  }
}

TEST_P(CodedWeights, Products) {
  for (int64_t m : {1, 2, 70}) {
    for (bool transposed : {false, true}) {
      SCOPED_TRACE(std::to_string(m) + (transposed ? " transposed" : ""));
      ModelBuilder b;
      const ValueId x = b.input("x", DType::f32, {m, 75});
      const Shape shape = transposed ? Shape{38, 75} : Shape{75, 38};
      const ValueId w = stored_weight(b, form_, shape, transposed ? 0 : 1, transposed ? 1 : 0);
      b.output(b.node("Gemm", {x, w, b.weights("b", {38})},
                      {{"transB", static_cast<int64_t>(transposed)}}));
      expect_coded(b.model(), {{{"x", random_floats({m, 75}, 2)}}}, 4.0 * 75 * 38);
    }
  }
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {2, 3, 75});
  b.output(b.node("MatMul", {x, stored_weight(b, form_, {75, 38}, 1, 0)}));
  expect_coded(b.model(), {{{"x", random_floats({2, 3, 75}, 2)}}}, 4.0 * 75 * 38);
}

TEST_P(CodedWeights, RecurrentLayers) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    SCOPED_TRACE(op);
    const int64_t gates = op[0] == 'L' ? 4 : op[0] == 'G' ? 3 : 1;
    const int64_t hidden = 32;
    ModelBuilder b;
    const ValueId x = b.input("x", DType::f32, {4, 2, 40});
    const ValueId w = stored_weight(b, form_, {2, gates * hidden, 40}, 1, 2);
    const ValueId r = stored_weight(b, form_, {2, gates * hidden, hidden}, 1, 2);
    const std::vector<ValueId> y = b.nodes(
        op, {x, w, r}, 1, {{"hidden_size", hidden}, {"direction", std::string("bidirectional")}});
    b.output(y[0]);
    const double bytes = 4.0 * 2 * static_cast<double>(gates * hidden) * (40 + 32);
    expect_coded(b.model(), {{{"x", random_floats({4, 2, 40}, 2)}}}, bytes);
  }
}

TEST_P(CodedWeights, Embeddings) {
  for (int rows : {0, 1}) {
    ModelBuilder b;
    const ValueId ids = b.input("ids", DType::i64, {5});
    const ValueId table = stored_weight(b, form_, {60, 35}, rows, 1 - rows);
    b.output(b.node("Gather", {table, ids}));
    const Feeds feeds = {{"ids", Tensor::of<int64_t>({5}, {0, 59, 7, -1, 30})}};
    expect_coded(b.model(), {feeds}, 4.0 * 60 * 35);
  }
}

// One stored weight, read by a Gather and by a product.
TEST_P(CodedWeights, Tied) {
  ModelBuilder b;
  const ValueId ids = b.input("ids", DType::i64, {5});
  const ValueId table = stored_weight(b, form_, {60, 36}, 0, 1);
  const ValueId rows = b.node("Gather", {table, ids});
  b.output(b.node("Gemm", {rows, table}, {{"transB", int64_t{1}}}));
  const Feeds feeds = {{"ids", Tensor::of<int64_t>({5}, {0, 59, 7, 1, 30})}};
  expect_coded(b.model(), {feeds}, 2 * 4.0 * 60 * 36);
}

INSTANTIATE_TEST_SUITE_P(Forms, CodedWeights, ::testing::ValuesIn(kStored),
                         [](const auto& info) { return std::string(info.param.name); });

// The same codes under two codebooks are two weights.
TEST(CodedWeightsOnce, CodebooksTellWeightsApart) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {2, 64});
  const ValueId codes = b.constant("codes", random_codes(DType::u4, {64, 40}, 16, 1));
  const ValueId index = b.node("Cast", {codes}, {{"to", static_cast<int64_t>(DType::i32)}});
  for (uint64_t seed : {1, 2}) {
    const ValueId book = b.constant("book" + std::to_string(seed), random_floats({16}, seed));
    b.output(b.node("MatMul", {x, b.node("Gather", {book, index})}));
  }
  expect_like_interpreter(b.model(), {{{"x", random_floats({2, 64}, 2)}}});
}

TEST(CodedWeightsOnce, CodesOutsideTheCodebookAreRefused) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {2, 64});
  const ValueId codes = b.constant("codes", random_codes(DType::u4, {64, 40}, 16, 1));
  const ValueId index = b.node("Cast", {codes}, {{"to", static_cast<int64_t>(DType::i32)}});
  const ValueId book = b.constant("book", random_floats({15}, 1));
  b.output(b.node("MatMul", {x, b.node("Gather", {book, index})}));
  const auto run = [&] {
    Session session(b.model(), {});
    session.run({{"x", random_floats({2, 64}, 2)}});
  };
  EXPECT_THROW(run(), Error);
}

// Many biases of halves must not cost a convolution its kernel.
TEST(CodedWeightsOnce, HalfBiasesAreWidened) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 8, 3, 3});
  const auto half = [&](const std::string& name, const Shape& shape) {
    Tensor tensor = Tensor::zeros(DType::f16, shape);
    for (uint16_t& value : tensor.mutable_data<uint16_t>()) value = 0x3800;  // 0.5
    return b.node("Cast", {b.constant(name, tensor)}, {{"to", static_cast<int64_t>(DType::f32)}});
  };
  b.output(b.node("Conv", {x, half("w", {1280, 8, 1, 1}), half("b", {1280})}));
  expect_like_interpreter(b.model(), {{{"x", random_floats({1, 8, 3, 3}, 2)}}});
  Session session(b.model(), {});
  session.run({{"x", random_floats({1, 8, 3, 3}, 2)}});
  EXPECT_EQ(kernels_of(session).find("reference"), std::string::npos) << kernels_of(session);
}

// MatMulNBits of com.microsoft: [N, blocks, bytes of a block], scales and zero points by block.
TEST(MatMulNBits, RunsOnItsPackedWeights) {
  for (const int64_t bits : {4, 8}) {
    for (const bool whole : {true, false}) {
      SCOPED_TRACE(std::to_string(bits) + (whole ? "" : ", half a block"));
      const int64_t n = 70, k = whole ? 96 : 80, size = 32, blocks = (k + size - 1) / size;
      ModelBuilder b;
      const ValueId x = b.input("x", DType::f32, to_dims(Shape{2, 3, k}));
      const ValueId w =
          b.constant("w", random_codes(DType::u8, {n, blocks, size * bits / 8}, 256, 1));
      const ValueId scales = b.constant("s", random_floats({n * blocks}, 2, 0.001f, 0.01f));
      const int64_t row_bytes = (blocks * bits + 7) / 8;
      const ValueId zero_points = b.constant("z", random_codes(DType::u8, {n * row_bytes}, 256, 3));
      const ValueId y = b.node("MatMulNBits", {x, w, scales, zero_points},
                               {{"K", k}, {"N", n}, {"bits", bits}, {"block_size", size}});
      b.graph().nodes.back().domain = "com.microsoft";
      b.output(y);
      const Feeds feeds = {{"x", random_floats({2, 3, k}, 4)}};
      const auto model = b.model();
      expect_like_interpreter(model, {feeds}, 1e-4);
      Session session(model, {});
      session.run(feeds);
      EXPECT_EQ(kernels_of(session).find("code") != std::string::npos, whole)
          << kernels_of(session);
    }
  }
}

}  // namespace
}  // namespace whittle
