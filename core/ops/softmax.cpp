#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  infer_same(context);
  if (!context.dims(0)) return;
  normalize_axis(context.node().int_attribute("axis", -1), rank_of(*context.dims(0)),
                 context.node().label());
}

/** Calls line(in, out, count, step) for every line of x along the axis, in double for double.
 *   x, y [outer, axis, inner] */
template <typename T, typename Line>
void run_lines(EvalContext& context, const Line& line) {
  const Tensor x = convert(context.input(0), dtype_of<T>);
  const AxisSplit split =
      split_at(x.shape(), context.node().int_attribute("axis", -1), context.node());
  fill_widened(context, 0, context.input(0).dtype(), x.shape(), [&](Tensor& y) {
    if (split.axis == 0) return;
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        const int64_t start = o * split.axis * split.inner + i;
        line(x.data<T>().data() + start, y.mutable_data<T>().data() + start, split.axis,
             split.inner);
      }
    }
  });
}

template <typename Line>
void for_each_line(EvalContext& context, const Line& line) {
  const DType dtype = context.input(0).dtype();
  if (!is_float(dtype)) fail_type(dtype, context.node());
  if (dtype == DType::f64) return run_lines<double>(context, line);
  run_lines<float>(context, line);
}

template <typename T>
T greatest(const T* in, int64_t count, int64_t step) {
  T max = in[0];
  for (int64_t a = 1; a < count; ++a) max = std::max(max, in[a * step]);
  return max;
}

// y = exp(x - max) / sum over the axis of exp(x - max)
void evaluate_softmax(EvalContext& context) {
  for_each_line(context, []<typename T>(const T* in, T* out, int64_t count, int64_t step) {
    const T max = greatest(in, count, step);
    T sum = 0;
    for (int64_t a = 0; a < count; ++a) {
      out[a * step] = std::exp(in[a * step] - max);
      sum += out[a * step];
    }
    for (int64_t a = 0; a < count; ++a) out[a * step] /= sum;
  });
}

// y = (x - max) - log(sum over the axis of exp(x - max))
void evaluate_log_softmax(EvalContext& context) {
  for_each_line(context, []<typename T>(const T* in, T* out, int64_t count, int64_t step) {
    const T max = greatest(in, count, step);
    T sum = 0;
    for (int64_t a = 0; a < count; ++a) sum += std::exp(in[a * step] - max);
    const T log_sum = std::log(sum);
    for (int64_t a = 0; a < count; ++a) out[a * step] = in[a * step] - max - log_sum;
  });
}

// y = 1 for the first greatest element of the axis, 0 for the others
void evaluate_hardmax(EvalContext& context) {
  for_each_line(context, []<typename T>(const T* in, T* out, int64_t count, int64_t step) {
    int64_t best = 0;
    for (int64_t a = 0; a < count; ++a) {
      if (in[a * step] > in[best * step]) best = a;
      out[a * step] = 0;
    }
    out[best * step] = 1;
  });
}

}  // namespace

void register_softmax(OpTable& table) {
  table.add({.domain = "", .name = "Softmax", .infer = infer, .evaluate = evaluate_softmax});
  table.add({.domain = "", .name = "LogSoftmax", .infer = infer, .evaluate = evaluate_log_softmax});
  table.add({.domain = "", .name = "Hardmax", .infer = infer, .evaluate = evaluate_hardmax});
}

}  // namespace whittle
