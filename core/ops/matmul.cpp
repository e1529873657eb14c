#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_geometry.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, context.dtype(0),
                     matmul_dims(context.node(), context.dims(0), context.dims(1)));
}

/** The elements as T, which has their width (integers are multiplied as unsigned). */
template <typename T>
const T* as(const Tensor& tensor) {
  return reinterpret_cast<const T*>(tensor.raw());
}

// y[.., i, j] = sum over p of a[.., i, p] * b[.., p, j], batch axes broadcast; floats in the order
// of p, integers modulo 2^bits.   a [batch.., m, k]   b [batch.., k, n]   y [batch.., m, n]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor a = widen(context.input(0));
  const Tensor b = widen(context.input(1));
  if (a.dtype() != b.dtype()) {
    fail(Code::TYPE_MISMATCH, node.label(), "Expected operands of one type for ", node.label(),
         " but received ", dtype_name(context.input(0).dtype()), " and ",
         dtype_name(context.input(1).dtype()));
  }
  const MatMulGeometry geometry = matmul_geometry(node, a.shape(), b.shape());
  fill_widened(context, 0, context.input(0).dtype(), geometry.output, [&](Tensor& y) {
    std::fill_n(y.mutable_raw(), y.bytes(), std::byte{0});
    const auto run = [&]<typename T>() {
      multiply_batches(geometry, as<T>(a), as<T>(b), reinterpret_cast<T*>(y.mutable_raw()));
    };
    switch (a.dtype()) {
      case DType::f32:
        return run.template operator()<float>();
      case DType::f64:
        return run.template operator()<double>();
      case DType::i32:
        return run.template operator()<uint32_t>();
      case DType::i64:
      case DType::u64:
        return run.template operator()<uint64_t>();
      default:
        fail_type(a.dtype(), node);
    }
  });
}

}  // namespace

void register_matmul(OpTable& table) {
  table.add(
      {.domain = "", .name = "MatMul", .infer = infer, .evaluate = evaluate, .cost = matmul_cost});
}

}  // namespace whittle
