#include "core/ops/support/conv_geometry.h"

#include <algorithm>

namespace whittle {
namespace {

int64_t read_groups(const Node& node) {
  const int64_t groups = node.int_attribute("group", 1);
  if (groups < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a positive attribute 'group' for ",
         node.label(), " but received ", groups);
  }
  return groups;
}

void check_ranks(const Node& node, size_t x_rank, size_t w_rank) {
  if (x_rank < 3 || w_rank != x_rank) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected an input of rank 3 or more and weights of the same rank for ", node.label(),
         " but received ranks ", x_rank, " and ", w_rank);
  }
}

/** Taps along each axis from the weights; a kernel_shape attribute must agree. */
std::vector<int64_t> read_kernel(const Node& node, std::vector<int64_t> taps) {
  const std::vector<int64_t> stated = node.ints_attribute("kernel_shape", taps);
  if (stated != taps) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected weights of attribute 'kernel_shape' for ",
         node.label(), " but received weights of another size");
  }
  return taps;
}

/** What both forms share; the caller sets out_channels and the axes. */
ConvGeometry start(const Node& node, const Shape& x, const Shape& w) {
  check_ranks(node, static_cast<size_t>(x.rank()), static_cast<size_t>(w.rank()));
  ConvGeometry made;
  made.groups = read_groups(node);
  made.batch = x[0];
  made.in_channels = x[1];
  return made;
}

[[noreturn]] void fail_channels(const Node& node, const Shape& x, const Shape& w, int64_t groups) {
  fail(Code::SHAPE_MISMATCH, node.label(), "Expected weights that fit input ", to_string(x), " in ",
       groups, groups == 1 ? " group for " : " groups for ", node.label(), " but received ",
       to_string(w));
}

std::vector<int64_t> spatial(const Shape& shape) {
  return {shape.begin() + 2, shape.end()};
}

/** Taps from weights of which all spatial dims are known, or else from kernel_shape. */
std::optional<std::vector<int64_t>> known_kernel(const Node& node, const std::optional<Dims>& w) {
  if (w && w->size() >= 3 &&
      std::all_of(w->begin() + 2, w->end(), [](const Dim& dim) { return dim.known(); })) {
    std::vector<int64_t> taps;
    for (size_t i = 2; i < w->size(); ++i) taps.push_back((*w)[i].value);
    return read_kernel(node, std::move(taps));
  }
  if (node.has("kernel_shape")) return node.ints_attribute("kernel_shape");
  return std::nullopt;
}

/** ConvTranspose: the attributes and what only it has. */
struct TransposeAttributes {
  WindowAttributes window;
  std::vector<int64_t> output_padding;
  std::vector<int64_t> output_shape;  // empty: not given
};

TransposeAttributes transpose_attributes(const Node& node, std::vector<int64_t> kernel) {
  TransposeAttributes made;
  const size_t rank = kernel.size();
  made.window = window_attributes(node, std::move(kernel));
  made.output_padding = node.ints_attribute("output_padding", std::vector<int64_t>(rank, 0));
  if (made.output_padding.empty()) made.output_padding.resize(rank, 0);
  made.output_shape = node.ints_attribute("output_shape");
  // Some exporters write all dimensions, batch and channels included.
  if (made.output_shape.size() == rank + 2) {
    made.output_shape.erase(made.output_shape.begin(), made.output_shape.begin() + 2);
  }
  const bool bad_shape = !made.output_shape.empty() && made.output_shape.size() != rank;
  const auto in_range = [](int64_t v) { return v >= 0 && v <= (int64_t{1} << 31); };
  if (!std::all_of(made.output_padding.begin(), made.output_padding.end(), in_range) ||
      !std::all_of(made.output_shape.begin(), made.output_shape.end(), in_range)) {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected non-negative 32-bit values for attributes 'output_padding' and 'output_shape' "
         "of ",
         node.label(), " but received others");
  }
  if (made.output_padding.size() != rank || bad_shape) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected ", rank,
         " values for attributes 'output_padding' and 'output_shape' of ", node.label(),
         " but received ", made.output_padding.size(), " and ", made.output_shape.size());
  }
  return made;
}

WindowAxis resolve_transposed(const TransposeAttributes& attributes, size_t axis, int64_t input,
                              const std::string& where) {
  const WindowAttributes& window = attributes.window;
  const bool same =
      window.auto_pad == AutoPad::same_upper || window.auto_pad == AutoPad::same_lower;
  WindowAxis made;
  made.input = input;
  made.kernel = window.kernel[axis];
  made.stride = window.strides[axis];
  made.dilation = window.dilations[axis];
  const int64_t full = (input - 1) * made.stride + made.extent() + attributes.output_padding[axis];
  if (attributes.output_shape.empty() && !same) {
    made.pad_begin = window.pads_begin[axis];
    made.pad_end = window.pads_end[axis];
    made.output = full - made.pad_begin - made.pad_end;
  } else {
    made.output =
        attributes.output_shape.empty() ? input * made.stride : attributes.output_shape[axis];
    const int64_t total = std::max<int64_t>(0, full - made.output);
    made.pad_begin = window.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
    made.pad_end = total - made.pad_begin;
  }
  if (made.output < 0) {
    fail(Code::SHAPE_MISMATCH, where, "Expected an output of non-negative size along spatial axis ",
         axis, " for ", where, " but received ", made.output);
  }
  return made;
}

}  // namespace

Shape ConvGeometry::output_shape() const {
  Shape shape{batch, out_channels};
  for (const WindowAxis& axis : axes) shape.push_back(axis.output);
  return shape;
}

int64_t ConvGeometry::taps() const {
  int64_t product = 1;
  for (const WindowAxis& axis : axes) product = checked_mul(product, axis.kernel, "a kernel");
  return product;
}

int64_t ConvGeometry::input_pixels() const {
  int64_t product = 1;
  for (const WindowAxis& axis : axes) product = checked_mul(product, axis.input, "an image");
  return product;
}

int64_t ConvGeometry::output_pixels() const {
  int64_t product = 1;
  for (const WindowAxis& axis : axes) product = checked_mul(product, axis.output, "an image");
  return product;
}

int64_t ConvGeometry::macs() const {
  int64_t product = checked_mul(batch, transposed ? input_pixels() : output_pixels(), "MACs");
  product = checked_mul(product, taps(), "MACs");
  product = checked_mul(product, in_channels, "MACs");
  return checked_mul(product, out_channels / groups, "MACs");
}

ConvGeometry conv_geometry(const Node& node, const Shape& x, const Shape& w) {
  ConvGeometry made = start(node, x, w);
  made.out_channels = w[0];
  if (checked_mul(w[1], made.groups, "channels") != x[1] || w[0] % made.groups != 0) {
    fail_channels(node, x, w, made.groups);
  }
  const WindowAttributes window = window_attributes(node, read_kernel(node, spatial(w)));
  for (size_t i = 0; i < window.rank(); ++i) {
    made.axes.push_back(resolve_axis(window, i, x[static_cast<int>(i) + 2], node.label()));
  }
  return made;
}

std::optional<Dims> conv_dims(const Node& node, const std::optional<Dims>& x,
                              const std::optional<Dims>& w) {
  if (!x) return std::nullopt;
  if (w) {
    check_ranks(node, x->size(), w->size());
    const auto x_shape = concrete(*x);
    const auto w_shape = concrete(*w);
    if (x_shape && w_shape) return to_dims(conv_geometry(node, *x_shape, *w_shape).output_shape());
  }
  Dims out(x->size());
  out[0] = (*x)[0];
  if (w) out[1] = (*w)[0];
  const auto kernel = known_kernel(node, w);
  if (!kernel) return out;
  check_ranks(node, x->size(), kernel->size() + 2);
  const WindowAttributes window = window_attributes(node, *kernel);
  for (size_t i = 0; i < window.rank(); ++i) {
    out[i + 2] = output_dim(window, i, (*x)[i + 2], node.label());
  }
  return out;
}

ConvGeometry conv_transpose_geometry(const Node& node, const Shape& x, const Shape& w) {
  ConvGeometry made = start(node, x, w);
  made.transposed = true;
  made.out_channels = checked_mul(w[1], made.groups, "channels");
  if (w[0] != x[1] || x[1] % made.groups != 0) fail_channels(node, x, w, made.groups);
  const auto attributes = transpose_attributes(node, read_kernel(node, spatial(w)));
  for (size_t i = 0; i < attributes.window.rank(); ++i) {
    made.axes.push_back(
        resolve_transposed(attributes, i, x[static_cast<int>(i) + 2], node.label()));
  }
  return made;
}

std::optional<Dims> conv_transpose_dims(const Node& node, const std::optional<Dims>& x,
                                        const std::optional<Dims>& w) {
  if (!x) return std::nullopt;
  if (w) check_ranks(node, x->size(), w->size());
  Dims out(x->size());
  out[0] = (*x)[0];
  if (w && (*w)[1].known()) {
    out[1] = checked_mul((*w)[1].value, read_groups(node), "channels");
  }
  const auto kernel = known_kernel(node, w);
  if (!kernel) return out;
  check_ranks(node, x->size(), kernel->size() + 2);
  const auto attributes = transpose_attributes(node, *kernel);
  for (size_t i = 0; i < kernel->size(); ++i) {
    const Dim& input = (*x)[i + 2];
    if (input.known()) {
      out[i + 2] = resolve_transposed(attributes, i, input.value, node.label()).output;
    } else if (!attributes.output_shape.empty()) {
      out[i + 2] = attributes.output_shape[i];
    }
  }
  return out;
}

}  // namespace whittle
