#include "core/runtime/steps/product.h"

#include <cstring>

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
    kind = narrow->kind;
  }
  if (plan.value(op.node.inputs[input]).dtype == DType::f16) kind = WeightKind::f16;
}

Tensor ProductWeights::source() const {
  const Tensor& stored = plan.value(op.node.inputs[input]).constant;
  if (kind != WeightKind::code4 && kind != WeightKind::code8) return stored;
  std::vector<uint8_t> codes = code_bytes(stored);
  // Kernels read integers without a table as signed; their zero points move along in pack_codes.
  if (narrow->table.empty() && stored.dtype() == DType::u8) {
    for (uint8_t& code : codes) code = static_cast<uint8_t>(code ^ 0x80);
  }
  return Tensor::of<uint8_t>(stored.shape(), std::span<const uint8_t>(codes));
}

namespace {

/** Strides of the scales of weights whose summed axis, of kc values, is cut into blocks. */
WeightStrides block_strides(const WeightStrides& strides, const PackShape& shape) {
  const size_t blocks = (shape.kc + shape.block - 1) / shape.block;
  // Axes outside the summed one step over all of it.
  const auto moved = [&](size_t stride) {
    return stride < strides.c * shape.kc ? stride : stride / shape.kc * blocks;
  };
  return {moved(strides.tap), strides.c, moved(strides.n)};
}

}  // namespace

void ProductWeights::pack_codes(const std::byte* source, const WeightStrides& strides, size_t first,
                                const PackShape& shape, const TileShape& tile, std::byte* out,
                                size_t first_scale) const {
  CodeWeights codes;
  codes.codes = reinterpret_cast<const uint8_t*>(source);
  if (!narrow->first.empty()) codes.first = narrow->first.data() + first;
  codes.scale_strides = shape.block == 0 ? WeightStrides{0, 0, 1} : block_strides(strides, shape);
  const size_t begin = first_scale + first * codes.scale_strides.n;
  std::vector<int32_t> zero_points(narrow->zero_point.begin(), narrow->zero_point.end());
  if (narrow->table.empty() && plan.value(op.node.inputs[input]).dtype == DType::u8) {
    for (int32_t& point : zero_points) point -= 128;
  }
  codes.scale = narrow->scale.data() + begin;
  codes.zero_point = zero_points.data() + begin;
  pack_weights_codes(kind, codes, strides, bias ? bias + first : nullptr, shape, tile, out);
}

void ProductWeights::pack(const std::byte* source, const WeightStrides& strides, size_t first,
                          const PackShape& shape, const TileShape& tile, std::byte* out,
                          size_t first_scale) const {
  const float* own_bias = bias ? bias + first : nullptr;
  switch (kind) {
    case WeightKind::f32:
      return pack_weights_f32(reinterpret_cast<const float*>(source), strides, own_bias, shape,
                              tile, out);
    case WeightKind::f16:
      return pack_weights_f16(reinterpret_cast<const uint16_t*>(source), strides, own_bias, shape,
                              tile, out);
    case WeightKind::code4:
    case WeightKind::code8:
      return pack_codes(source, strides, first, shape, tile, out, first_scale);
    default:
      return pack_weights_s8(source, plan.value(op.node.inputs[input]).dtype == DType::i8, strides,
                             narrow->scale.data() + first, narrow->zero_point.data() + first,
                             own_bias, shape, tile, out);
  }
}

CodeTable ProductWeights::codes(PlanBuilder& builder) const {
  if (narrow == nullptr || narrow->kind == WeightKind::s8) return {};
  CodeTable table{nullptr, static_cast<size_t>(narrow->block)};
  if (narrow->table.empty()) return table;
  const size_t bytes = (narrow->table.size() + kTablePad) * sizeof(float);
  const std::byte* packed = builder.pack("table|" + key(""), bytes, [&](std::byte* out) {
    std::memset(out, 0, bytes);
    std::memcpy(out, narrow->table.data(), narrow->table.size() * sizeof(float));
  });
  table.values = reinterpret_cast<const float*>(packed);
  return table;
}

std::vector<float> ProductWeights::widened(const Tensor& w) const {
  if (narrow == nullptr) return to_floats(w, op.node.label());
  const bool coded = !narrow->table.empty();
  std::vector<float> wide;
  if (coded) {
    const std::vector<uint8_t> codes = code_bytes(w);
    wide.assign(codes.begin(), codes.end());
  } else {
    wide = to_floats(w, op.node.label());
  }
  const size_t columns = narrow->scale.size();
  const size_t each = wide.size() / columns;
  for (size_t i = 0; i < wide.size(); ++i) {
    const size_t n = i / each;
    const size_t first = narrow->first.empty() ? 0 : static_cast<size_t>(narrow->first[n]);
    const float value = coded ? narrow->table[first + static_cast<size_t>(wide[i])] : wide[i];
    wide[i] = (value - static_cast<float>(narrow->zero_point[n])) * narrow->scale[n];
  }
  return wide;
}

std::string ProductWeights::narrow_key() const {
  if (narrow == nullptr) return "";
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto add = [&](const auto& values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    for (size_t i = 0; i < values.size() * sizeof(values[0]); ++i) {
      hash = (hash ^ bytes[i]) * 1099511628211ULL;
    }
  };
  add(narrow->scale);
  add(narrow->zero_point);
  add(narrow->table);
  add(narrow->first);
  return concat("|", hash, "|", narrow->block);
}

std::string ProductWeights::key(const char* form) const {
  return concat(form, "|", plan.pack_key(op.node.inputs[input]), "|",
                plan.pack_key(op.node.input(input + 1)), "|",
                op.node.int_attribute("transposed", 0), narrow_key());
}

std::string ProductWeights::kernel_name(const char* form) const {
  static constexpr const char* kPrefixes[] = {"f32_", "f16_", "s8_", "code4_", "code8_"};
  return std::string(kPrefixes[static_cast<size_t>(kind)]) + form;
}

namespace {

/** The same where most weights are zero and walking the others is faster; false where it is not. */
bool add_sparse_gemm(const LoweredOp& op, const ProductWeights& weights, const GemmSize& size,
                     const WeightStrides& strides, PlanBuilder& plan) {
  if (weights.kind != WeightKind::f32) return false;
  const PackShape shape{1, size.k, size.n};
  const Tensor source = weights.source();
  const float* const w = source.data<float>().data();
  const size_t nonzeros = count_nonzeros(w, strides, shape);
  if (!sparse_is_faster(nonzeros, size.k, size.n, size.m)) return false;
  const size_t block = plan.kernels().sparse_block;
  const std::byte* packed = plan.pack(
      weights.key("sparse"), sparse_packed_bytes(nonzeros, size.n),
      [&](std::byte* out) { pack_sparse_f32(w, strides, weights.bias, shape, block, out); });
  const ProductIo io(op, plan);
  plan.need_scratch(sparse_scratch_bytes(size.k, block));
  const GemmFn fn = plan.kernels().sparse_gemm;
  plan.add_step("f32_sparse_gemm", [=](RunState& state) {
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
    const auto run = [&](IndexRange rows, IndexRange cols, int thread) {
      GemmArgs own = args;
      own.scratch = state.scratch(thread);
      fn(own, rows, cols);
    };
    // Few rows are shared out by columns, many by rows.
    if (size.m <= block) {
      const size_t work = std::max<size_t>(1, nonzeros * size.m / std::max<size_t>(1, size.n));
      for_ranges(state, size.n, 4, std::max<size_t>(4, kProductGrain / work),
                 [&](IndexRange cols, int thread) {
                   run({0, size.m}, cols, thread);
                 });
      return;
    }
    const size_t work = std::max<size_t>(1, nonzeros);
    for_ranges(state, size.m, block, std::max<size_t>(block, kProductGrain / work),
               [&](IndexRange rows, int thread) {
                 run(rows, {0, size.n}, thread);
               });
  });
  return true;
}

}  // namespace

void add_gemm(const LoweredOp& op, const GemmSize& size, const WeightStrides& strides,
              PlanBuilder& plan) {
  const ProductWeights weights(op, plan);
  if (add_sparse_gemm(op, weights, size, strides, plan)) return;
  const ProductIo io(op, plan);
  const TileShape tile = plan.kernels().gemm_tile;
  const PackShape shape = weights.pack_shape(1, size.k, size.n);
  const std::byte* packed = plan.pack(
      weights.key("gemm"), packed_bytes(weights.kind, shape, tile),
      [&](std::byte* out) { weights.pack(weights.source().raw(), strides, 0, shape, tile, out); });
  const CodeTable codes = weights.codes(plan);
  plan.need_scratch(gemm_scratch_bytes(weights.kind, size.k, tile));
  const GemmFn fn = plan.kernels().gemm_for(weights.kind);
  plan.add_step(weights.kernel_name(size.m == 1 ? "gemv" : "gemm"), [=](RunState& state) {
    GemmArgs args;
    args.a = state.data<float>(io.x);
    args.lda = size.k;
    args.packed = packed;
    args.codes = codes;
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
