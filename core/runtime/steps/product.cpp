#include "core/runtime/steps/product.h"

#include "core/base/half.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {

ProductIo::ProductIo(const LoweredOp& op, PlanBuilder& plan)
    : x(op.node.inputs[0]),
      y(op.node.outputs[0]),
      residual_value(op.epilogue.residual),
      epilogue(float_epilogue(op.epilogue, plan.kernels())) {
  if (residual_value != kNoValue && residual_value != x) plan.allow_in_place(y, residual_value);
}

ProductWeights::ProductWeights(const LoweredOp& product, const PlanBuilder& builder)
    : ProductWeights(product, builder, 1) {
  const ValueId bias_value = op.node.input(2);
  if (bias_value != kNoValue) bias = plan.value(bias_value).constant.data<float>().data();
}

ProductWeights::ProductWeights(const LoweredOp& product, const PlanBuilder& builder, size_t weights)
    : op(product), plan(builder), input(weights) {
  const auto found = op.narrow.find(input);
  if (found != op.narrow.end()) {
    narrow = &found->second;
    kind = WeightKind::s8;
  }
  if (plan.value(op.node.inputs[input]).dtype == DType::f16) kind = WeightKind::f16;
}

void ProductWeights::pack(const std::byte* source, const WeightStrides& strides, size_t first,
                          const PackShape& shape, const TileShape& tile, std::byte* out) const {
  const float* own_bias = bias ? bias + first : nullptr;
  switch (kind) {
    case WeightKind::f32:
      return pack_weights_f32(reinterpret_cast<const float*>(source), strides, own_bias, shape,
                              tile, out);
    case WeightKind::f16:
      return pack_weights_f16(reinterpret_cast<const uint16_t*>(source), strides, own_bias, shape,
                              tile, out);
    default:
      return pack_weights_s8(source, plan.value(op.node.inputs[input]).dtype == DType::i8, strides,
                             narrow->scale.data() + first, narrow->zero_point.data() + first,
                             own_bias, shape, tile, out);
  }
}

std::vector<float> ProductWeights::widened(const Tensor& w) const {
  std::vector<float> wide = to_floats(w, op.node.label());
  if (kind != WeightKind::s8) return wide;
  const size_t columns = narrow->scale.size();
  const size_t each = wide.size() / columns;
  for (size_t i = 0; i < wide.size(); ++i) {
    const size_t n = i / each;
    wide[i] = (wide[i] - static_cast<float>(narrow->zero_point[n])) * narrow->scale[n];
  }
  return wide;
}

std::string ProductWeights::key(const char* form) const {
  return concat(form, "|", plan.pack_key(op.node.inputs[input]), "|",
                plan.pack_key(op.node.input(input + 1)), "|",
                op.node.int_attribute("transposed", 0));
}

std::string ProductWeights::kernel_name(const char* form) const {
  const char* prefix = kind == WeightKind::f32 ? "f32_" : kind == WeightKind::f16 ? "f16_" : "s8_";
  return std::string(prefix) + form;
}

void add_gemm(const LoweredOp& op, const GemmSize& size, const WeightStrides& strides,
              PlanBuilder& plan) {
  const ProductWeights weights(op, plan);
  const ProductIo io(op, plan);
  const TileShape tile = plan.kernels().gemm_tile;
  const PackShape shape{1, size.k, size.n};
  const Tensor& w = plan.value(op.node.inputs[1]).constant;
  const std::byte* packed =
      plan.pack(weights.key("gemm"), packed_bytes(weights.kind, shape, tile),
                [&](std::byte* out) { weights.pack(w.raw(), strides, 0, shape, tile, out); });
  plan.need_scratch(gemm_scratch_bytes(weights.kind, size.k, tile));
  const GemmFn fn = plan.kernels().gemm_for(weights.kind);
  plan.add_step(weights.kernel_name(size.m == 1 ? "gemv" : "gemm"), [=](RunState& state) {
    GemmArgs args;
    args.a = state.data<float>(io.x);
    args.lda = size.k;
    args.packed = packed;
    args.c = state.data<float>(io.y);
    args.ldc = size.n;
    args.k = size.k;
    args.n = size.n;
    args.epilogue = io.epilogue;
    args.epilogue.residual = io.residual(state);
    args.epilogue.ld_residual = size.n;
    // Few rows are shared out by columns, many by rows.
    if (size.m <= 4 * tile.mr) {
      const size_t work = std::max<size_t>(1, size.m * size.k);
      for_ranges(state, size.n, tile.nr, std::max<size_t>(tile.nr, kProductGrain / work),
                 [&](IndexRange cols, int thread) {
                   GemmArgs own = args;
                   own.scratch = state.scratch(thread);
                   fn(own, IndexRange{0, size.m}, cols);
                 });
      return;
    }
    const size_t work = std::max<size_t>(1, size.k * size.n);
    for_ranges(state, size.m, tile.mr, std::max<size_t>(tile.mr, kProductGrain / work),
               [&](IndexRange rows, int thread) {
                 GemmArgs own = args;
                 own.scratch = state.scratch(thread);
                 fn(own, rows, IndexRange{0, size.n});
               });
  });
}

bool build_linear(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "Linear")) return false;
  const Shape& w = plan.value(op.node.inputs[1]).constant.shape();
  const bool transposed = op.node.int_attribute("transposed", 0) != 0;
  const auto k = static_cast<size_t>(transposed ? w[1] : w[0]);
  const auto n = static_cast<size_t>(transposed ? w[0] : w[1]);
  const size_t m = elements(plan.value(op.node.outputs[0])) / std::max<size_t>(1, n);
  add_gemm(op, {m, k, n}, transposed ? WeightStrides{0, 1, k} : WeightStrides{0, n, 1}, plan);
  return true;
}

}  // namespace whittle
