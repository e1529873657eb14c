#include "core/tensor/sequence.h"

#include <gtest/gtest.h>

#include "core/ops/interpret.h"
#include "tests/core/ops/run_op.h"

namespace whittle::test {
namespace {

/** What one operator makes of values that may be sequences or optionals. */
Tensor apply(const std::string& op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
  Node node;
  node.op = op;
  node.name = "it";
  node.attributes = std::move(attributes);
  for (size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back(inputs[i].defined() ? static_cast<ValueId>(i) : kNoValue);
  }
  node.outputs = {static_cast<ValueId>(inputs.size())};
  SerialPool pool;
  return evaluate_node(node, all_ops(), inputs, pool)[0];
}

Code code_of(const std::string& op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
  try {
    apply(op, inputs, std::move(attributes));
  } catch (const Error& error) {
    return error.code;
  }
  ADD_FAILURE() << op << " threw nothing";
  return Code::INTERNAL;
}

Tensor sequence(std::vector<Tensor> items) {
  return make_sequence(DType::f32, std::move(items), "the test");
}
const std::vector<Tensor>& items_of(const Tensor& value) {
  return as_sequence(value, "the result").items;
}
/** A sequence of scalars as text. */
std::string text(const Tensor& value) {
  std::string result;
  for (const Tensor& item : items_of(value)) {
    result += std::to_string(static_cast<int>(item.data<float>()[0])) + " ";
  }
  return result;
}
const Tensor kOneTwoThree = sequence({floats({}, {1}), floats({}, {2}), floats({}, {3})});

TEST(Sequence, HoldsTensorsOfOneTypeInMemoryOfTheirOwn) {
  float lent[] = {5};
  const Tensor made = sequence({Tensor::borrow(DType::f32, {1}, lent)});
  lent[0] = 6;
  EXPECT_EQ(text(made), "5 ");
  EXPECT_EQ(made.clone().owner(), made.owner());
  EXPECT_THROW(sequence({int64s({1})}), Error);
  EXPECT_THROW(sequence({made}), Error);
  EXPECT_THROW(as_sequence(floats({1}, {1}), "x"), Error);
  EXPECT_THROW(Tensor::allocate(DType::sequence, {}), Error);
  EXPECT_EQ(dtype_name(DType::optional_sequence), "optional sequence");
  EXPECT_EQ(dtype_from_name("sequence"), DType::undefined);
}

TEST(Sequence, IsMadeMeasuredAndRead) {
  const Tensor made = apply("SequenceConstruct", {floats({1}, {4}), floats({2}, {5, 6})});
  EXPECT_EQ(apply("SequenceLength", {made}).data<int64_t>()[0], 2);
  expect_tensor(apply("SequenceAt", {made, int64s({1})}), {2}, {5, 6});
  expect_tensor(apply("SequenceAt", {made, int64s({-2})}), {1}, {4});
  EXPECT_EQ(code_of("SequenceAt", {made, int64s({2})}), Code::INVALID_DATA);
  EXPECT_EQ(code_of("SequenceAt", {made, int64s({-3})}), Code::INVALID_DATA);
  EXPECT_EQ(code_of("SequenceConstruct", {floats({1}, {4}), int64s({1})}), Code::TYPE_MISMATCH);
  const Tensor empty = apply("SequenceEmpty", {}, {{"dtype", int64_t{7}}});
  EXPECT_EQ(as_sequence(empty, "").element, DType::i64);
  EXPECT_EQ(apply("SequenceLength", {empty}).data<int64_t>()[0], 0);
}

TEST(Sequence, ChangesAreCopies) {
  const Tensor nine = floats({}, {9});
  EXPECT_EQ(text(apply("SequenceInsert", {kOneTwoThree, nine})), "1 2 3 9 ");
  EXPECT_EQ(text(apply("SequenceInsert", {kOneTwoThree, nine, int64s({0})})), "9 1 2 3 ");
  EXPECT_EQ(text(apply("SequenceInsert", {kOneTwoThree, nine, int64s({3})})), "1 2 3 9 ");
  EXPECT_EQ(text(apply("SequenceInsert", {kOneTwoThree, nine, int64s({-1})})), "1 2 9 3 ");
  EXPECT_EQ(code_of("SequenceInsert", {kOneTwoThree, nine, int64s({4})}), Code::INVALID_DATA);
  EXPECT_EQ(code_of("SequenceInsert", {kOneTwoThree, int64s({1})}), Code::TYPE_MISMATCH);
  EXPECT_EQ(text(apply("SequenceErase", {kOneTwoThree})), "1 2 ");
  EXPECT_EQ(text(apply("SequenceErase", {kOneTwoThree, int64s({0})})), "2 3 ");
  EXPECT_EQ(text(apply("SequenceErase", {kOneTwoThree, int64s({-2})})), "1 3 ");
  EXPECT_EQ(code_of("SequenceErase", {kOneTwoThree, int64s({3})}), Code::INVALID_DATA);
  EXPECT_EQ(code_of("SequenceErase", {sequence({})}), Code::INVALID_DATA);
  EXPECT_EQ(text(kOneTwoThree), "1 2 3 ");
}

TEST(Sequence, SplitsAndJoins) {
  const Tensor x = ramp({5, 2});
  const auto ones = apply("SplitToSequence", {x}, {{"keepdims", int64_t{0}}});
  ASSERT_EQ(items_of(ones).size(), 5u);
  expect_tensor(items_of(ones)[4], {2}, {8, 9});
  const auto twos = apply("SplitToSequence", {x, Tensor::scalar<int64_t>(2)});
  ASSERT_EQ(items_of(twos).size(), 3u);
  expect_tensor(items_of(twos)[2], {1, 2}, {8, 9});
  const auto listed = apply("SplitToSequence", {x, int64s({0, 2})}, {{"axis", int64_t{-1}}});
  ASSERT_EQ(items_of(listed).size(), 2u);
  EXPECT_EQ(items_of(listed)[0].shape(), (Shape{5, 0}));
  EXPECT_EQ(code_of("SplitToSequence", {x, int64s({4, 2})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of("SplitToSequence", {x, int64s({6, -1})}), Code::SHAPE_MISMATCH);
  EXPECT_EQ(code_of("SplitToSequence", {x, Tensor::scalar<int64_t>(0)}), Code::INVALID_DATA);
  EXPECT_EQ(code_of("SplitToSequence", {Tensor::zeros(DType::f32, {int64_t{1} << 40, 0})}),
            Code::LIMIT_EXCEEDED);
  expect_same(apply("ConcatFromSequence", {twos}, {{"axis", int64_t{0}}}), x);
  expect_same(apply("ConcatFromSequence", {ones}, {{"axis", int64_t{0}}, {"new_axis", int64_t{1}}}),
              x);
  expect_tensor(
      apply("ConcatFromSequence", {ones}, {{"axis", int64_t{-1}}, {"new_axis", int64_t{1}}}),
      {2, 5}, {0, 2, 4, 6, 8, 1, 3, 5, 7, 9});
  EXPECT_EQ(code_of("ConcatFromSequence", {sequence({})}, {{"axis", int64_t{0}}}),
            Code::INVALID_DATA);
}

TEST(Optional, IsItsContentOrNone) {
  const Tensor x = floats({1}, {1});
  expect_same(apply("Optional", {x}), x);
  EXPECT_TRUE(is_none(apply("Optional", {})));
  expect_same(apply("OptionalGetElement", {x}), x);
  EXPECT_EQ(code_of("OptionalGetElement", {make_none()}), Code::INVALID_DATA);
  EXPECT_TRUE(apply("OptionalHasElement", {x}).data<bool>()[0]);
  EXPECT_TRUE(apply("OptionalHasElement", {kOneTwoThree}).data<bool>()[0]);
  EXPECT_FALSE(apply("OptionalHasElement", {make_none()}).data<bool>()[0]);
  EXPECT_FALSE(apply("OptionalHasElement", {}).data<bool>()[0]);
}

TEST(Sequence, OthersRefuseThem) {
  EXPECT_EQ(code_of("Relu", {kOneTwoThree}), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of("Shape", {make_none()}), Code::TYPE_MISMATCH);
  EXPECT_EQ(code_of("SequenceConstruct", {kOneTwoThree}), Code::TYPE_MISMATCH);
}

}  // namespace
}  // namespace whittle::test
