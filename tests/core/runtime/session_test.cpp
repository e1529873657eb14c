#include "core/runtime/session.h"

#include <gtest/gtest.h>

#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

using testing::expect_close;
using testing::interpreted;
using testing::ModelBuilder;
using testing::random_floats;

/** y = Relu(x + w) and z = Sigmoid(x), x [batch, 4]. */
std::shared_ptr<Model> small_model() {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("batch"), 4});
  const ValueId sum = b.node("Add", {x, b.weights("w", Shape{4})});
  const ValueId y = b.node("Relu", {sum});
  const ValueId z = b.node("Sigmoid", {x});
  b.graph().value(sum).name = "sum";
  b.graph().value(y).name = "y";
  b.graph().value(z).name = "z";
  b.output(y);
  b.output(z);
  return b.model();
}

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(Code::INTERNAL, "none");
}

TEST(Session, RunsWithChangingShapes) {
  Session session(small_model(), {});
  for (int64_t batch : {1, 3, 1, 7, 2, 9, 3, 1}) {
    const Feeds feeds{{"x", random_floats(Shape{batch, 4}, static_cast<uint64_t>(batch))}};
    const auto expected = interpreted(session.model(), feeds);
    const auto actual = session.run(feeds);
    ASSERT_EQ(2u, actual.size());
    expect_close(expected[0], actual[0], 1e-6, "y");
    expect_close(expected[1], actual[1], 1e-6, "z");
  }
}

TEST(Session, PicksOutputsByName) {
  Session session(small_model(), {});
  const Feeds feeds{{"x", random_floats(Shape{2, 4}, 1)}};
  const auto all = session.run(feeds);
  const auto picked = session.run(feeds, {"z", "y"});
  ASSERT_EQ(2u, picked.size());
  expect_close(all[1], picked[0], 0, "z");
  expect_close(all[0], picked[1], 0, "y");
}

TEST(Session, ResultsOutliveTheNextRun) {
  Session session(small_model(), {});
  const auto first = session.run({{"x", random_floats(Shape{2, 4}, 1)}});
  const Tensor copy = first[0].clone();
  session.run({{"x", random_floats(Shape{2, 4}, 2)}});
  expect_close(copy, first[0], 0, "y");
}

TEST(Session, TwoSessionsSideBySide) {
  const auto model = small_model();
  Session a(model, {}), b(model, {});
  const Feeds one{{"x", random_floats(Shape{2, 4}, 1)}};
  const Feeds two{{"x", random_floats(Shape{2, 4}, 2)}};
  const auto first = a.run(one);
  const auto second = b.run(two);
  expect_close(first[0], a.run(one)[0], 0, "a");
  expect_close(second[0], b.run(two)[0], 0, "b");
}

TEST(Session, HandsObservedValuesToTheObserver) {
  SessionOptions options;
  options.observe = {"sum", "y", "x"};
  Session session(small_model(), options);
  std::map<std::string, Tensor> seen;
  session.set_observer(
      [&](const std::string& name, const Tensor& value) { seen[name] = value.clone(); });
  const Feeds feeds{{"x", random_floats(Shape{2, 4}, 1)}};
  const auto outputs = session.run(feeds);
  ASSERT_EQ(2u, outputs.size());
  ASSERT_EQ(3u, seen.size());
  expect_close(outputs[0], seen["y"], 0, "y");
  expect_close(feeds.at("x"), seen["x"], 0, "x");
  EXPECT_LT(seen["sum"].data<float>()[0] - seen["y"].data<float>()[0], 1e-6f);
}

TEST(Session, ErrorsNameTheInput) {
  Session session(small_model(), {});
  const Tensor good = random_floats(Shape{2, 4}, 1);
  Error error = error_of([&] { session.run({}); });
  EXPECT_EQ(Code::MISSING_INPUT, error.code);
  EXPECT_STREQ("Expected a tensor for input 'x' but received none", error.what());

  error = error_of([&] { session.run({{"x", good}, {"k", good}}); });
  EXPECT_EQ(Code::UNKNOWN_INPUT, error.code);
  EXPECT_STREQ("Expected one of the model's inputs ('x') but received 'k'", error.what());

  error = error_of([&] { session.run({{"x", random_floats(Shape{2, 5}, 1)}}); });
  EXPECT_EQ(Code::SHAPE_MISMATCH, error.code);
  EXPECT_STREQ("Expected shape [batch,4] for input 'x' but received [2,5]", error.what());

  error = error_of([&] { session.run({{"x", Tensor::zeros(DType::i64, Shape{2, 4})}}); });
  EXPECT_EQ(Code::TYPE_MISMATCH, error.code);
  EXPECT_STREQ("Expected float32 for input 'x' but received int64", error.what());

  error = error_of([&] { session.run({{"x", good}}, {"q"}); });
  EXPECT_EQ(Code::UNKNOWN_OUTPUT, error.code);
  EXPECT_STREQ("Expected one of the model's outputs ('y', 'z') but received 'q'", error.what());

  // The session stays usable.
  EXPECT_EQ(2u, session.run({{"x", good}}).size());
}

TEST(Session, UnknownOperatorsAreNamedAtOnce) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {2});
  b.output(b.node("Frobnicate", {x}));
  const Error error = error_of([&] { Session session(b.model(), {}); });
  EXPECT_EQ(Code::UNSUPPORTED_OPERATOR, error.code);
}

TEST(Session, UnknownObservedNameIsAnError) {
  SessionOptions options;
  options.observe = {"nothing"};
  const Error error = error_of([&] { Session session(small_model(), options); });
  EXPECT_EQ(Code::UNKNOWN_OUTPUT, error.code);
}

TEST(Session, OutputsMayBeInputsConstantsAndEachOther) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {2, 3});
  const ValueId y = b.node("Relu", {x});
  const ValueId flat = b.node("Reshape", {y, b.integers("shape", {6})});
  b.output(y);
  b.output(flat);
  b.output(y);
  b.output(x);
  b.output(b.weights("w", Shape{2}));
  testing::expect_like_interpreter(b.model(), {{{"x", random_floats(Shape{2, 3}, 1)}}});
}

TEST(Session, ProfileListsSteps) {
  double now = 0;
  SessionOptions options;
  options.profile = true;
  options.clock_ms = [&] { return now += 1; };
  Session session(small_model(), options);
  session.run({{"x", random_floats(Shape{2, 4}, 1)}});
  const auto steps = session.profile();
  ASSERT_FALSE(steps.empty());
  for (const StepProfile& step : steps) {
    EXPECT_FALSE(step.kernel.empty());
    EXPECT_EQ(1, step.time_ms);
  }
}

}  // namespace
}  // namespace whittle
