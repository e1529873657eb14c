#include "core/ops/support/packed_product.h"

#include <algorithm>

#include "core/kernels/pack.h"

namespace whittle {
namespace {

Tensor bytes(size_t count) {
  return Tensor::allocate(DType::u8, {static_cast<int64_t>(std::max<size_t>(1, count))});
}

}  // namespace

PackedProduct::PackedProduct(const KernelTable& kernels, const float* b, int64_t stride_k,
                             int64_t stride_n, int64_t k, int64_t n)
    : kernels_(kernels), k_(static_cast<size_t>(k)), n_(static_cast<size_t>(n)) {
  packed_ = bytes(packed_bytes(WeightKind::f32, PackShape{1, k_, n_}, kernels.gemm_tile));
  kernels.pack_b(b, static_cast<size_t>(stride_k), static_cast<size_t>(stride_n), k_, n_, {0, n_},
                 packed_.mutable_raw());
}

void PackedProduct::run(const float* a, int64_t lda, float* c, int64_t ldc, int64_t rows) const {
  Tensor scratch = bytes(gemm_scratch_bytes(WeightKind::f32, k_, kernels_.gemm_tile));
  GemmArgs args;
  args.a = a;
  args.lda = static_cast<size_t>(lda);
  args.packed = packed_.raw();
  args.c = c;
  args.ldc = static_cast<size_t>(ldc);
  args.k = k_;
  args.n = n_;
  args.scratch = scratch.mutable_raw();
  kernels_.gemm_for(WeightKind::f32)(args, {0, static_cast<size_t>(rows)}, {0, n_});
}

void PackedProduct::run(ThreadPool& pool, const float* a, int64_t lda, float* c, int64_t ldc,
                        int64_t rows) const {
  constexpr int64_t kRows = 48;  // a multiple of every tile
  pool.run((rows + kRows - 1) / kRows, [&](int64_t i, int) {
    const int64_t first = i * kRows;
    run(a + first * lda, lda, c + first * ldc, ldc, std::min(kRows, rows - first));
  });
}

}  // namespace whittle
