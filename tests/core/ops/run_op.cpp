#include "tests/core/ops/run_op.h"

#include "core/base/half.h"
#include "core/base/random.h"
#include "core/ops/interpret.h"
#include "core/ops/op.h"

namespace whittle::test {
namespace {

Node node_of(const OpCase& which, size_t inputs, const std::vector<bool>& present) {
  Node node;
  node.op = which.op;
  node.domain = which.domain;
  node.name = "tested";
  node.attributes = which.attributes;
  for (size_t i = 0; i < inputs; ++i) {
    node.inputs.push_back(present[i] ? static_cast<ValueId>(i) : kNoValue);
  }
  for (size_t i = 0; i < which.outputs; ++i) {
    node.outputs.push_back(static_cast<ValueId>(inputs + i));
  }
  return node;
}

Node node_of(const OpCase& which, const std::vector<Tensor>& inputs) {
  std::vector<bool> present;
  for (const Tensor& tensor : inputs) present.push_back(tensor.defined());
  return node_of(which, inputs.size(), present);
}

/** Expects an inferred fact to be true of what came out, dimensions that depend on data apart. */
void expect_fact(const Fact& fact, const Tensor& received) {
  EXPECT_EQ(dtype_name(fact.dtype), dtype_name(received.dtype())) << "inferred";
  ASSERT_TRUE(fact.dims.has_value()) << "inferred";
  ASSERT_EQ(fact.dims->size(), static_cast<size_t>(received.shape().rank()));
  for (size_t k = 0; k < fact.dims->size(); ++k) {
    const Dim& dim = (*fact.dims)[k];
    if (!dim.known()) continue;
    EXPECT_EQ(dim.value, received.shape()[static_cast<int>(k)]) << "inferred, axis " << k;
  }
}

}  // namespace

std::vector<Tensor> run_op(const OpCase& which, const std::vector<Tensor>& inputs) {
  const Node node = node_of(which, inputs);
  SerialPool pool;
  std::vector<Tensor> outputs = evaluate_node(node, all_ops(), inputs, pool);
  std::vector<Fact> facts;
  for (const Tensor& tensor : inputs) {
    if (!tensor.defined()) {
      facts.emplace_back();
    } else {
      facts.push_back({tensor.dtype(), to_dims(tensor.shape()), tensor});
    }
  }
  InferContext context(node, facts);
  all_ops().at(node).infer(context);
  for (size_t i = 0; i < outputs.size(); ++i) expect_fact(context.outputs()[i], outputs[i]);
  return outputs;
}

Code error_of(const OpCase& which, const std::vector<Tensor>& inputs) {
  try {
    SerialPool pool;
    evaluate_node(node_of(which, inputs), all_ops(), inputs, pool);
  } catch (const Error& error) {
    return error.code;
  }
  ADD_FAILURE() << which.op << " threw nothing";
  return Code::INTERNAL;
}

std::optional<Dims> inferred_dims(const OpCase& which,
                                  const std::vector<std::optional<Dims>>& dims) {
  const Node node = node_of(which, dims.size(), std::vector<bool>(dims.size(), true));
  std::vector<Fact> facts;
  for (const auto& each : dims) facts.push_back({DType::f32, each, {}});
  InferContext context(node, facts);
  all_ops().at(node).infer(context);
  return context.outputs()[0].dims;
}

Tensor floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::of<float>(shape, values);
}

Tensor ramp(const Shape& shape, float first, float step) {
  Tensor tensor = Tensor::allocate(DType::f32, shape);
  float value = first;
  for (float& element : tensor.mutable_data<float>()) {
    element = value;
    value += step;
  }
  return tensor;
}

Tensor int64s(std::initializer_list<int64_t> values) {
  return Tensor::of<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}

Tensor noise(const Shape& shape, uint64_t seed) {
  Random random(seed);
  Tensor tensor = Tensor::allocate(DType::f32, shape);
  for (float& element : tensor.mutable_data<float>()) {
    element = random.uniform(-1.0f, 1.0f);
  }
  return tensor;
}

Tensor to_half(const Tensor& tensor) {
  Tensor half = Tensor::allocate(DType::f16, tensor.shape());
  const auto out = half.mutable_data<uint16_t>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = float_to_half(tensor.data<float>()[i]);
  return half;
}

}  // namespace whittle::test
