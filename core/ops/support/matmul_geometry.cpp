#include "core/ops/support/matmul_geometry.h"

#include <algorithm>
#include <tuple>

#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

template <typename List>
[[noreturn]] void fail_operands(const Node& node, const List& a, const List& b) {
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected matrices that can be multiplied for ",
       node.label(), " but received ", to_string(a), " and ", to_string(b));
}

Shape leading(const Shape& shape) {
  return Shape(shape.dims().first(static_cast<size_t>(std::max(0, shape.rank() - 2))));
}

std::vector<int64_t> matrix_indices(const Shape& from, const Shape& batch) {
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(batch.elements()));
  Shape walked = batch;
  Shape strides = broadcast_strides(from, batch);
  collapse_axes(walked, std::span(&strides, 1));
  for_each_row(walked, std::span(&strides, 1), [&](const int64_t* offsets) {
    for (int64_t i = 0; i < walked.back(); ++i) indices.push_back(offsets[0] + i * strides.back());
  });
  return indices;
}

}  // namespace

int64_t MatMulGeometry::macs() const {
  int64_t product = checked_mul(batch.elements(), m, "MACs");
  product = checked_mul(product, k, "MACs");
  return checked_mul(product, n, "MACs");
}

MatMulGeometry matmul_geometry(const Node& node, const Shape& a, const Shape& b) {
  if (a.rank() == 0 || b.rank() == 0) fail_operands(node, a, b);
  MatMulGeometry made;
  made.m = a.rank() == 1 ? 1 : a[a.rank() - 2];
  made.k = a.back();
  made.n = b.rank() == 1 ? 1 : b.back();
  if (made.k != (b.rank() == 1 ? b[0] : b[b.rank() - 2])) fail_operands(node, a, b);
  made.batch = broadcast(leading(a), leading(b), node.label());
  made.output = made.batch;
  if (a.rank() > 1) made.output.push_back(made.m);
  if (b.rank() > 1) made.output.push_back(made.n);
  if (made.output.elements() == 0) return made;
  made.a_matrix = matrix_indices(leading(a), made.batch);
  made.b_matrix = matrix_indices(leading(b), made.batch);
  return made;
}

std::optional<Dims> matmul_dims(const Node& node, const std::optional<Dims>& a,
                                const std::optional<Dims>& b) {
  if (!a || !b) return std::nullopt;
  if (a->empty() || b->empty()) fail_operands(node, *a, *b);
  const Dim& a_inner = a->back();
  const Dim& b_inner = b->size() == 1 ? b->front() : (*b)[b->size() - 2];
  if (a_inner.known() && b_inner.known() && a_inner.value != b_inner.value) {
    fail_operands(node, *a, *b);
  }
  const auto batch = [](const Dims& dims) {
    return dims.size() > 2 ? Dims(dims.begin(), dims.end() - 2) : Dims{};
  };
  Dims out = broadcast_dims(batch(*a), batch(*b), node.label());
  if (a->size() > 1) out.push_back((*a)[a->size() - 2]);
  if (b->size() > 1) out.push_back(b->back());
  return out;
}

Cost matmul_cost_of(const NodeFacts& facts, size_t a, size_t b) {
  if (facts.inputs.size() <= b || !facts.inputs[a].dims || !facts.inputs[b].dims) return {};
  const auto a_shape = concrete(*facts.inputs[a].dims);
  const auto b_shape = concrete(*facts.inputs[b].dims);
  if (!a_shape || !b_shape) return {};
  return {matmul_geometry(facts.node, *a_shape, *b_shape).macs()};
}

Cost matmul_cost(const NodeFacts& facts) {
  return matmul_cost_of(facts, 0, 1);
}

template <typename T>
void multiply(int64_t m, int64_t k, int64_t n, MatrixView<T> a, MatrixView<T> b, T* y) {
  for (int64_t i = 0; i < m; ++i) {
    T* row = y + i * n;
    const T* left = a.data + i * a.row_step;
    if (b.column_step == 1) {
      for (int64_t p = 0; p < k; ++p) {
        const T factor = left[p * a.column_step];
        const T* right = b.data + p * b.row_step;
        for (int64_t j = 0; j < n; ++j) row[j] += factor * right[j];
      }
      continue;
    }
    for (int64_t j = 0; j < n; ++j) {
      const T* right = b.data + j * b.column_step;
      T sum = row[j];
      for (int64_t p = 0; p < k; ++p) sum += left[p * a.column_step] * right[p * b.row_step];
      row[j] = sum;
    }
  }
}

template <typename T>
void multiply_batches(const MatMulGeometry& geometry, const T* a, const T* b, T* y) {
  const auto [m, k, n] = std::tuple(geometry.m, geometry.k, geometry.n);
  for (size_t i = 0; i < geometry.a_matrix.size(); ++i) {
    multiply<T>(m, k, n, {a + geometry.a_matrix[i] * m * k, k, 1},
                {b + geometry.b_matrix[i] * k * n, n, 1}, y + static_cast<int64_t>(i) * m * n);
  }
}

#define WHITTLE_INSTANTIATE(T)                                                         \
  template void multiply(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, T*); \
  template void multiply_batches(const MatMulGeometry&, const T*, const T*, T*);
WHITTLE_INSTANTIATE(float)
WHITTLE_INSTANTIATE(double)
WHITTLE_INSTANTIATE(uint32_t)
WHITTLE_INSTANTIATE(uint64_t)
#undef WHITTLE_INSTANTIATE

}  // namespace whittle
