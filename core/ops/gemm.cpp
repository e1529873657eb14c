#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/matmul_geometry.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

struct Operand {
  int64_t rows = 0;
  int64_t columns = 0;
  bool transposed = false;
};

Operand operand(const Node& node, const char* attribute, const Shape& shape) {
  if (shape.rank() != 2) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected matrices for ", node.label(),
         " but received ", to_string(shape));
  }
  const bool transposed = node.int_attribute(attribute, 0) != 0;
  return transposed ? Operand{shape[1], shape[0], true} : Operand{shape[0], shape[1], false};
}

void require_inner(const Node& node, int64_t left, int64_t right) {
  if (left == right) return;
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected operands with one inner size for ",
       node.label(), " but received ", left, " and ", right);
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  Dims out(2);
  for (size_t i = 0; i < 2; ++i) {
    if (!context.dims(i)) continue;
    if (context.dims(i)->size() != 2) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected matrices for ", node.label(),
           " but received ", to_string(*context.dims(i)));
    }
    const bool transposed = node.int_attribute(i == 0 ? "transA" : "transB", 0) != 0;
    out[i] = (*context.dims(i))[transposed ? 1 - i : i];
  }
  const auto inner = [&](size_t i) {
    const bool transposed = node.int_attribute(i == 0 ? "transA" : "transB", 0) != 0;
    return context.dims(i) ? (*context.dims(i))[transposed ? i : 1 - i] : Dim{};
  };
  if (inner(0).known() && inner(1).known()) {
    require_inner(node, inner(0).value, inner(1).value);
  }
  context.set_output(0, context.dtype(0), out);
}

template <typename T>
MatrixView<T> view(const Tensor& tensor, const Operand& operand) {
  const T* data = tensor.data<T>().data();
  return operand.transposed ? MatrixView<T>{data, 1, operand.rows}
                            : MatrixView<T>{data, operand.columns, 1};
}

// y = alpha * A' B' + beta * C, where A' is A or its transpose (transA), B' likewise, and C
// broadcasts.
//   A' [m, k]   B' [k, n]   C broadcast to [m, n]   y [m, n]
template <typename T>
void evaluate_as(EvalContext& context, const Tensor& a, const Tensor& b, Tensor& y,
                 const Operand& left, const Operand& right) {
  const T alpha = context.node().float_attribute("alpha", 1.0f);
  const T beta = context.node().float_attribute("beta", 1.0f);
  const auto out = y.mutable_data<T>();
  std::fill(out.begin(), out.end(), T{0});
  multiply<T>(left.rows, left.columns, right.columns, view<T>(a, left), view<T>(b, right),
              out.data());
  for (T& value : out) value *= alpha;
  if (!context.has_input(2) || beta == T{0}) return;
  const Tensor c = widen(context.input(2));
  if (!(broadcast(c.shape(), y.shape(), context.node().label()) == y.shape())) {
    fail(Code::SHAPE_MISMATCH, context.node().label(), "Expected a third input that broadcasts to ",
         to_string(y.shape()), " for ", context.node().label(), " but received ",
         to_string(c.shape()));
  }
  const Shape strides = broadcast_strides(c.shape(), y.shape());
  const auto added = c.data<T>();
  for (int64_t i = 0; i < left.rows; ++i) {
    for (int64_t j = 0; j < right.columns; ++j) {
      out[static_cast<size_t>(i * right.columns + j)] +=
          beta * added[static_cast<size_t>(i * strides[0] + j * strides[1])];
    }
  }
}

void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor a = widen(context.input(0));
  const Tensor b = widen(context.input(1));
  const Operand left = operand(node, "transA", a.shape());
  const Operand right = operand(node, "transB", b.shape());
  require_inner(node, left.columns, right.rows);
  fill_widened(
      context, 0, context.input(0).dtype(), Shape{left.rows, right.columns}, [&](Tensor& y) {
        dispatch<float, double>(
            a.dtype(), node, [&]<typename T>() { evaluate_as<T>(context, a, b, y, left, right); });
      });
}

Cost cost(const NodeFacts& facts) {
  if (!facts.inputs[0].dims || !facts.outputs[0].dims) return {};
  const auto a = concrete(*facts.inputs[0].dims);
  const auto y = concrete(*facts.outputs[0].dims);
  if (!a || !y) return {};
  const Operand left = operand(facts.node, "transA", *a);
  return {checked_mul(y->elements(), left.columns, "MACs")};
}

}  // namespace

void register_gemm(OpTable& table) {
  table.add({.domain = "", .name = "Gemm", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
