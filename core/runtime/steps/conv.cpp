#include <cstring>

#include "core/kernels/pack.h"
#include "core/runtime/steps/conv_method.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/padded_rows.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** One convolution step: the kernel's view of an image, and where images and groups lie. */
struct ConvStep {
  ProductIo io;
  ConvShape shape;
  size_t batch = 1;
  size_t groups = 1;
  size_t in_image = 0;   // elements of one input image
  size_t out_image = 0;  // elements of one output image
  size_t n = 0;          // output channels of a group
  size_t ldc = 0;        // output channels of all groups
  size_t group_bytes = 0;
  const std::byte* packed = nullptr;
  CodeTable codes;
  const float* zero_row = nullptr;
  TileShape tile;
  ConvFn fn = nullptr;

  void image(const RunState& state, const float* input, float* output,
             const float* residual) const {
    const size_t pixels = shape.out_h * shape.out_w;
    const size_t work = std::max<size_t>(1, shape.taps() * shape.kc * n);
    const size_t grain = std::max<size_t>(tile.mr, kProductGrain / work);
    for (size_t g = 0; g < groups; ++g) {
      ConvArgs args;
      args.input = input + g * shape.kc;
      args.zero_row = zero_row;
      args.packed = packed + g * group_bytes;
      args.codes = codes;
      args.c = output + g * n;
      args.ldc = ldc;
      args.n = n;
      args.epilogue = io.epilogue;
      args.epilogue.residual = residual ? residual + g * n : nullptr;
      args.epilogue.ld_residual = ldc;
      for_ranges(state, pixels, tile.mr, grain, [&](IndexRange range, int thread) {
        ConvArgs own = args;
        own.scratch = state.scratch(thread);
        fn(shape, own, range, IndexRange{0, n});
      });
    }
  }

  void run(const RunState& state) const {
    for (size_t b = 0; b < batch; ++b) {
      const float* residual = io.residual(state);
      image(state, state.data<float>(io.x) + b * in_image, state.data<float>(io.y) + b * out_image,
            residual ? residual + b * out_image : nullptr);
    }
  }
};

const float* zero_row(PlanBuilder& plan, size_t count) {
  const std::string key = concat("zeros:", count);
  return reinterpret_cast<const float*>(plan.pack(key, count * sizeof(float), [&](std::byte* out) {
    std::memset(out, 0, count * sizeof(float));
  }));
}

/** Few channels: images are copied into rows with the horizontal padding written out. */
void add_row_conv(ConvStep step, const ConvGeometry& g, const LoweredOp& op, PlanBuilder& plan) {
  const ProductWeights weights(op, plan);
  const PaddedRows rows(step.shape, g, sizeof(float));
  const ConvShape plain = step.shape;
  step.shape = rows.as_rows(plain);
  const PackShape pack = weights.pack_shape(plain.kernel_h, step.shape.kc, step.n);
  step.packed = plan.pack(
      weights.key("conv_rows"), packed_bytes(weights.kind, pack, step.tile), [&](std::byte* out) {
        const std::vector<std::byte> moved = taps_before_channels(weights.source());
        weights.pack(moved.data(), WeightStrides{pack.kc, 1, plain.kernel_h * pack.kc}, 0, pack,
                     step.tile, out);
      });
  step.codes = weights.codes(plan);
  step.zero_row = zero_row(plan, pack.kc);
  step.fn = plan.kernels().conv_for(weights.kind);
  plan.need_scratch(conv_scratch_bytes(weights.kind, step.shape, step.tile));
  const ValueId padded = plan.temporary(static_cast<int64_t>(rows.bytes()));
  plan.add_step(weights.kernel_name("conv_rows"), [=](RunState& state) {
    for (size_t b = 0; b < step.batch; ++b) {
      rows.fill(state.data(step.io.x) + b * step.in_image * sizeof(float), state.data(padded), 0);
      const float* residual = step.io.residual(state);
      step.image(state, state.data<float>(padded),
                 state.data<float>(step.io.y) + b * step.out_image,
                 residual ? residual + b * step.out_image : nullptr);
    }
  });
}

void add_depthwise(const ConvStep& step, const LoweredOp& op, PlanBuilder& plan) {
  const Tensor& w = plan.value(op.node.inputs[1]).constant;
  const size_t taps = step.shape.taps();
  const size_t channels = step.shape.kc * step.groups;
  const size_t block = plan.kernels().dwconv_block;
  const ProductWeights weights(op, plan);
  const std::byte* packed = plan.pack(
      weights.key("depthwise"), dwconv_packed_bytes(taps, channels, block), [&](std::byte* out) {
        // There is no narrow depthwise kernel: these weights are few.
        const std::vector<float> wide = weights.widened(w);
        pack_dwconv_f32(wide.data(), 1, taps, weights.bias, taps, channels, block, out);
      });
  ConvShape shape = step.shape;
  shape.kc = channels;
  const float* zeros = zero_row(plan, channels);
  plan.need_scratch(dwconv_scratch_bytes(shape));
  plan.add_step("f32_dwconv", [=, fn = plan.kernels().dwconv](RunState& state) {
    const size_t work = std::max<size_t>(1, taps * channels * shape.out_w);
    const size_t grain = std::max<size_t>(1, kProductGrain / 4 / work);
    for (size_t b = 0; b < step.batch; ++b) {
      const float* residual = step.io.residual(state);
      ConvArgs args;
      args.input = state.data<float>(step.io.x) + b * step.in_image;
      args.zero_row = zeros;
      args.packed = packed;
      args.c = state.data<float>(step.io.y) + b * step.out_image;
      args.ldc = channels;
      args.n = channels;
      args.epilogue = step.io.epilogue;
      args.epilogue.residual = residual ? residual + b * step.out_image : nullptr;
      args.epilogue.ld_residual = channels;
      for_ranges(state, shape.out_h, 1, grain, [&](IndexRange rows, int thread) {
        ConvArgs own = args;
        own.scratch = state.scratch(thread);
        fn(shape, own, rows, IndexRange{0, channels});
      });
    }
  });
}

void add_indirect(ConvStep step, const LoweredOp& op, PlanBuilder& plan) {
  const ProductWeights weights(op, plan);
  const size_t taps = step.shape.taps();
  const PackShape pack = weights.pack_shape(taps, step.shape.kc, step.n);
  step.group_bytes = packed_bytes(weights.kind, pack, step.tile);
  step.packed = plan.pack(weights.key("conv"), step.group_bytes * step.groups, [&](std::byte* out) {
    const Tensor w = weights.source();
    const size_t group = step.n * step.shape.kc * taps * element_bytes(w.dtype());
    for (size_t g = 0; g < step.groups; ++g) {
      weights.pack(w.raw() + g * group, WeightStrides{1, taps, step.shape.kc * taps}, g * step.n,
                   pack, step.tile, out + g * step.group_bytes);
    }
  });
  step.codes = weights.codes(plan);
  step.zero_row = zero_row(plan, step.shape.kc);
  step.fn = plan.kernels().conv_for(weights.kind);
  plan.need_scratch(conv_scratch_bytes(weights.kind, step.shape, step.tile));
  plan.add_step(weights.kernel_name("igemm"), [=](RunState& state) { step.run(state); });
}

}  // namespace

bool build_conv(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "Conv")) return false;
  const LoweredValue& x = plan.value(op.node.inputs[0]);
  const Shape& w = plan.value(op.node.inputs[1]).constant.shape();
  const ConvGeometry g = conv_geometry(op.node, x.shape, w);
  const ConvMethod method = choose_method(g);
  if (method == ConvMethod::matrix) {
    const auto pixels = static_cast<size_t>(g.batch * g.input_pixels());
    const auto k = static_cast<size_t>(g.in_channels);
    add_gemm(op, {pixels, k, static_cast<size_t>(g.out_channels)}, WeightStrides{0, 1, k}, plan);
    return true;
  }
  ConvStep step;
  step.io = ProductIo(op, plan);
  step.batch = static_cast<size_t>(g.batch);
  step.groups = static_cast<size_t>(g.groups);
  step.n = static_cast<size_t>(g.out_channels / g.groups);
  step.ldc = static_cast<size_t>(g.out_channels);
  step.in_image = static_cast<size_t>(g.in_channels * g.input_pixels());
  step.out_image = static_cast<size_t>(g.out_channels * g.output_pixels());
  step.tile = plan.kernels().gemm_tile;
  const auto channels = static_cast<size_t>(g.in_channels);
  step.shape = conv_shape(g.axes, channels / step.groups, channels,
                          static_cast<size_t>(g.axes.back().input) * channels);
  if (method == ConvMethod::depthwise) {
    add_depthwise(step, op, plan);
  } else if (method == ConvMethod::rows) {
    add_row_conv(step, g, op, plan);
  } else {
    add_indirect(step, op, plan);
  }
  return true;
}

}  // namespace whittle
