#include "core/ops/support/elementwise.h"

#include <algorithm>

#include "core/ops/support/convert.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** A boolean result of a computation in double. */
void store(Tensor& out, int64_t first, int64_t count, const double* in) {
  if (out.dtype() != DType::boolean) return store_block(out, first, 1, count, in);
  for (int64_t i = 0; i < count; ++i) out.mutable_raw()[first + i] = std::byte(in[i] != 0);
}

void store(Tensor& out, int64_t first, int64_t count, const int64_t* in) {
  store_block(out, first, 1, count, in);
}

template <typename Value, typename Block>
void map(std::span<const Tensor> inputs, Tensor& out, Block block) {
  Shape shape = out.shape();
  std::vector<Shape> strides;
  for (const Tensor& input : inputs) strides.push_back(broadcast_strides(input.shape(), shape));
  strides.push_back(strides_of(shape));
  collapse_axes(shape, strides);
  std::vector<Value> values(inputs.size() * kBlock);
  std::vector<Value*> operands;
  for (size_t k = 0; k < inputs.size(); ++k) operands.push_back(values.data() + k * kBlock);
  for_each_row(shape, strides, [&](const int64_t* offsets) {
    for (int64_t done = 0; done < shape.back(); done += kBlock) {
      const int64_t n = std::min(kBlock, shape.back() - done);
      for (size_t k = 0; k < inputs.size(); ++k) {
        if (!inputs[k].defined()) continue;
        const int64_t step = strides[k].back();
        const int64_t first = offsets[k] + done * step;
        load_block(inputs[k], first, step, step == 0 ? 1 : n, operands[k]);
        if (step == 0) std::fill_n(operands[k] + 1, n - 1, operands[k][0]);
      }
      block(operands.data(), n);
      store(out, offsets[inputs.size()] + done, n, operands[0]);
    }
  });
}

}  // namespace

void map_elements(std::span<const Tensor> inputs, Tensor& out, RealBlock block) {
  map<double>(inputs, out, block);
}

void map_elements(std::span<const Tensor> inputs, Tensor& out, IntegerBlock block) {
  map<int64_t>(inputs, out, block);
}

Shape broadcast_inputs(const EvalContext& context) {
  Shape shape;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (context.has_input(i)) {
      shape = broadcast(shape, context.input(i).shape(), context.node().label());
    }
  }
  return shape;
}

}  // namespace whittle
