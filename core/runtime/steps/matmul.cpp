#include "core/ops/support/matmul_geometry.h"
#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {

// Both operands are made at run time (attention): each matrix of B is packed, then multiplied.
bool build_matmul(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is("MatMul")) return false;
  const ValueId a = op.node.inputs[0];
  const ValueId b = op.node.inputs[1];
  const ValueId y = op.node.outputs[0];
  if (!is_f32(plan.graph(), a) || !is_f32(plan.graph(), b)) return false;
  const MatMulGeometry g = matmul_geometry(op.node, plan.value(a).shape, plan.value(b).shape);
  const auto m = static_cast<size_t>(g.m), k = static_cast<size_t>(g.k),
             n = static_cast<size_t>(g.n);
  if (m == 0 || n == 0) return false;
  const TileShape tile = plan.kernels().gemm_tile;
  const PackShape shape{1, k, n};
  const ValueId packed =
      plan.temporary(static_cast<int64_t>(packed_bytes(WeightKind::f32, shape, tile)));
  plan.need_scratch(gemm_scratch_bytes(WeightKind::f32, k, tile));
  const GemmFn fn = plan.kernels().gemm_for(WeightKind::f32);
  const PackBFn pack_b = plan.kernels().pack_b;
  plan.add_step("f32_matmul", [=](RunState& state) {
    int64_t packed_matrix = -1;
    for (size_t i = 0; i < g.a_matrix.size(); ++i) {
      if (g.b_matrix[i] != packed_matrix) {
        packed_matrix = g.b_matrix[i];
        const float* matrix = state.data<float>(b) + static_cast<size_t>(packed_matrix) * k * n;
        for_ranges(
            state, n, tile.nr, std::max<size_t>(tile.nr, kParallelGrain / std::max<size_t>(1, k)),
            [&](IndexRange cols, int) { pack_b(matrix, n, 1, k, n, cols, state.data(packed)); });
      }
      GemmArgs args;
      args.a = state.data<float>(a) + static_cast<size_t>(g.a_matrix[i]) * m * k;
      args.lda = k;
      args.packed = state.data(packed);
      args.c = state.data<float>(y) + i * m * n;
      args.ldc = n;
      args.k = k;
      args.n = n;
      const size_t work = std::max<size_t>(1, k * n);
      for_ranges(state, m, tile.mr, std::max<size_t>(tile.mr, kProductGrain / work),
                 [&](IndexRange rows, int thread) {
                   GemmArgs own = args;
                   own.scratch = state.scratch(thread);
                   fn(own, rows, IndexRange{0, n});
                 });
    }
  });
  return true;
}

}  // namespace whittle
