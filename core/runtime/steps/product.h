#pragma once

#include <string>
#include <vector>

#include "core/kernels/pack.h"
#include "core/runtime/steps/support.h"

namespace whittle {

/** Multiply-accumulates below which work is not shared out. */
inline constexpr size_t kProductGrain = 64 * 1024;

/** What a product reads and writes besides its weights. */
struct ProductIo {
  ValueId x = kNoValue;
  ValueId y = kNoValue;
  ValueId residual_value = kNoValue;
  FloatEpilogue epilogue;

  ProductIo() = default;
  /** Also lets the result take the residual's place. */
  ProductIo(const LoweredOp& op, PlanBuilder& plan);
  const float* residual(const RunState& state) const {
    return residual_value == kNoValue ? nullptr : state.data<float>(residual_value);
  }
};

/** Constant weights of a lowered product, and the bias they are packed with. */
struct ProductWeights {
  WeightKind kind = WeightKind::f32;
  const float* bias = nullptr;
  const LoweredOp& op;
  const PlanBuilder& plan;
  size_t input = 1;
  const NarrowWeights* narrow = nullptr;

  /** Input 1 with the bias of input 2. */
  ProductWeights(const LoweredOp& product, const PlanBuilder& builder);
  /** Input `weights`; the caller sets `bias`. */
  ProductWeights(const LoweredOp& product, const PlanBuilder& builder, size_t weights);
  /** The weights as `pack` reads them: 4-bit codes take a byte each. */
  Tensor source() const;
  PackShape pack_shape(size_t taps, size_t kc, size_t n) const {
    return {taps, kc, n, narrow != nullptr ? static_cast<size_t>(narrow->block) : 0};
  }
  /** Packs columns [first, first + shape.n) of the product from a place in source(). With blocks
   * `first_scale` is where the scales of these weights begin, column 0 counted. */
  void pack(const std::byte* source, const WeightStrides& strides, size_t first,
            const PackShape& shape, const TileShape& tile, std::byte* out,
            size_t first_scale = 0) const;
  /** What kernels of kind code4 and code8 look codes up in. */
  CodeTable codes(PlanBuilder& builder) const;
  /** All weights as floats, in ONNX's order; axis 0 has the columns. */
  std::vector<float> widened(const Tensor& w) const;
  /** Names content and form for the pack cache. */
  std::string key(const char* form) const;
  /** "f32_", "f16_", "s8_", "code4_" or "code8_" and `form`. */
  std::string kernel_name(const char* form) const;

 private:
  /** Differs where scales, zero points or codebooks do. */
  std::string narrow_key() const;
  void pack_codes(const std::byte* source, const WeightStrides& strides, size_t first,
                  const PackShape& shape, const TileShape& tile, std::byte* out,
                  size_t first_scale) const;
};

struct GemmSize {
  size_t m = 0;
  size_t k = 0;
  size_t n = 0;
};

/** Adds the step y[m, n] = epilogue(x[m, k] w[k, n] + bias), w addressed by `strides`. */
void add_gemm(const LoweredOp& op, const GemmSize& size, const WeightStrides& strides,
              PlanBuilder& plan);

}  // namespace whittle
