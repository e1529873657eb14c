#include <cstring>

#include "core/kernels/pack.h"
#include "core/ops/support/conv_geometry.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

/** How a convolution is computed. */
enum class ConvMethod : uint8_t {
  matrix,     // 1x1 at stride 1: the pixels are the rows of a matrix
  depthwise,  // one filter for each channel
  rows,       // few channels: whole kernel rows of a padded copy are the taps
  indirect,   // any other, group by group: taps are found through pointers
};

/** At most this many channels make a tap so short that reading whole kernel rows of a padded copy is
 * faster: 3 x 3 over 3 channels has taps of 3 floats, rows of 9. */
constexpr int64_t kFewChannels = 4;

ConvMethod choose_method(const ConvGeometry& g) {
  bool pointwise = true;
  for (const WindowAxis& axis : g.axes) {
    pointwise = pointwise && axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 &&
                axis.pad_end == 0;
  }
  if (g.groups == 1 && pointwise) return ConvMethod::matrix;
  if (g.groups == g.in_channels && g.groups == g.out_channels && g.groups > 1) {
    return ConvMethod::depthwise;
  }
  const WindowAxis& w = g.axes.back();
  if (g.groups == 1 && g.in_channels <= kFewChannels && w.kernel > 1 && w.dilation == 1) {
    return ConvMethod::rows;
  }
  return ConvMethod::indirect;
}

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
  const float* zero_row = nullptr;
  TileShape tile;
  ConvFn fn = nullptr;

  void image(const RunState& state, const float* input, float* output, const float* residual) const {
    const size_t pixels = shape.out_h * shape.out_w;
    const size_t work = std::max<size_t>(1, shape.taps() * shape.kc * n);
    const size_t grain = std::max<size_t>(tile.mr, kProductGrain / work);
    for (size_t g = 0; g < groups; ++g) {
      ConvArgs args;
      args.input = input + g * shape.kc;
      args.zero_row = zero_row;
      args.packed = packed + g * group_bytes;
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
  return reinterpret_cast<const float*>(
      plan.pack(key, count * sizeof(float),
                [&](std::byte* out) { std::memset(out, 0, count * sizeof(float)); }));
}

/** [n][ky][kx][c] from ONNX's [n][c][ky][kx], in elements of `size` bytes. */
std::vector<std::byte> taps_before_channels(const Tensor& w, size_t size) {
  const Shape& s = w.shape();
  const auto channels = static_cast<size_t>(s[1]);
  const auto taps = static_cast<size_t>(s.elements(2, s.rank()));
  std::vector<std::byte> out(static_cast<size_t>(w.bytes()));
  for (size_t n = 0; n < static_cast<size_t>(s[0]); ++n) {
    for (size_t c = 0; c < channels; ++c) {
      for (size_t t = 0; t < taps; ++t) {
        std::memcpy(&out[((n * taps + t) * channels + c) * size],
                    w.raw() + ((n * channels + c) * taps + t) * size, size);
      }
    }
  }
  return out;
}

/** Copies images into rows with the horizontal padding written out, for ConvMethod::rows. */
void add_row_conv(ConvStep step, const ConvGeometry& g, const LoweredOp& op, PlanBuilder& plan) {
  const Tensor& w = plan.value(op.node.inputs[1]).constant;
  const ProductWeights weights(op, plan);
  const auto channels = static_cast<size_t>(g.in_channels);
  const ConvShape& plain = step.shape;
  const size_t kc = plain.kernel_w * channels;
  const size_t padded_w =
      std::max<size_t>(plain.in_w + plain.pad_left + static_cast<size_t>(g.axes.back().pad_end),
                       (plain.out_w - 1) * plain.stride_w + plain.kernel_w);
  const PackShape pack{plain.kernel_h, kc, step.n};
  const size_t bytes = packed_bytes(weights.kind, pack, step.tile);
  step.packed = plan.pack(weights.key("conv_rows"), bytes, [&](std::byte* out) {
    const std::vector<std::byte> rows = taps_before_channels(w, element_bytes(w.dtype()));
    weights.pack(rows.data(), WeightStrides{kc, 1, plain.kernel_h * kc}, 0, pack, step.tile, out);
  });
  const size_t in_w = plain.in_w, in_h = plain.in_h, pad_left = plain.pad_left;
  step.shape.kernel_w = 1;
  step.shape.kc = kc;
  step.shape.pad_left = 0;
  step.shape.in_w = padded_w - plain.kernel_w + 1;
  step.shape.pixel_stride = channels;
  step.shape.row_stride = padded_w * channels;
  step.zero_row = zero_row(plan, kc);
  step.fn = plan.kernels().conv_for(weights.kind);
  plan.need_scratch(conv_scratch_bytes(weights.kind, step.shape, step.tile));
  const ValueId padded =
      plan.temporary(static_cast<int64_t>(in_h * padded_w * channels * sizeof(float)));
  plan.add_step(weights.kernel_name("conv_rows"), [=](RunState& state) {
    const size_t row = in_w * channels;
    const size_t left = pad_left * channels;
    const size_t right = padded_w * channels - left - row;
    for (size_t b = 0; b < step.batch; ++b) {
      const float* from = state.data<float>(step.io.x) + b * step.in_image;
      float* to = state.data<float>(padded);
      for (size_t y = 0; y < in_h; ++y, from += row, to += padded_w * channels) {
        std::memset(to, 0, left * sizeof(float));
        std::memcpy(to + left, from, row * sizeof(float));
        std::memset(to + left + row, 0, right * sizeof(float));
      }
      const float* residual = step.io.residual(state);
      step.image(state, state.data<float>(padded), state.data<float>(step.io.y) + b * step.out_image,
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
  const std::byte* packed =
      plan.pack(weights.key("depthwise"), dwconv_packed_bytes(taps, channels, block),
                [&](std::byte* out) {
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
  const Tensor& w = plan.value(op.node.inputs[1]).constant;
  const ProductWeights weights(op, plan);
  const size_t taps = step.shape.taps();
  const PackShape pack{taps, step.shape.kc, step.n};
  step.group_bytes = packed_bytes(weights.kind, pack, step.tile);
  step.packed =
      plan.pack(weights.key("conv"), step.group_bytes * step.groups, [&](std::byte* out) {
        const size_t group = step.n * step.shape.kc * taps * element_bytes(w.dtype());
        for (size_t g = 0; g < step.groups; ++g) {
          weights.pack(w.raw() + g * group, WeightStrides{1, taps, step.shape.kc * taps}, g * step.n,
                       pack, step.tile, out + g * step.group_bytes);
        }
      });
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
