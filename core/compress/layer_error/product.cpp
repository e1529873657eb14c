#include "core/compress/layer_error/product.h"

#include <algorithm>

#include "core/kernels/pack.h"

namespace whittle {
namespace {

constexpr size_t kRowsPerTask = 48;

/** Grows a piece of memory to at least `bytes`. */
void reserve(Tensor& memory, size_t bytes) {
  if (memory.defined() && memory.bytes() >= static_cast<int64_t>(bytes)) return;
  memory = Tensor::allocate(DType::u8, Shape{static_cast<int64_t>(bytes)});
}

}  // namespace

void Products::pack(MatrixView b, size_t n, size_t k) {
  reserve(packed_, packed_bytes(WeightKind::f32, {1, k, n}, kernels_.gemm_tile));
  kernels_.pack_b(b.data, b.row_stride, b.column_stride, k, n, {0, n}, packed_.mutable_raw());
}

void Products::run(MatrixView a, float* c, size_t ldc, size_t m, size_t n, size_t k, bool add,
                   bool upper) {
  const size_t scratch = (gemm_scratch_bytes(WeightKind::f32, k, kernels_.gemm_tile) + 63) & ~63ul;
  reserve(scratch_, std::max<size_t>(1, scratch * static_cast<size_t>(pool_.threads())));
  GemmArgs args;
  args.a = a.data;
  args.lda = a.row_stride;
  args.packed = packed_.raw();
  args.c = c;
  args.ldc = ldc;
  args.k = k;
  args.n = n;
  if (add) {
    args.epilogue.residual = c;
    args.epilogue.ld_residual = ldc;
  }
  const size_t tasks = (m + kRowsPerTask - 1) / kRowsPerTask;
  pool_.run(static_cast<int64_t>(tasks), [&](int64_t task, int thread) {
    GemmArgs mine = args;
    mine.scratch = scratch_.mutable_raw() + scratch * static_cast<size_t>(thread);
    const size_t begin = static_cast<size_t>(task) * kRowsPerTask;
    const size_t first = upper ? begin - begin % kernels_.gemm_tile.nr : 0;
    kernels_.gemm_for(WeightKind::f32)(mine, {begin, std::min(m, begin + kRowsPerTask)},
                                       {first, n});
  });
}

void Products::multiply(MatrixView a, MatrixView b, float* c, size_t ldc, size_t m, size_t n,
                        size_t k, bool add) {
  pack(b, n, k);
  run(a, c, ldc, m, n, k, add, false);
}

void Products::add_gram(const float* transposed, size_t ld, float* c, size_t n, size_t k) {
  pack({transposed, 1, ld}, n, k);
  run({transposed, ld, 1}, c, n, n, n, k, true, true);
}

}  // namespace whittle
