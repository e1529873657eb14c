#include "core/onnx/read_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/base/half.h"
#include "core/onnx/proto.h"
#include "tests/support/files.h"
#include "tests/support/protos.h"

namespace whittle::test {
namespace {

/** Reads TensorProtos out of a buffer of its own, as the reader does. */
class Reading {
 public:
  explicit Reading(const Proto& tensor, size_t offset = 0, std::map<std::string, Bytes> files = {})
      : external(std::move(files)), file(as_bytes(std::string(offset, ' ') + tensor.bytes())) {
    source.begin = reinterpret_cast<const char*>(file.data.get());
    source.file_name = "model.onnx";
    bytes = {source.begin + offset, tensor.bytes().size()};
  }
  Tensor read(onnx::Storage storage = onnx::Storage::slice) {
    return onnx::read_tensor(bytes, context, storage).tensor;
  }
  Tensor read_sparse() {
    return onnx::read_sparse_tensor(bytes, context, onnx::Storage::slice).tensor;
  }

  std::map<std::string, Bytes> external;
  Bytes file;
  onnx::Source source;
  std::string_view bytes;
  onnx::TensorContext context{source, {file.data, file.data.get()}, external, {}};
};

Proto header(DType dtype, const std::vector<int64_t>& dims) {
  Proto tensor;
  for (int64_t dim : dims) tensor.integer(proto::tensor::dims, dim);
  tensor.integer(proto::tensor::data_type, static_cast<int64_t>(dtype));
  return tensor.text(proto::tensor::name, "w");
}

template <typename T>
std::string raw(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

Code code_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_FALSE(error.where.empty());
    EXPECT_TRUE(error.message.starts_with("Expected ")) << error.message;
    return error.code;
  }
  ADD_FAILURE() << "no error";
  return Code::INTERNAL;
}

TEST(ReadTensor, RawDataIsASliceOfTheFileAtAnyOffset) {
  const std::vector<float> values = {1.5f, -2.25f, 0.0f};
  const std::vector<int64_t> wide = {int64_t{1} << 40, -7};
  for (size_t offset = 0; offset < 16; ++offset) {
    Reading floats(header(DType::f32, {3}).text(proto::tensor::raw_data, raw(values)), offset);
    const Tensor tensor = floats.read();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.raw()) % 4, 0u);
    EXPECT_GE(tensor.raw(), floats.file.data.get());
    EXPECT_LT(tensor.raw(), floats.file.data.get() + floats.file.size);
    EXPECT_EQ(std::vector<float>(tensor.data<float>().begin(), tensor.data<float>().end()), values);

    Reading integers(header(DType::i64, {2}).text(proto::tensor::raw_data, raw(wide)), offset);
    const Tensor longs = integers.read();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(longs.raw()) % 8, 0u);
    EXPECT_EQ(to_int64s(longs, "w"), wide);
  }
}

TEST(ReadTensor, CopiesWhereAShiftWouldReachOutsideOfTheMessage) {
  // raw_data is the very first field: two bytes are in front of it, and 8-byte alignment may
  // want 7.
  for (size_t offset = 0; offset < 8; ++offset) {
    Proto tensor;
    tensor.text(proto::tensor::raw_data, raw<int64_t>({5}));
    tensor.integer(proto::tensor::data_type, static_cast<int64_t>(DType::i64));
    Reading reading(tensor, offset);
    const std::string before(reading.source.begin, offset);
    EXPECT_EQ(to_int64s(reading.read(), "w"), std::vector<int64_t>{5});
    EXPECT_EQ(std::string(reading.source.begin, offset), before);
  }
}

TEST(ReadTensor, StorageCopyLeavesTheFileAlone) {
  Reading reading(header(DType::f32, {1}).text(proto::tensor::raw_data, raw<float>({3})), 1);
  const std::string before(reading.bytes);
  EXPECT_EQ(reading.read(onnx::Storage::copy).data<float>()[0], 3.0f);
  EXPECT_EQ(before, reading.bytes);
}

TEST(ReadTensor, Int32DataHoldsEveryNarrowType) {
  const auto read = [](DType dtype, std::vector<int64_t> dims, std::vector<int64_t> values) {
    return Reading(header(dtype, dims).packed(proto::tensor::int32_data, values)).read();
  };
  EXPECT_EQ(to_int64s(read(DType::i32, {2}, {-1, 7}), "w"), (std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(to_int64s(read(DType::i8, {2}, {-128, 127}), "w"), (std::vector<int64_t>{-128, 127}));
  EXPECT_EQ(to_int64s(read(DType::u8, {2}, {0, 255}), "w"), (std::vector<int64_t>{0, 255}));
  EXPECT_EQ(to_int64s(read(DType::i16, {1}, {-300}), "w"), (std::vector<int64_t>{-300}));
  EXPECT_EQ(to_int64s(read(DType::u16, {1}, {65535}), "w"), (std::vector<int64_t>{65535}));
  EXPECT_EQ(to_int64s(read(DType::boolean, {2}, {1, 0}), "w"), (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(to_floats(read(DType::f16, {1}, {float_to_half(0.5f)}), "w"),
            (std::vector<float>{0.5f}));
  EXPECT_EQ(to_floats(read(DType::bf16, {1}, {float_to_bfloat16(2.0f)}), "w"),
            (std::vector<float>{2.0f}));
  // Two elements to a byte, low nibble first.
  EXPECT_EQ(to_int64s(read(DType::i4, {3}, {0x78, 0x0f}), "w"), (std::vector<int64_t>{-8, 7, -1}));
  EXPECT_EQ(to_int64s(read(DType::u4, {3}, {0x78, 0x0f}), "w"), (std::vector<int64_t>{8, 7, 15}));
}

TEST(ReadTensor, OtherTypedFields) {
  EXPECT_EQ(
      to_int64s(Reading(header(DType::i64, {2}).packed(proto::tensor::int64_data, {-5, 9})).read(),
                "w"),
      (std::vector<int64_t>{-5, 9}));
  const Tensor big =
      Reading(header(DType::u64, {1}).packed(proto::tensor::uint64_data, {-1})).read();
  EXPECT_EQ(big.data<uint64_t>()[0], ~uint64_t{0});
  // Floats one by one, and in one packed run.
  Proto single = header(DType::f32, {2});
  single.number(proto::tensor::float_data, 1.25f).number(proto::tensor::float_data, -4.0f);
  EXPECT_EQ(to_floats(Reading(single).read(), "w"), (std::vector<float>{1.25f, -4.0f}));
  const Proto run = header(DType::f32, {2}).text(proto::tensor::float_data, raw<float>({6, 7}));
  EXPECT_EQ(to_floats(Reading(run, 3).read(), "w"), (std::vector<float>{6, 7}));
  Proto mixed = header(DType::f32, {3}).text(proto::tensor::float_data, raw<float>({6, 7}));
  mixed.number(proto::tensor::float_data, 8.0f);
  EXPECT_EQ(to_floats(Reading(mixed).read(), "w"), (std::vector<float>{6, 7, 8}));
  const Proto doubles =
      header(DType::f64, {1}).text(proto::tensor::double_data, raw<double>({0.5}));
  EXPECT_EQ(Reading(doubles).read().data<double>()[0], 0.5);
  const Proto strings = header(DType::string, {2})
                            .text(proto::tensor::string_data, "hello")
                            .text(proto::tensor::string_data, "");
  EXPECT_EQ(Reading(strings).read().strings()[0], "hello");
}

TEST(ReadTensor, ScalarsEmptyTensorsAndNaN) {
  EXPECT_EQ(Reading(header(DType::f32, {}).text(proto::tensor::raw_data, raw<float>({2})))
                .read()
                .elements(),
            1);
  EXPECT_EQ(Reading(header(DType::f32, {0, 5})).read().elements(), 0);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(
      std::isnan(Reading(header(DType::f32, {1}).text(proto::tensor::raw_data, raw<float>({nan})))
                     .read()
                     .data<float>()[0]));
}

TEST(ReadTensor, BooleansBecomeZeroOrOne) {
  const Tensor tensor =
      Reading(header(DType::boolean, {3})
                  .text(proto::tensor::raw_data, "\x07\x01" + std::string(1, '\0')))
          .read();
  EXPECT_EQ(to_int64s(tensor, "w"), (std::vector<int64_t>{1, 1, 0}));
}

Proto external(const std::string& location, const std::string& offset, const std::string& length) {
  Proto tensor = header(DType::f32, {2}).integer(proto::tensor::data_location, 1);
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    tensor.message(proto::tensor::external_data,
                   Proto().text(proto::entry::key, key).text(proto::entry::value, value));
  };
  add("location", location);
  add("offset", offset);
  add("length", length);
  return tensor;
}

TEST(ReadTensor, ExternalData) {
  const std::string content = "...." + raw<float>({1, 2}) + "." + raw<float>({3, 4});
  const std::map<std::string, Bytes> files = {{"w.bin", as_bytes(content)}};
  const auto read = [&](const Proto& tensor) {
    Reading reading(tensor, 0, files);
    return to_floats(reading.read(), "w");
  };
  EXPECT_EQ(read(external("w.bin", "4", "8")), (std::vector<float>{1, 2}));
  EXPECT_EQ(read(external("w.bin", "4", "")), (std::vector<float>{1, 2}));
  EXPECT_EQ(read(external("./w.bin", "13", "8")), (std::vector<float>{3, 4}))
      << "unaligned: copied";
  EXPECT_EQ(code_of([&] { read(external("w.bin", "16", "8")); }), Code::INVALID_MODEL);
  EXPECT_EQ(code_of([&] { read(external("w.bin", "4", "12")); }), Code::INVALID_MODEL);
  EXPECT_EQ(code_of([&] { read(external("w.bin", "-4", "8")); }), Code::INVALID_MODEL);
  EXPECT_EQ(code_of([&] { read(external("w.bin", "9223372036854775807", "8")); }),
            Code::LIMIT_EXCEEDED);
  EXPECT_EQ(code_of([&] { read(external("", "", "")); }), Code::INVALID_MODEL);

  Reading missing(external("folder/other.bin", "0", "8"), 0, files);
  EXPECT_EQ(missing.read().shape(), Shape{2});
  EXPECT_EQ(missing.context.missing, (std::set<std::string>{"folder/other.bin"}));
}

TEST(ReadTensor, ClaimsAreCheckedBeforeAnythingIsAllocated) {
  const int64_t three_gigabytes = int64_t{3} << 30;
  const auto code = [](const Proto& tensor) { return code_of([&] { Reading(tensor).read(); }); };
  EXPECT_EQ(code(header(DType::u8, {three_gigabytes}).text(proto::tensor::raw_data, "abcd")),
            Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::i32, {three_gigabytes}).packed(proto::tensor::int32_data, {1, 2})),
            Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::f32, {three_gigabytes})), Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::f32, {int64_t{1} << 62, 4})), Code::LIMIT_EXCEEDED);
  EXPECT_EQ(code(header(DType::f32, std::vector<int64_t>(17, 1))), Code::LIMIT_EXCEEDED);
}

TEST(ReadTensor, RefusesWhatDoesNotFit) {
  const auto code = [](const Proto& tensor) { return code_of([&] { Reading(tensor).read(); }); };
  EXPECT_EQ(code(header(DType::f32, {-1})), Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::f32, {2}).text(proto::tensor::raw_data, "abcd")),
            Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::i32, {1}).text(proto::tensor::float_data, "abcd")),
            Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::string, {2}).text(proto::tensor::string_data, "one")),
            Code::INVALID_MODEL);
  EXPECT_EQ(code(header(DType::undefined, {1})), Code::INVALID_MODEL);
  EXPECT_EQ(code(header(static_cast<DType>(99), {1})), Code::UNSUPPORTED_TYPE);
}

Proto sparse(const std::vector<int64_t>& dims, const std::vector<float>& values,
             const std::vector<int64_t>& index_dims, const std::vector<int64_t>& indices) {
  Proto tensor;
  tensor.message(proto::sparse::values, header(DType::f32, {static_cast<int64_t>(values.size())})
                                            .text(proto::tensor::raw_data, raw(values)));
  tensor.message(proto::sparse::indices,
                 header(DType::i64, index_dims).packed(proto::tensor::int64_data, indices));
  for (int64_t dim : dims) tensor.integer(proto::sparse::dims, dim);
  return tensor;
}

TEST(ReadTensor, SparseTensorsBecomeDense) {
  const std::vector<float> expected = {0, 5, 0, 0, 0, 6};
  EXPECT_EQ(to_floats(Reading(sparse({2, 3}, {5, 6}, {2}, {1, 5})).read_sparse(), "w"), expected);
  EXPECT_EQ(to_floats(Reading(sparse({2, 3}, {5, 6}, {2, 2}, {0, 1, 1, 2})).read_sparse(), "w"),
            expected);
  const auto code = [](const Proto& tensor) {
    return code_of([&] { Reading(tensor).read_sparse(); });
  };
  EXPECT_EQ(code(sparse({2, 3}, {5}, {1}, {6})), Code::INVALID_MODEL);
  EXPECT_EQ(code(sparse({2, 3}, {5}, {1, 2}, {1, -1})), Code::INVALID_MODEL);
  EXPECT_EQ(code(sparse({2, 3}, {5}, {2}, {1, 2})), Code::INVALID_MODEL);
  EXPECT_EQ(code(sparse({int64_t{3} << 28}, {5}, {1}, {1})), Code::LIMIT_EXCEEDED);
}

}  // namespace
}  // namespace whittle::test
