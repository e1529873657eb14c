#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/tensor/tensor.h"
#include "tests/support/tolerance.h"

namespace whittle::test {

/** One operator application to be tested; an undefined input tensor is an absent one. */
struct OpCase {
  std::string op;
  Attributes attributes = {};
  std::string domain = "";
  size_t outputs = 1;
};

/** Evaluates it by reference, and expects shape inference to say type and shape of what came out,
 * from the inputs' shapes and (integer inputs) values. */
std::vector<Tensor> run_op(const OpCase& which, const std::vector<Tensor>& inputs);
inline Tensor run_op1(const OpCase& which, const std::vector<Tensor>& inputs) {
  return run_op(which, inputs)[0];
}
/** The code of the Error it throws; fails the test when it throws none. */
Code error_of(const OpCase& which, const std::vector<Tensor>& inputs);
/** Output dims inferred for output 0 when the inputs have these dims (f32, no values). */
std::optional<Dims> inferred_dims(const OpCase& which,
                                  const std::vector<std::optional<Dims>>& dims);

/** f32 of that shape. */
Tensor floats(const Shape& shape, std::initializer_list<float> values);
/** f32 first, first + step, ... */
Tensor ramp(const Shape& shape, float first = 0.0f, float step = 1.0f);
/** Integers from 0 on, for shapes, axes and sizes. */
Tensor int64s(std::initializer_list<int64_t> values);
/** Reproducible values in [-1, 1). */
Tensor noise(const Shape& shape, uint64_t seed = 1);
/** As half precision, rounded. */
Tensor to_half(const Tensor& tensor);

/** Expects shape and values (widened to float) to be those. */
template <typename Predicate = Exact>
void expect_tensor(const Tensor& actual, const Shape& shape, const std::vector<float>& values,
                   const Predicate& predicate = {}) {
  ASSERT_EQ(to_string(actual.shape()), to_string(shape));
  const std::vector<float> received = to_floats(actual, "the result");
  ASSERT_EQ(received.size(), values.size());
  expect_all(received.data(), values.data(), values.size(), predicate);
}
template <typename Predicate = Exact>
void expect_same(const Tensor& actual, const Tensor& expected, const Predicate& predicate = {}) {
  ASSERT_EQ(dtype_name(actual.dtype()), dtype_name(expected.dtype()));
  expect_tensor(actual, expected.shape(), to_floats(expected, "the expectation"), predicate);
}

}  // namespace whittle::test
