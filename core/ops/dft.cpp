// DFT and STFT: discrete Fourier transforms of signals, complex values as a last axis of two.
#include <algorithm>

#include "core/ops/support/convert.h"
#include "core/ops/support/fourier.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** What a DFT does to its axis. */
struct DftForm {
  bool inverse = false;
  bool onesided = false;

  explicit DftForm(const Node& node)
      : inverse(node.int_attribute("inverse", 0) != 0),
        onesided(node.int_attribute("onesided", 0) != 0) {}
  /** The inverse of half a spectrum is a real signal. */
  bool gives_real() const { return inverse && onesided; }
  int64_t default_length(int64_t input) const { return gives_real() ? 2 * (input - 1) : input; }
  int64_t outputs(int64_t length) const { return onesided && !inverse ? length / 2 + 1 : length; }
};

int dft_axis(const Node& node, int64_t axis, int rank) {
  const int normal = normalize_axis(axis, rank, node.label());
  if (rank < 2 || normal == rank - 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected an axis before the last one for ",
         node.label(), " but received ", axis);
  }
  return normal;
}

void require_complex(const Node& node, int64_t last) {
  if (last == 1 || last == 2) return;
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected a last axis of 1 or 2 for ", node.label(),
       " but received ", last);
}

int64_t require_positive(const Node& node, int64_t value) {
  constexpr int64_t kMost = 1 << 26;
  if (value < 1 || value > kMost) {
    fail(Code::INVALID_DATA, node.label(), "Expected a length from 1 to ", kMost, " for ",
         node.label(), " but received ", value);
  }
  return value;
}

void infer_dft(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::optional<Dims> dims = context.dims(0);
  const auto axes = context.integers(2);
  const bool axis_known = !context.has_input(2) || (axes && axes->size() == 1);
  if (!dims) return context.set_output(0, context.dtype(0));
  const DftForm form(node);
  if (!axis_known) {
    dims = unknown_dims(rank_of(*dims));
  } else {
    const int axis = dft_axis(node, axes ? axes->front() : -2, rank_of(*dims));
    Dim& dim = (*dims)[static_cast<size_t>(axis)];
    const auto given = context.integers(1);
    if (given && given->size() == 1) {
      dim = form.outputs(given->front());
    } else if (context.has_input(1)) {
      dim = Dim();
    } else if (dim.known()) {
      dim = form.outputs(form.default_length(dim.value));
    } else if (form.onesided) {
      dim = Dim();
    }
  }
  dims->back() = form.gives_real() ? 1 : 2;
  context.set_output(0, context.dtype(0), std::move(dims));
}

// The transform along one axis of x, which is cut or filled with zeros to the length; the first
// length / 2 + 1 values with onesided. The inverse of half a spectrum takes the rest as its
// conjugate mirrored.
//   x [outer, n, inner, 1 or 2]   y [outer, outputs, inner, 2], or 1 for a real signal
void evaluate_dft(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor x = convert(context.input(0), DType::f64);
  const Shape& shape = x.shape();
  require_rank(node, shape, 2);
  const DftForm form(node);
  const int64_t stated = context.has_input(2) ? require_integer(node, context.input(2)) : -2;
  const int axis = dft_axis(node, stated, shape.rank());
  const int64_t parts = shape.back();
  require_complex(node, parts);
  const int64_t n = shape[axis];
  const int64_t length =
      require_positive(node, context.has_input(1) ? require_integer(node, context.input(1))
                                                  : form.default_length(n));
  const int64_t outputs = form.outputs(length);
  const int64_t out_parts = form.gives_real() ? 1 : 2;
  const int64_t outer = shape.elements(0, axis);
  const int64_t inner = shape.elements(axis + 1, shape.rank() - 1);
  Shape out_shape = shape;
  out_shape[axis] = outputs;
  out_shape[shape.rank() - 1] = out_parts;

  Tensor y = Tensor::allocate(DType::f64, out_shape);
  const double* in = x.data<double>().data();
  double* out = y.mutable_data<double>().data();
  FourierTransform transform(static_cast<size_t>(length));
  std::vector<Complex> line(static_cast<size_t>(length));
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      for (int64_t a = 0; a < length; ++a) {
        const bool mirrored = form.gives_real() && a > length / 2;
        const int64_t from = mirrored ? length - a : a;
        Complex value;
        if (from < n) {
          const double* at = in + ((o * n + from) * inner + i) * parts;
          value = {at[0], parts == 2 ? at[1] : 0.0};
          if (mirrored) value.im = -value.im;
        }
        line[static_cast<size_t>(a)] = value;
      }
      transform.run(line, form.inverse);
      for (int64_t a = 0; a < outputs; ++a) {
        double* at = out + ((o * outputs + a) * inner + i) * out_parts;
        at[0] = line[static_cast<size_t>(a)].re;
        if (out_parts == 2) at[1] = line[static_cast<size_t>(a)].im;
      }
    }
  }
  convert_into(y, context.output(0, context.input(0).dtype(), out_shape));
}

/** Frames of `length` in a signal, `step` apart. */
int64_t frame_count(const Node& node, int64_t signal, int64_t length, int64_t step) {
  if (length < 1 || step < 1 || signal < length) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a positive step and a signal of at least ",
         length, " samples for ", node.label(), " but received ", step, " and ", signal);
  }
  return 1 + (signal - length) / step;
}

void infer_stft(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  Dims dims = unknown_dims(4);
  dims[3] = 2;
  const auto& signal = context.dims(0);
  if (signal && signal->size() == 3) {
    dims[0] = (*signal)[0];
    const auto step = context.integers(1);
    const auto given = context.integers(3);
    Dim length;
    if (context.has_input(3)) {
      if (given && given->size() == 1) length = given->front();
    } else if (context.has_input(2)) {
      if (context.dims(2) && context.dims(2)->size() == 1) length = context.dims(2)->front();
    } else {
      length = (*signal)[1];
    }
    if (length.known()) {
      const bool onesided = node.int_attribute("onesided", 1) != 0;
      dims[2] = onesided ? length.value / 2 + 1 : length.value;
      if (step && step->size() == 1 && (*signal)[1].known()) {
        dims[1] = frame_count(node, (*signal)[1].value, length.value, step->front());
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// The transforms of frames of the signal, each times the window.
//   signal [batch, samples, 1 or 2]   window [length]   y [batch, frames, bins, 2]
void evaluate_stft(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor x = convert(context.input(0), DType::f64);
  const Shape& shape = x.shape();
  if (shape.rank() != 3) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a signal of 3 axes for ", node.label(),
         " but received ", to_string(shape));
  }
  require_complex(node, shape[2]);
  const int64_t step = require_integer(node, context.input(1));
  std::vector<double> window;
  if (context.has_input(2)) {
    const Tensor values = convert(context.input(2), DType::f64);
    window.assign(values.data<double>().begin(), values.data<double>().end());
  }
  int64_t length = window.empty() ? shape[1] : static_cast<int64_t>(window.size());
  if (context.has_input(3)) length = require_integer(node, context.input(3));
  require_positive(node, length);
  if (window.empty()) window.assign(static_cast<size_t>(length), 1.0);
  if (static_cast<int64_t>(window.size()) != length) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a window of ", length, " for ", node.label(),
         " but received ", window.size());
  }
  const int64_t frames = frame_count(node, shape[1], length, step);
  const int64_t bins = node.int_attribute("onesided", 1) != 0 ? length / 2 + 1 : length;
  const Shape out_shape{shape[0], frames, bins, 2};
  Tensor y = Tensor::allocate(DType::f64, out_shape);
  const double* in = x.data<double>().data();
  double* out = y.mutable_data<double>().data();
  FourierTransform transform(static_cast<size_t>(length));
  std::vector<Complex> line(static_cast<size_t>(length));
  for (int64_t f = 0; f < shape[0] * frames; ++f) {
    const double* frame = in + (f / frames * shape[1] + f % frames * step) * shape[2];
    for (size_t a = 0; a < line.size(); ++a) {
      const double* at = frame + static_cast<int64_t>(a) * shape[2];
      line[a] = {at[0] * window[a], shape[2] == 2 ? at[1] * window[a] : 0.0};
    }
    transform.run(line, false);
    for (int64_t k = 0; k < bins; ++k) {
      out[(f * bins + k) * 2] = line[static_cast<size_t>(k)].re;
      out[(f * bins + k) * 2 + 1] = line[static_cast<size_t>(k)].im;
    }
  }
  convert_into(y, context.output(0, context.input(0).dtype(), out_shape));
}

}  // namespace

void register_dft(OpTable& table) {
  table.add({.name = "DFT", .infer = infer_dft, .evaluate = evaluate_dft});
  table.add({.name = "STFT", .infer = infer_stft, .evaluate = evaluate_stft});
}

}  // namespace whittle
