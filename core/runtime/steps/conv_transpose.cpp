#include <cstring>

#include "core/kernels/pack.h"
#include "core/ops/support/conv_geometry.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/subpixel.h"

namespace whittle {
namespace {

struct PhaseConv {
  Phase y, x;
  const std::byte* packed = nullptr;
};

}  // namespace

bool build_conv_transpose(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "ConvTranspose")) return false;
  const LoweredValue& input = plan.value(op.node.inputs[0]);
  const Tensor& w = plan.value(op.node.inputs[1]).constant;
  const ConvGeometry g = conv_transpose_geometry(op.node, input.shape, w.shape());
  const WindowAxis one;
  const WindowAxis h = g.axes.size() == 2 ? g.axes[0] : one;
  const WindowAxis v = g.axes.back();
  const auto kc = static_cast<size_t>(g.in_channels);
  const auto n = static_cast<size_t>(g.out_channels);
  const TileShape tile = plan.kernels().gemm_tile;
  const ProductWeights weights(op, plan);
  const ProductIo io(op, plan);

  std::vector<PhaseConv> convs;
  size_t scratch = 0;
  for (const Phase& py : phases_of(h)) {
    for (const Phase& px : phases_of(v)) {
      PhaseConv conv{py, px, nullptr};
      const auto taps = static_cast<size_t>(py.taps * px.taps);
      const PackShape shape{taps, kc, n};
      const std::string form =
          concat("conv_transpose:", h.stride, "x", v.stride, ":", py.residue, ",", px.residue);
      conv.packed = plan.pack(
          weights.key(form.c_str()), packed_bytes(weights.kind, shape, tile), [&](std::byte* out) {
            const std::vector<std::byte> phase =
                phase_weights(w.raw(), kc, n, h, v, py, px, element_bytes(w.dtype()));
            weights.pack(phase.data(), WeightStrides{kc * n, n, 1}, 0, shape, tile, out);
          });
      ConvShape probe;
      probe.kernel_h = static_cast<size_t>(py.taps);
      probe.kernel_w = static_cast<size_t>(px.taps);
      probe.kc = kc;
      scratch = std::max(scratch, conv_scratch_bytes(weights.kind, probe, tile));
      convs.push_back(conv);
    }
  }
  plan.need_scratch(scratch);
  const std::byte* zeros = plan.pack(concat("zeros:", kc), kc * sizeof(float), [&](std::byte* out) {
    std::memset(out, 0, kc * sizeof(float));
  });

  const auto batch = static_cast<size_t>(g.batch);
  const auto in_image = static_cast<size_t>(g.in_channels * g.input_pixels());
  const auto out_image = static_cast<size_t>(g.out_channels * g.output_pixels());
  const ConvFn fn = plan.kernels().conv_for(weights.kind);
  plan.add_step(weights.kernel_name("subpixel_conv"), [=](RunState& state) {
    const size_t row_work = std::max<size_t>(1, kc * n * static_cast<size_t>(v.output));
    for (size_t b = 0; b < batch; ++b) {
      const float* image = state.data<float>(io.x) + b * in_image;
      float* output = state.data<float>(io.y) + b * out_image;
      // One kernel call for each output row of a phase: its pixels are `stride` apart.
      for_ranges(
          state, static_cast<size_t>(h.output), 1, std::max<size_t>(1, kProductGrain / row_work),
          [&](IndexRange rows, int thread) {
            for (const PhaseConv& conv : convs) {
              for (int64_t i = 0; i < conv.y.count; ++i) {
                const int64_t row = conv.y.first + i * h.stride;
                if (row < static_cast<int64_t>(rows.begin) || row >= static_cast<int64_t>(rows.end))
                  continue;
                const PhaseStart sy = phase_start(conv.y.input + i - (conv.y.taps - 1), h.input);
                const PhaseStart sx = phase_start(conv.x.input - (conv.x.taps - 1), v.input);
                ConvShape shape;
                shape.in_h = static_cast<size_t>(h.input - sy.skip);
                shape.in_w = static_cast<size_t>(v.input - sx.skip);
                shape.out_w = static_cast<size_t>(conv.x.count);
                shape.kernel_h = static_cast<size_t>(conv.y.taps);
                shape.kernel_w = static_cast<size_t>(conv.x.taps);
                shape.pad_top = static_cast<size_t>(sy.pad);
                shape.pad_left = static_cast<size_t>(sx.pad);
                shape.kc = kc;
                shape.pixel_stride = kc;
                shape.row_stride = static_cast<size_t>(v.input) * kc;
                ConvArgs args;
                args.input = image + (sy.skip * v.input + sx.skip) * static_cast<int64_t>(kc);
                args.zero_row = reinterpret_cast<const float*>(zeros);
                args.packed = conv.packed;
                args.c = output + (row * v.output + conv.x.first) * static_cast<int64_t>(n);
                args.ldc = static_cast<size_t>(v.stride) * n;
                args.n = n;
                args.epilogue = io.epilogue;
                args.scratch = state.scratch(thread);
                fn(shape, args, IndexRange{0, shape.out_w}, IndexRange{0, n});
              }
            }
          });
    }
  });
  return true;
}

}  // namespace whittle
