#include <algorithm>
#include <cstring>

#include "core/ops/support/conv_geometry.h"
#include "core/runtime/steps/integer_product.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"
#include "core/runtime/steps/subpixel.h"

namespace whittle {
namespace {

struct PhaseConv {
  Phase y, x;
  const std::byte* packed = nullptr;
};

struct QConvTransposeStep {
  std::shared_ptr<IntegerProduct> product;
  std::vector<PhaseConv> convs;
  WindowAxis h, v;
  size_t batch = 1;
  size_t kc = 0;
  size_t n = 0;
  ValueId zero_row = kNoValue;  // kc bytes, filled at the start of the step
  QConvFn fn = nullptr;

  size_t in_image() const { return kc * static_cast<size_t>(h.input * v.input); }
  size_t out_image() const { return n * static_cast<size_t>(h.output * v.output); }

  /** The pixels of output row `i` of a phase: they are `stride` apart. */
  void run_row(const PhaseConv& conv, int64_t i, const std::byte* image, std::byte* output,
               QConvArgs args) const {
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
    const int64_t pixel = (conv.y.first + i * h.stride) * v.output + conv.x.first;
    args.input = image + static_cast<size_t>(sy.skip * v.input + sx.skip) * kc;
    args.packed = conv.packed;
    args.c = output + static_cast<size_t>(pixel) * n * product->out_size;
    fn(shape, args, IndexRange{0, shape.out_w}, IndexRange{0, n});
  }

  void run(const RunState& state) const {
    std::memset(state.data(zero_row), product->zero_point(state), kc);
    QConvArgs args;
    args.a_signed = product->a_signed;
    args.a_zero_point = product->zero_point(state);
    args.zero_row = state.data(zero_row);
    args.ldc = static_cast<size_t>(v.stride) * n;
    args.n = n;
    args.epilogue = product->epilogue(state);
    const size_t work = std::max<size_t>(1, kc * n * static_cast<size_t>(v.output));
    const size_t grain = std::max<size_t>(1, kProductGrain * 2 / work);
    for (size_t b = 0; b < batch; ++b) {
      const std::byte* image = state.data(product->x) + b * in_image();
      std::byte* output = state.data(product->y) + b * out_image() * product->out_size;
      for_ranges(state, static_cast<size_t>(h.output), 1, grain, [&](IndexRange rows, int thread) {
        QConvArgs own = args;
        own.scratch = state.scratch(thread);
        for (const PhaseConv& conv : convs) {
          for (int64_t i = 0; i < conv.y.count; ++i) {
            const auto row = static_cast<size_t>(conv.y.first + i * h.stride);
            if (row >= rows.begin && row < rows.end) run_row(conv, i, image, output, own);
          }
        }
      });
    }
  }
};

}  // namespace

/** A transposed convolution of 8-bit values, as one convolution for each phase of its outputs. */
bool build_qconv_transpose(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "QConvTranspose")) return false;
  const Shape& x = plan.value(op.node.inputs[0]).shape;
  const ConvGeometry g =
      conv_transpose_geometry(op.node, x, plan.value(op.node.inputs[1]).constant.shape());
  QConvTransposeStep step;
  step.product = std::make_shared<IntegerProduct>(op, plan);
  const WindowAxis one;
  step.h = g.axes.size() == 2 ? g.axes[0] : one;
  step.v = g.axes.back();
  step.batch = static_cast<size_t>(g.batch);
  step.kc = static_cast<size_t>(g.in_channels);
  step.n = static_cast<size_t>(g.out_channels);

  const IntegerProduct& product = *step.product;
  const std::byte* w = product.weights().raw();
  const QPackParams params = product.params(0);
  const auto all = static_cast<size_t>(step.h.kernel * step.v.kernel);
  const QWeightKind kind =
      choose_q_kind(w, product.weights_signed(), WeightStrides{1, step.n * all, all},
                    params.zero_point, PackShape{all, step.kc, step.n});
  const TileShape tile = plan.kernels().qtile_for(kind);
  for (const Phase& py : phases_of(step.h)) {
    for (const Phase& px : phases_of(step.v)) {
      const PackShape shape{static_cast<size_t>(py.taps * px.taps), step.kc, step.n};
      const std::string form = concat("qconv_transpose:", step.h.stride, "x", step.v.stride, ":",
                                      py.residue, ",", px.residue);
      const std::byte* packed = plan.pack(
          product.key(form.c_str()), packed_bytes(kind, shape, tile), [&](std::byte* out) {
            const std::vector<std::byte> phase =
                phase_weights(w, step.kc, step.n, step.h, step.v, py, px, 1);
            pack_weights_q(kind, phase.data(), product.weights_signed(),
                           WeightStrides{step.kc * step.n, step.n, 1}, params, shape, tile, out);
          });
      step.convs.push_back({py, px, packed});
      ConvShape probe;
      probe.kernel_h = static_cast<size_t>(py.taps);
      probe.kernel_w = static_cast<size_t>(px.taps);
      probe.kc = step.kc;
      plan.need_scratch(qconv_scratch_bytes(probe, tile));
    }
  }
  step.zero_row = plan.temporary(static_cast<int64_t>(step.kc));
  step.fn = plan.kernels().qconv_for(kind);
  plan.add_step(kind == QWeightKind::s8 ? "q8_subpixel_conv" : "q16_subpixel_conv",
                [=](RunState& state) { step.run(state); });
  return true;
}

}  // namespace whittle
