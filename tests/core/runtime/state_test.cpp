// Outputs fed back as inputs, and what many shapes leave behind.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/onnx/reader.h"
#include "core/runtime/pack_cache.h"
#include "tests/core/runtime/helpers.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/allocator_interface.h>
#elif defined(__GLIBC__)
#include <malloc.h>
#endif

namespace whittle {
namespace {

using testing::expect_close;
using testing::ModelBuilder;
using testing::random_floats;

Code code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code;
  }
  ADD_FAILURE() << "no error was thrown";
  return Code::INTERNAL;
}

/** y = x + s and next = s + 1, with s [batch, 2] where x is [batch, 2]. */
std::shared_ptr<Model> counter() {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("batch"), 2});
  const ValueId s = b.input("s", DType::f32, {Dim::named("batch"), 2});
  const ValueId y = b.node("Add", {x, s});
  const ValueId next = b.node("Add", {s, b.constant("one", Tensor::scalar(1.0f))});
  b.graph().value(y).name = "y";
  b.graph().value(next).name = "next";
  b.output(next);
  b.output(y);
  return b.model();
}

SessionOptions feeding(const std::string& output, const std::string& input) {
  SessionOptions options;
  options.state = {{output, input}};
  return options;
}

float first(const std::vector<Tensor>& results) {
  EXPECT_EQ(results.size(), 1u);
  return results[0].data<float>()[0];
}

TEST(State, StartsAtZeroGoesOnAndStartsAnew) {
  Session session(counter(), feeding("next", "s"));
  EXPECT_EQ(session.default_outputs(), std::vector<std::string>{"y"});
  const Feeds x{{"x", Tensor::zeros(DType::f32, {3, 2})}};
  for (float expected : {0.0f, 1.0f, 2.0f}) EXPECT_EQ(first(session.run(x)), expected);
  const Feeds kept = session.state();
  EXPECT_EQ(kept.at("s").shape(), (Shape{3, 2}));
  EXPECT_EQ(first(session.run(x, {"next"})), 4.0f);
  session.set_state(kept);
  EXPECT_EQ(first(session.run(x)), 3.0f);
  session.set_state({});
  EXPECT_TRUE(session.state().empty());
  EXPECT_EQ(first(session.run({{"x", Tensor::zeros(DType::f32, {1, 2})}})), 0.0f);
}

TEST(State, IsWhatIsFed) {
  Session session(counter(), feeding("next", "s"));
  const Tensor zero = Tensor::zeros(DType::f32, {1, 2});
  EXPECT_EQ(first(session.run({{"x", zero}, {"s", Tensor::of<float>({1, 2}, {10, 20})}})), 10);
  EXPECT_EQ(first(session.run({{"x", zero}})), 11);
  // A failed run leaves it alone.
  EXPECT_EQ(code_of([&] {
              session.run({{"x", Tensor::zeros(DType::f32, {3})}});
            }),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(first(session.run({{"x", zero}})), 12);
}

TEST(State, IsTheTensorTheRunMade) {
  Session session(counter(), feeding("next", "s"));
  const Tensor next = session.run({{"x", Tensor::zeros(DType::f32, {1, 2})}}, {"next"})[0];
  EXPECT_EQ(session.state().at("s").raw(), next.raw());
}

TEST(State, MayGrow) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, Dim::named("new"), 2});
  const ValueId past = b.input("past", DType::f32, {1, Dim::named("past"), 2});
  const ValueId present = b.node("Concat", {past, x}, {{"axis", int64_t{1}}});
  b.graph().value(present).name = "present";
  b.output(present);
  Session session(b.model(), feeding("present", "past"));
  const Tensor x1 = random_floats(Shape{1, 1, 2}, 1);
  EXPECT_EQ(code_of([&] { session.run({{"x", x1}}); }), Code::MISSING_INPUT);
  session.run({{"x", x1}, {"past", Tensor::zeros(DType::f32, {1, 0, 2})}});
  for (int i = 0; i < 9; ++i) session.run({{"x", x1}});
  const auto grown = session.run({{"x", x1}}, {"present"});
  ASSERT_EQ(grown[0].shape(), (Shape{1, 11, 2}));
  EXPECT_EQ(grown[0].data<float>()[20], x1.data<float>()[0]);
}

TEST(State, WrongNamesAndTypesAreErrors) {
  const auto refused = [](std::map<std::string, std::string> state) {
    SessionOptions options;
    options.state = std::move(state);
    return code_of([&] { Session session(counter(), options); });
  };
  EXPECT_EQ(refused({{"nothing", "s"}}), Code::UNKNOWN_OUTPUT);
  EXPECT_EQ(refused({{"next", "nothing"}}), Code::UNKNOWN_INPUT);
  EXPECT_EQ(refused({{"next", "s"}, {"y", "s"}}), Code::INVALID_OPTION);
  Session session(counter(), feeding("next", "s"));
  EXPECT_EQ(code_of([&] {
              session.set_state({{"x", Tensor::scalar(1.0f)}});
            }),
            Code::UNKNOWN_INPUT);
}

/** A model of the assets, its recurrent state and the shapes of its other inputs. */
struct Recurrent {
  const char* file;
  const char* output;
  const char* state_output;
  const char* state_input;
  const char* input;
  Shape input_shape;
  Shape state_shape;
};

class RecurrentAssets : public ::testing::TestWithParam<Recurrent> {};

TEST_P(RecurrentAssets, IsLikeTheLoopByHand) {
  const char* folder = std::getenv("WHITTLE_ASSETS");
  if (folder == nullptr) GTEST_SKIP() << "skipped: no assets";
  const Recurrent& which = GetParam();
  std::ifstream in(std::string(folder) + "/models/" + which.file, std::ios::binary | std::ios::ate);
  ASSERT_TRUE(in);
  const auto size = static_cast<size_t>(in.tellg());
  Bytes bytes{std::shared_ptr<std::byte[]>(new std::byte[size]), size};
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data.get()), static_cast<std::streamsize>(size));
  const auto model = std::make_shared<Model>(read_model(bytes));

  Session by_hand(model, {});
  Session fed_back(model, feeding(which.state_output, which.state_input));
  Tensor state = Tensor::zeros(DType::f32, which.state_shape);
  for (uint64_t step = 0; step < 12; ++step) {
    Feeds feeds{{which.input, random_floats(which.input_shape, step + 1)}};
    if (model->graph.find("sr") != kNoValue) feeds["sr"] = Tensor::scalar<int64_t>(16000);
    const auto actual = fed_back.run(feeds);
    feeds[which.state_input] = state;
    const auto expected = by_hand.run(feeds, {which.output, which.state_output});
    state = expected[1];
    ASSERT_EQ(actual.size(), 1u);
    expect_close(expected[0], actual[0], 0, "step " + std::to_string(step));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, RecurrentAssets,
    ::testing::Values(Recurrent{"silero_vad_16k.onnx", "output", "stateN", "state", "input",
                                Shape{1, 576}, Shape{2, 1, 128}},
                      Recurrent{"dtln_1.onnx", "activation_2", "tf_op_layer_stack_2", "input_3",
                                "input_2", Shape{1, 1, 257}, Shape{1, 2, 128, 2}}));

/** Bytes in use on the heap; 0 where nobody counts them. */
size_t live_bytes() {
#if defined(__SANITIZE_ADDRESS__)
  return __sanitizer_get_current_allocated_bytes();
#elif defined(__GLIBC__)
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

TEST(Shapes, EverNewOnesLeaveNothingBehind) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, Dim::named("h"), Dim::named("w")});
  const ValueId conv = b.node("Conv", {x, b.weights("w", Shape{4, 3, 3, 3})});
  const ValueId flat = b.node("Reshape", {conv, b.integers("shape", {4, -1})});
  const ValueId turned = b.node("Transpose", {flat});
  b.output(b.node("MatMul", {turned, b.weights("v", Shape{4, 5})}));
  Session session(b.model(), {});
  const auto run = [&](int64_t i) {
    session.run({{"x", Tensor::zeros(DType::f32, {1, 3, 3 + i % 19, 3 + i % 17})}});
  };
  // Every shape once, then the same last few, whose plans are kept.
  const auto run_many = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) run(i);
    for (int64_t i = 0; i < 6; ++i) run(i);
  };
  run_many(19 * 17);
  const size_t before = live_bytes();
  const int64_t constants = session.constant_bytes();
  run_many(1000);
  EXPECT_EQ(session.constant_bytes(), constants);
  EXPECT_LE(live_bytes(), before + (size_t{16} << 10));
}

TEST(PackCache, ForgetsWhatIsGone) {
  PackCache cache;
  const auto kept = cache.get("kept", 64, [](std::byte*) {});
  for (int i = 0; i < 100; ++i) {
    const int scope = cache.new_scope();
    cache.get("p" + std::to_string(scope), 64, [](std::byte*) {});
  }
  cache.new_scope();
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.bytes(), 64);
}

}  // namespace
}  // namespace whittle
