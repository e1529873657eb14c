// Sequences and optionals in plans: made in the middle, carried by bodies, fed and returned.
#include "core/tensor/sequence.h"

#include <gtest/gtest.h>

#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

using testing::expect_close;
using testing::expect_like_interpreter;
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

ValueId typed_input(ModelBuilder& b, const std::string& name, DType dtype, DType element) {
  const ValueId id = b.input(name, dtype, {});
  b.graph().value(id).dims.reset();
  b.graph().value(id).element = element;
  return id;
}

Tensor sequence(std::vector<Tensor> items) {
  return make_sequence(DType::f32, std::move(items), "the test");
}

TEST(SequencePlan, BetweenConvolutions) {
  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n"), 4, 8, 8});
  const ValueId conv = b.node("Conv", {x, b.weights("w", Shape{6, 4, 3, 3})});
  const ValueId relu = b.node("Relu", {conv});
  const ValueId split =
      b.node("SplitToSequence", {relu, b.integers("lengths", {2, 4})}, {{"axis", int64_t{1}}});
  const ValueId second = b.node("SequenceAt", {split, b.integers("one", {1})});
  const ValueId joined = b.node("ConcatFromSequence", {split}, {{"axis", int64_t{1}}});
  b.output(b.node("Conv", {second, b.weights("v", Shape{3, 4, 3, 3})}));
  b.output(b.node("Add", {joined, relu}));
  b.output(b.node("SequenceLength", {split}));
  expect_like_interpreter(b.model(), {{{"x", random_floats(Shape{1, 4, 8, 8}, 1)}},
                                      {{"x", random_floats(Shape{2, 4, 8, 8}, 2)}}});
}

/** y = a sequence of x * 0, x * 1 ... x * (n - 1), in a Loop. */
std::shared_ptr<Model> growing_sequence() {
  auto body = std::make_shared<Graph>();
  const ValueId trip = body->add_value("trip", DType::i64, Dims{});
  const ValueId condition = body->add_value("condition", DType::boolean, Dims{});
  const ValueId before = body->add_value("before", DType::sequence);
  const ValueId outer = body->add_value("x");
  const ValueId factor = body->add_value("factor");
  const ValueId product = body->add_value("product");
  const ValueId after = body->add_value("after");
  body->value(before).element = DType::f32;
  body->inputs = {trip, condition, before};
  const auto add = [&](const std::string& op, std::vector<ValueId> inputs, ValueId output,
                       Attributes attributes = {}) {
    Node node;
    node.op = op;
    node.name = op;
    node.inputs = std::move(inputs);
    node.outputs = {output};
    node.attributes = std::move(attributes);
    body->nodes.push_back(std::move(node));
  };
  add("Cast", {trip}, factor, {{"to", int64_t{1}}});
  add("Mul", {outer, factor}, product);
  add("SequenceInsert", {before, product}, after);
  body->outputs = {condition, after};

  ModelBuilder b;
  const ValueId x = b.input("x", DType::f32, {Dim::named("n")});
  const ValueId count = b.input("count", DType::i64, {});
  body->value(outer).captured = x;
  const ValueId empty = b.node("SequenceEmpty", {});
  const ValueId made =
      b.node("Loop", {count, kNoValue, empty}, {{"body", std::shared_ptr<const Graph>(body)}});
  b.output(made);
  return b.model();
}

TEST(SequencePlan, GrowsInALoop) {
  Session session(growing_sequence(), {});
  for (int64_t count : {3, 0, 20, 3}) {
    const Tensor x = random_floats(Shape{count + 1}, 3);
    const auto result = session.run({{"x", x}, {"count", Tensor::scalar<int64_t>(count)}});
    const auto& items = as_sequence(result[0], "y").items;
    ASSERT_EQ(items.size(), static_cast<size_t>(count));
    for (size_t i = 0; i < items.size(); ++i) {
      ASSERT_EQ(items[i].shape(), x.shape());
      EXPECT_EQ(items[i].data<float>()[0], static_cast<float>(i) * x.data<float>()[0]);
    }
  }
}

TEST(SequencePlan, IsFedAndReturned) {
  ModelBuilder b;
  const ValueId x = typed_input(b, "x", DType::sequence, DType::f32);
  b.graph().value(x).element_dims = Dims{Dim(), 2};
  b.output(b.node("Identity", {x}));
  b.output(b.node("SequenceInsert", {x, b.weights("w", Shape{1, 2})}));
  Session session(b.model(), {});
  const Tensor fed = sequence({random_floats(Shape{1, 2}, 1), random_floats(Shape{3, 2}, 2)});
  for (const Tensor& each : {fed, sequence({}), make_sequence(DType::undefined, {}, "x")}) {
    const auto results = session.run({{"x", each}});
    const size_t size = as_sequence(each, "x").items.size();
    EXPECT_EQ(as_sequence(results[0], "y").items.size(), size);
    EXPECT_EQ(as_sequence(results[1], "z").items.size(), size + 1);
  }
  const Tensor tensor = random_floats(Shape{1, 2}, 1);
  const Tensor numbers = make_sequence(DType::i64, {Tensor::scalar<int64_t>(1)}, "x");
  EXPECT_EQ(code_of([&] { session.run({{"x", tensor}}); }), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of([&] { session.run({{"x", numbers}}); }), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of([&] { session.run({{"x", make_none()}}); }), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of([&] {
              session.run({{"x", sequence({random_floats(Shape{3}, 1)})}});
            }),
            Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of([&] { session.run({}); }), Code::MISSING_INPUT);
}

TEST(SequencePlan, OptionalsComeAndGo) {
  ModelBuilder b;
  const ValueId x = typed_input(b, "x", DType::optional, DType::f32);
  b.output(b.node("Identity", {x}));
  b.output(b.node("OptionalHasElement", {x}));
  Session session(b.model(), {});
  for (int64_t n : {0, 3, 0, 2, 5}) {
    const Tensor fed = n == 0 ? make_none() : random_floats(Shape{n}, 1);
    const auto results = session.run({{"x", fed}});
    EXPECT_EQ(results[1].data<bool>()[0], n > 0);
    if (n == 0) {
      EXPECT_TRUE(is_none(results[0]));
    } else {
      expect_close(fed, results[0], 0, "x");
    }
  }
  EXPECT_EQ(code_of([&] {
              session.run({{"x", Tensor::scalar<int64_t>(1)}});
            }),
            Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of([&] { session.run({{"x", sequence({})}}); }), Code::TYPE_MISMATCH);
}

TEST(SequencePlan, OrdinaryOperatorsRefuseThem) {
  ModelBuilder b;
  const ValueId x = typed_input(b, "x", DType::optional, DType::f32);
  b.output(b.node("Relu", {x}));
  Session session(b.model(), {});
  EXPECT_EQ(code_of([&] { session.run({{"x", make_none()}}); }), Code::TYPE_MISMATCH);
}

}  // namespace
}  // namespace whittle
