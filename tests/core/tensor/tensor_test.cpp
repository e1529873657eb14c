#include "core/tensor/tensor.h"

#include <gtest/gtest.h>

#include "core/base/half.h"

namespace whittle::test {
namespace {

TEST(DType, NamesAndWidths) {
  for (int code = 1; code <= 23; ++code) {
    const auto dtype = static_cast<DType>(code);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_name("float7"), DType::undefined);
  EXPECT_EQ(dtype_name(static_cast<DType>(200)), "undefined");
  EXPECT_EQ(dtype_bytes(DType::f32, 3), 12);
  EXPECT_EQ(dtype_bytes(DType::i4, 3), 2);
  EXPECT_EQ(dtype_bytes(DType::string, 3), 0);
  EXPECT_THROW(dtype_bytes(DType::f64, INT64_MAX / 8), Error);
  EXPECT_TRUE(is_float(DType::bf16));
  EXPECT_FALSE(is_float(DType::i32));
}

TEST(Shape, CountsAndRefusesTooMuch) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.elements(), 24);
  EXPECT_EQ(shape.elements(1, 3), 12);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{5, 0}).elements(), 0);
  EXPECT_EQ(to_string(shape), "[2,3,4]");
  EXPECT_EQ(strides_of(shape), (Shape{12, 4, 1}));
  EXPECT_THROW((Shape{int64_t{1} << 40, int64_t{1} << 40}).elements(), Error);
  Shape full;
  for (int i = 0; i < kMaxRank; ++i) full.push_back(1);
  EXPECT_THROW(full.push_back(1), Error);
}

TEST(Shape, AxesAndBroadcasting) {
  EXPECT_EQ(normalize_axis(-1, 4, "x"), 3);
  EXPECT_EQ(normalize_axis(2, 4, "x"), 2);
  EXPECT_THROW(normalize_axis(4, 4, "x"), Error);
  EXPECT_THROW(normalize_axis(-5, 4, "x"), Error);
  EXPECT_EQ(broadcast({2, 1, 4}, {3, 1}, "x"), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast({}, {5}, "x"), Shape{5});
  EXPECT_EQ(broadcast({0}, {1}, "x"), Shape{0});
  EXPECT_THROW(broadcast({2}, {3}, "x"), Error);
}

TEST(Tensor, OwnsSharesAndBorrows) {
  Tensor owned = Tensor::zeros(DType::f32, {2, 3});
  owned.mutable_data<float>()[4] = 7;
  const Tensor shared = owned;
  EXPECT_EQ(shared.raw(), owned.raw());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(owned.raw()) % 64, 0u);
  const Tensor copy = owned.clone();
  EXPECT_NE(copy.raw(), owned.raw());
  EXPECT_EQ(copy.data<float>()[4], 7.0f);
  const Tensor flat = owned.reshaped({6});
  EXPECT_EQ(flat.raw(), owned.raw());
  EXPECT_THROW(owned.reshaped({5}), Error);

  auto memory = std::make_shared<std::vector<int32_t>>(std::vector<int32_t>{1, 2});
  const Tensor view = Tensor::borrow(DType::i32, {2}, memory->data(), memory);
  memory.reset();
  EXPECT_EQ(view.data<int32_t>()[1], 2) << "the view keeps its owner alive";
}

TEST(Tensor, ChecksElementTypes) {
  const Tensor tensor = Tensor::of<float>({2}, {1, 2});
  EXPECT_THROW(tensor.data<int32_t>(), Error);
  EXPECT_THROW(tensor.data<double>(), Error);
  Tensor half = Tensor::allocate(DType::f16, {1});
  half.mutable_data<uint16_t>()[0] = float_to_half(0.5f);
  EXPECT_EQ(to_floats(half, "x"), std::vector<float>{0.5f});
  EXPECT_THROW(Tensor::of<float>({3}, {1, 2}), Error);
  EXPECT_THROW(to_int64s(tensor, "x"), Error);
}

TEST(Tensor, HugeOnesAreRefusedBeforeAllocation) {
  try {
    Tensor::allocate(DType::f32, {int64_t{1} << 31});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::LIMIT_EXCEEDED);
  }
  EXPECT_THROW(Tensor::allocate(DType::string, {int64_t{1} << 40}), Error);
}

TEST(Tensor, PackedNibblesAndConversions) {
  Tensor packed = Tensor::zeros(DType::i4, {3});
  packed.mutable_raw()[0] = std::byte{0x78};  // -8, then 7
  packed.mutable_raw()[1] = std::byte{0x0f};  // -1
  EXPECT_EQ(packed.bytes(), 2);
  EXPECT_EQ(to_int64s(packed, "x"), (std::vector<int64_t>{-8, 7, -1}));
  EXPECT_EQ(to_floats(packed, "x"), (std::vector<float>{-8, 7, -1}));
  EXPECT_EQ(to_int64s(Tensor::of<bool>({2}, {true, false}), "x"), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(to_floats(Tensor::scalar(int8_t{-3}), "x"), std::vector<float>{-3});
  Tensor strings = Tensor::allocate(DType::string, {2});
  strings.mutable_strings()[0] = "a";
  EXPECT_EQ(strings.clone().strings()[0], "a");
  EXPECT_THROW(to_floats(strings, "x"), Error);
}

}  // namespace
}  // namespace whittle::test
