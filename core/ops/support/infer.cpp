#include "core/ops/support/infer.h"

#include <algorithm>

#include "core/ops/support/dispatch.h"

namespace whittle {

void infer_same(InferContext& context) {
  context.copy_output(0, 0);
}

void infer_broadcast(InferContext& context) {
  context.set_output(0, context.dtype(0), broadcast_inputs(context));
}

void infer_broadcast_bool(InferContext& context) {
  context.set_output(0, DType::boolean, broadcast_inputs(context));
}

std::optional<Dims> broadcast_inputs(const InferContext& context, size_t first) {
  Dims result;
  for (size_t i = first; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    if (!context.dims(i)) return std::nullopt;
    result = broadcast_dims(result, *context.dims(i), context.node().label());
  }
  return result;
}

namespace {

Dim broadcast_dim(const Dim& a, const Dim& b, bool& fits) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a.known() && b.known()) {
    fits = false;
    return Dim();
  }
  // An unknown extent against a known one above 1 can only be 1 or the same.
  if (a.known()) return a;
  if (b.known()) return b;
  return Dim();
}

}  // namespace

Dims broadcast_dims(const Dims& a, const Dims& b, const std::string& where) {
  const size_t rank = std::max(a.size(), b.size());
  Dims result(rank);
  bool fits = true;
  for (size_t i = 0; i < rank; ++i) {
    const size_t from_end = rank - i;
    const Dim da = from_end <= a.size() ? a[a.size() - from_end] : Dim(1);
    const Dim db = from_end <= b.size() ? b[b.size() - from_end] : Dim(1);
    result[i] = broadcast_dim(da, db, fits);
  }
  if (!fits) {
    fail(Code::SHAPE_MISMATCH, where, "Expected shapes that broadcast for ", where,
         " but received ", to_string(a), " and ", to_string(b));
  }
  return result;
}

Dims unknown_dims(int rank) {
  return Dims(static_cast<size_t>(rank));
}

Dim dim_product(const Dims& dims, int first, int last) {
  int64_t known = 1;
  Dim unknown(1);
  for (int i = first; i < last; ++i) {
    const Dim& dim = dims[static_cast<size_t>(i)];
    if (dim.known()) {
      known = checked_mul(known, dim.value, "a shape");
    } else {
      unknown = unknown == Dim(1) ? dim : Dim();
    }
  }
  if (unknown == Dim(1) || known == 0) return known;
  return known == 1 ? unknown : Dim();
}

DType dtype_attribute(const Node& node, std::string_view attribute, DType fallback) {
  const int64_t code = node.int_attribute(attribute, 0);
  const auto dtype = static_cast<DType>(code);
  if (code == 0) return fallback;
  if (code < 0 || code > static_cast<int64_t>(kLastDType)) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected an element type for attribute '", attribute,
         "' of ", node.label(), " but received ", code);
  }
  return dtype;
}

void require_inputs(const Node& node, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i) {
    if (node.input(i) == kNoValue) {
      fail(Code::INVALID_GRAPH, node.label(), "Expected ", inputs, " inputs for ", node.label(),
           " but received ", i);
    }
  }
}

int64_t require_integer(const Node& node, const Tensor& tensor) {
  if (tensor.elements() != 1) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected one integer as an input of ", node.label(),
         " but received ", to_string(tensor.shape()));
  }
  return to_int64s(tensor, node.label())[0];
}

void require_rank(const Node& node, const Shape& shape, int rank) {
  if (shape.rank() < rank) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a rank of at least ", rank, " for ",
         node.label(), " but received ", to_string(shape));
  }
}

void fail_type(DType dtype, const Node& node) {
  fail(Code::UNSUPPORTED_TYPE, node.label(), "Expected a supported element type for ", node.label(),
       " but received ", dtype_name(dtype));
}

}  // namespace whittle
