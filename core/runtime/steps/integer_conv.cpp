#include <cstring>

#include "core/runtime/steps/conv_method.h"
#include "core/runtime/steps/geometry.h"
#include "core/runtime/steps/integer_product.h"
#include "core/runtime/steps/padded_rows.h"
#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {
namespace {

struct QConvStep {
  std::shared_ptr<IntegerProduct> product;
  ConvShape shape;
  size_t batch = 1;
  size_t groups = 1;
  size_t in_image = 0;
  size_t out_image = 0;
  size_t n = 0;    // output channels of a group
  size_t ldc = 0;  // output channels of all groups
  size_t group_bytes = 0;
  const std::byte* packed = nullptr;
  ValueId zero_row = kNoValue;  // as many bytes as a tap reads, filled at the start of the step
  TileShape tile;
  QConvFn fn = nullptr;

  QConvArgs args(const RunState& state, const std::byte* input, size_t image, size_t group) const {
    QConvArgs args;
    args.input = input + group * shape.kc;
    args.a_signed = product->a_signed;
    args.a_zero_point = product->zero_point(state);
    args.zero_row = state.data(zero_row);
    args.packed = packed + group * group_bytes;
    args.c = state.data(product->y) + (image * out_image + group * n) * product->out_size;
    args.ldc = ldc;
    args.n = n;
    args.epilogue = product->epilogue(state);
    if (const float* residual = product->residual(state)) {
      args.epilogue.float_epilogue.residual = residual + image * out_image + group * n;
      args.epilogue.float_epilogue.ld_residual = ldc;
    }
    return args;
  }

  void fill_zero_row(const RunState& state, size_t count) const {
    std::memset(state.data(zero_row), product->zero_point(state), count);
  }

  void run_image(const RunState& state, const std::byte* input, size_t image) const {
    const size_t work = std::max<size_t>(1, shape.taps() * shape.kc * n);
    const size_t grain = std::max<size_t>(tile.mr, kProductGrain * 2 / work);
    for (size_t g = 0; g < groups; ++g) {
      const QConvArgs shared = args(state, input, image, g);
      for_ranges(state, shape.out_h * shape.out_w, tile.mr, grain,
                 [&](IndexRange range, int thread) {
                   QConvArgs own = shared;
                   own.scratch = state.scratch(thread);
                   fn(shape, own, range, IndexRange{0, n});
                 });
    }
  }
};

void add_depthwise(QConvStep step, PlanBuilder& plan) {
  const size_t taps = step.shape.taps();
  const size_t channels = step.ldc;
  const size_t kernel_h = step.shape.kernel_h, kernel_w = step.shape.kernel_w;
  const IntegerProduct& product = *step.product;
  const QPackParams params = product.params(0);
  const std::byte* w = product.weights().raw();
  const bool is_signed = product.weights_signed();
  const QWeightKind kind = choose_q_kind(w, is_signed, WeightStrides{1, 0, taps}, params.zero_point,
                                         PackShape{taps, 1, channels});
  const DwTile tile = plan.kernels().qdwconv_tile_for(kind);
  step.packed = plan.pack(
      product.key("qdepthwise"), qdwconv_packed_bytes(kind, kernel_h, kernel_w, channels, tile),
      [&](std::byte* out) {
        pack_qdwconv(kind, w, is_signed, 1, taps, params, kernel_h, kernel_w, channels, tile, out);
      });
  step.shape.kc = channels;
  step.n = channels;
  step.groups = 1;
  step.zero_row = plan.temporary(static_cast<int64_t>(channels));
  plan.need_scratch(dwconv_scratch_bytes(step.shape));
  plan.add_step(kind == QWeightKind::s8 ? "q8_dwconv" : "q16_dwconv",
                [=, fn = plan.kernels().qdwconv_for(kind)](RunState& state) {
                  step.fill_zero_row(state, channels);
                  const size_t work = std::max<size_t>(1, taps * channels * step.shape.out_w);
                  const size_t grain = std::max<size_t>(1, kProductGrain / 2 / work);
                  for (size_t b = 0; b < step.batch; ++b) {
                    const QConvArgs shared =
                        step.args(state, state.data(step.product->x) + b * step.in_image, b, 0);
                    for_ranges(state, step.shape.out_h, 1, grain, [&](IndexRange rows, int thread) {
                      QConvArgs own = shared;
                      own.scratch = state.scratch(thread);
                      fn(step.shape, own, rows, IndexRange{0, channels});
                    });
                  }
                });
}

/** Packs the weights for the step's shape from `source`, group by group. */
void pack_groups(QConvStep& step, const char* form, const std::byte* source,
                 const WeightStrides& strides, PlanBuilder& plan) {
  const IntegerProduct& product = *step.product;
  const PackShape pack{step.shape.taps(), step.shape.kc, step.n};
  const size_t group = pack.taps * pack.kc * pack.n;
  QWeightKind kind = QWeightKind::s8;
  for (size_t g = 0; g < step.groups; ++g) {
    if (choose_q_kind(source + g * group, product.weights_signed(), strides,
                      product.params(g * step.n).zero_point, pack) != QWeightKind::s8) {
      kind = QWeightKind::s16;
    }
  }
  step.tile = plan.kernels().qtile_for(kind);
  step.fn = plan.kernels().qconv_for(kind);
  step.group_bytes = packed_bytes(kind, pack, step.tile);
  step.packed = plan.pack(product.key(form), step.group_bytes * step.groups, [&](std::byte* out) {
    for (size_t g = 0; g < step.groups; ++g) {
      pack_weights_q(kind, source + g * group, product.weights_signed(), strides,
                     product.params(g * step.n), pack, step.tile, out + g * step.group_bytes);
    }
  });
  plan.need_scratch(qconv_scratch_bytes(step.shape, step.tile));
  step.zero_row = plan.temporary(static_cast<int64_t>(step.shape.kc));
}

void add_rows(QConvStep step, const ConvGeometry& g, PlanBuilder& plan) {
  const PaddedRows rows(step.shape, g, 1);
  const size_t kernel_h = step.shape.kernel_h;
  step.shape = rows.as_rows(step.shape);
  const size_t kc = step.shape.kc;
  const std::vector<std::byte> moved = taps_before_channels(step.product->weights());
  pack_groups(step, "qconv_rows", moved.data(), WeightStrides{kc, 1, kernel_h * kc}, plan);
  const ValueId padded = plan.temporary(static_cast<int64_t>(rows.bytes()));
  plan.add_step("q8_conv_rows", [=](RunState& state) {
    step.fill_zero_row(state, kc);
    const int32_t zero = step.product->zero_point(state);
    for (size_t b = 0; b < step.batch; ++b) {
      rows.fill(state.data(step.product->x) + b * step.in_image, state.data(padded), zero);
      step.run_image(state, state.data(padded), b);
    }
  });
}

void add_indirect(QConvStep step, PlanBuilder& plan) {
  const size_t taps = step.shape.taps();
  pack_groups(step, "qconv", step.product->weights().raw(),
              WeightStrides{1, taps, step.shape.kc * taps}, plan);
  plan.add_step("q8_igemm", [=](RunState& state) {
    step.fill_zero_row(state, step.shape.kc);
    for (size_t b = 0; b < step.batch; ++b) {
      step.run_image(state, state.data(step.product->x) + b * step.in_image, b);
    }
  });
}

}  // namespace

bool build_qconv(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "QConv")) return false;
  const Shape& x = plan.value(op.node.inputs[0]).shape;
  const ConvGeometry g = conv_geometry(op.node, x, plan.value(op.node.inputs[1]).constant.shape());
  const ConvMethod method = choose_method(g);
  const auto channels = static_cast<size_t>(g.in_channels);
  const auto out_channels = static_cast<size_t>(g.out_channels);
  if (method == ConvMethod::matrix) {
    add_qgemm(op, static_cast<size_t>(g.batch * g.input_pixels()), channels, out_channels,
              WeightStrides{0, 1, channels}, plan);
    return true;
  }
  QConvStep step;
  step.product = std::make_shared<IntegerProduct>(op, plan);
  step.batch = static_cast<size_t>(g.batch);
  step.groups = static_cast<size_t>(g.groups);
  step.n = out_channels / step.groups;
  step.ldc = out_channels;
  step.in_image = static_cast<size_t>(g.in_channels * g.input_pixels());
  step.out_image = static_cast<size_t>(g.out_channels * g.output_pixels());
  step.shape = conv_shape(g.axes, channels / step.groups, channels,
                          static_cast<size_t>(g.axes.back().input) * channels);
  if (method == ConvMethod::depthwise) {
    add_depthwise(std::move(step), plan);
  } else if (method == ConvMethod::rows) {
    add_rows(std::move(step), g, plan);
  } else {
    add_indirect(std::move(step), plan);
  }
  return true;
}

}  // namespace whittle
