#include "core/runtime/steps/integer_product.h"

#include "core/runtime/steps/product.h"
#include "core/runtime/steps/step_builders.h"

namespace whittle {

IntegerProduct::IntegerProduct(const LoweredOp& op, PlanBuilder& plan)
    : x(op.node.inputs[0]),
      y(op.node.outputs[0]),
      a_signed(plan.value(op.node.inputs[0]).dtype == DType::i8),
      w_(&plan.value(op.node.inputs[1]).constant),
      residual_(op.epilogue.residual) {
  const IntegerForm& form = *op.integer;
  const Quantization& a = form.inputs[0];
  const Quantization& w = form.inputs[1];
  columns = w.scale.size();
  w_zero_point_ = w.zero_point;
  if (const ValueId bias = op.node.input(2); bias != kNoValue) {
    bias_ = plan.value(bias).constant.data<int32_t>().data();
  }
  if (const ValueId bias = op.node.input(3); bias != kNoValue) {
    fbias_ = plan.value(bias).constant.data<float>().data();
  }
  run_time_scale_ = op.node.input(4);
  run_time_zero_point_ = op.node.input(5);
  a_zero_point_ = a.zero_point.empty() ? 0 : a.zero_point[0];
  scale_ = w.scale;
  if (form.output_quantized) {
    epilogue_.output = form.output.dtype == DType::i8 ? QOutput::s8 : QOutput::u8;
    epilogue_.out_zero_point = form.output.zero_point[0];
    epilogue_.qmin = form.qmin;
    epilogue_.qmax = form.qmax;
    for (float& scale : scale_) scale = a.scale[0] * scale / form.output.scale[0];
  } else {
    epilogue_.output = QOutput::f32;
    epilogue_.a_scale = a.scale.empty() ? 1.0f : a.scale[0];
    epilogue_.float_epilogue = float_epilogue(op.epilogue, plan.kernels());
    out_size = sizeof(float);
    if (residual_ != kNoValue) plan.allow_in_place(y, residual_);
  }
  // The packed scales depend on those of x and y: they are part of the name.
  key_ = concat("|", plan.pack_key(op.node.inputs[1]), "|", plan.pack_key(op.node.input(2)), "|",
                plan.pack_key(op.node.input(3)), "|", op.node.int_attribute("transposed", 0), "|",
                std::hexfloat, scale_[0], "|", scale_.back(), "|", op.node.name);
}

QPackParams IntegerProduct::params(size_t first) const {
  QPackParams params;
  params.bias = bias_ ? bias_ + first : nullptr;
  params.fbias = fbias_ ? fbias_ + first : nullptr;
  params.scale = scale_.data() + first;
  params.zero_point = w_zero_point_.data() + first;
  return params;
}

int32_t IntegerProduct::zero_point(const RunState& state) const {
  if (run_time_zero_point_ == kNoValue) return a_zero_point_;
  return a_signed ? *state.data<int8_t>(run_time_zero_point_)
                  : *state.data<uint8_t>(run_time_zero_point_);
}

QEpilogue IntegerProduct::epilogue(const RunState& state) const {
  QEpilogue made = epilogue_;
  if (run_time_scale_ != kNoValue) made.a_scale = *state.data<float>(run_time_scale_);
  return made;
}

void add_qgemm(const LoweredOp& op, size_t m, size_t k, size_t n, const WeightStrides& strides,
               PlanBuilder& plan) {
  const auto product = std::make_shared<IntegerProduct>(op, plan);
  const PackShape shape{1, k, n};
  const Tensor& w = product->weights();
  const QPackParams params = product->params(0);
  const QWeightKind kind =
      choose_q_kind(w.raw(), product->weights_signed(), strides, params.zero_point, shape);
  const TileShape tile = plan.kernels().qtile_for(kind);
  const std::byte* packed =
      plan.pack(product->key("qgemm"), packed_bytes(kind, shape, tile), [&](std::byte* out) {
        pack_weights_q(kind, w.raw(), product->weights_signed(), strides, params, shape, tile, out);
      });
  plan.need_scratch(qgemm_scratch_bytes(tile));
  const QGemmFn fn = plan.kernels().qgemm_for(kind);
  plan.add_step(kind == QWeightKind::s8 ? "q8_gemm" : "q16_gemm", [=](RunState& state) {
    QGemmArgs args;
    args.a = state.data(product->x);
    args.a_signed = product->a_signed;
    args.a_zero_point = product->zero_point(state);
    args.lda = k;
    args.packed = packed;
    args.c = state.data(product->y);
    args.ldc = n;
    args.k = k;
    args.n = n;
    args.epilogue = product->epilogue(state);
    args.epilogue.float_epilogue.residual = product->residual(state);
    args.epilogue.float_epilogue.ld_residual = n;
    const auto run = [&](IndexRange rows, IndexRange cols, int thread) {
      QGemmArgs own = args;
      own.scratch = state.scratch(thread);
      fn(own, rows, cols);
    };
    // Few rows are shared out by columns, many by rows.
    if (m <= 4 * tile.mr) {
      const size_t grain =
          std::max<size_t>(tile.nr, kProductGrain * 2 / std::max<size_t>(1, m * k));
      for_ranges(state, n, tile.nr, grain, [&](IndexRange cols, int thread) {
        run({0, m}, cols, thread);
      });
    } else {
      const size_t grain =
          std::max<size_t>(tile.mr, kProductGrain * 2 / std::max<size_t>(1, k * n));
      for_ranges(state, m, tile.mr, grain, [&](IndexRange rows, int thread) {
        run(rows, {0, n}, thread);
      });
    }
  });
}

bool build_qlinear(const LoweredOp& op, PlanBuilder& plan) {
  if (!op.node.is(kLowered, "QLinear")) return false;
  const Shape& w = plan.value(op.node.inputs[1]).constant.shape();
  const bool transposed = op.node.int_attribute("transposed", 0) != 0;
  const auto k = static_cast<size_t>(transposed ? w[1] : w[0]);
  const auto n = static_cast<size_t>(transposed ? w[0] : w[1]);
  const size_t m = elements(plan.value(op.node.outputs[0])) / std::max<size_t>(1, n);
  add_qgemm(op, m, k, n, transposed ? WeightStrides{0, 1, k} : WeightStrides{0, n, 1}, plan);
  return true;
}

}  // namespace whittle
