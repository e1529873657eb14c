#include <algorithm>
#include <utility>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_geometry.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

bool turns(const Node& node, size_t input) {
  for (const char* attribute : {"transBatchA", "transBatchB"}) {
    if (node.int_attribute(attribute, 0) != 0) {
      fail(Code::UNSUPPORTED, node.label(), "Expected attribute '", attribute, "' to be 0 for ",
           node.label(), " but received 1");
    }
  }
  return node.int_attribute(input == 0 ? "transA" : "transB", 0) != 0;
}

std::optional<Dims> operand_dims(const Node& node, std::optional<Dims> dims, size_t input) {
  if (dims && dims->size() > 1 && turns(node, input)) {
    std::swap(dims->back(), (*dims)[dims->size() - 2]);
  }
  return dims;
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  context.set_output(0, context.dtype(0),
                     matmul_dims(node, operand_dims(node, context.dims(0), 0),
                                 operand_dims(node, context.dims(1), 1)));
}

Tensor operand(const EvalContext& context, size_t input) {
  const Tensor tensor = float_input(context, input);
  const int rank = tensor.shape().rank();
  if (rank < 2 || !turns(context.node(), input)) return tensor;
  Shape shape = tensor.shape();
  Shape strides = strides_of(shape);
  std::swap(shape[rank - 1], shape[rank - 2]);
  std::swap(strides[rank - 1], strides[rank - 2]);
  Tensor turned = Tensor::allocate(DType::f32, shape);
  copy_view(turned, view_of(shape), tensor, View{0, strides}, shape);
  return turned;
}

// y = alpha * A' B', where A' is a with its last two axes swapped (transA) or as it is, B'
// likewise; batch axes broadcast as in MatMul.
void evaluate(EvalContext& context) {
  const Tensor a = operand(context, 0);
  const Tensor b = operand(context, 1);
  const float alpha = context.node().float_attribute("alpha", 1.0f);
  const MatMulGeometry geometry = matmul_geometry(context.node(), a.shape(), b.shape());
  fill_widened(context, 0, context.input(0).dtype(), geometry.output, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    std::fill(out.begin(), out.end(), 0.0f);
    multiply_batches(geometry, a.data<float>().data(), b.data<float>().data(), out.data());
    for (float& value : out) value *= alpha;
  });
}

Cost cost(const NodeFacts& facts) {
  const auto a = operand_dims(facts.node, facts.inputs[0].dims, 0);
  const auto b = operand_dims(facts.node, facts.inputs[1].dims, 1);
  if (!a || !b || !concrete(*a) || !concrete(*b)) return {};
  return {matmul_geometry(facts.node, *concrete(*a), *concrete(*b)).macs()};
}

}  // namespace

void register_ms_fused_matmul(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "FusedMatMul",
             .infer = infer,
             .evaluate = evaluate,
             .cost = cost});
}

}  // namespace whittle
