// What convolutions, matrix products and recurrent layers couple.
#include "core/compress/prune/support/coupling_rules.h"

namespace whittle {
namespace {

constexpr const char* kSlides = "it is an axis that a window slides along";

/**
 * Channels of a convolution in groups. With as many groups as input channels (depthwise) a channel
 * stays with the outputs made of it, and its group goes with it. Between one and that, all groups
 * give up the channel at the same place, so that they stay equally wide.
 */
class ConvCoupling {
 public:
  ConvCoupling(Coupling& coupling, const Node& node, bool transposed)
      : coupling_(coupling),
        x_(node.input(0)),
        w_(node.input(1)),
        b_(node.input(2)),
        y_(node.output(0)),
        transposed_(transposed),
        groups_(node.int_attribute("group", 1)),
        inputs_(coupling.extent(x_, 1)),
        outputs_(coupling.extent(y_, 1)) {}

  void run(Operand from, int axis) {
    const ValueId at = from.output ? y_ : from.index == 0 ? x_ : from.index == 1 ? w_ : b_;
    const bool is_bias = !from.output && from.index == 2;
    if (!is_bias && axis > 1) return coupling_.pin(at, axis, kSlides);
    const bool is_weight = !from.output && from.index == 1;
    if (!is_bias && !is_weight && axis == 0) return coupling_.tie(x_, 0, y_, 0);
    if (inputs_ < 0 || outputs_ < 0 || coupling_.extent(w_, 1) < 0) {
      return coupling_.pin(at, axis, "the channels of a convolution are not known");
    }
    if (groups_ == 1) {
      const int w_in = transposed_ ? 0 : 1;
      const bool is_input = is_weight ? axis == w_in : !from.output && from.index == 0;
      if (is_input) {
        coupling_.tie(x_, 1, w_, w_in);
      } else {
        tie_outputs();
      }
    } else if (groups_ == inputs_) {
      tie_depthwise();
    } else {
      tie_grouped();
    }
  }

 private:
  void tie_outputs() {
    coupling_.tie(y_, 1, w_, transposed_ ? 1 : 0);
    if (b_ != kNoValue) coupling_.tie(y_, 1, b_, 0);
  }

  void tie_depthwise() {
    const int64_t multiplier = outputs_ / groups_;
    for (int64_t c = 0; c < inputs_; ++c) {
      for (int64_t j = 0; j < multiplier; ++j) {
        coupling_.tie({x_, 1}, c, {y_, 1}, c * multiplier + j);
      }
    }
    if (transposed_) {
      coupling_.tie(x_, 1, w_, 0);
    } else {
      coupling_.tie(y_, 1, w_, 0);
    }
    if (b_ != kNoValue) coupling_.tie(y_, 1, b_, 0);
  }

  void tie_grouped() {
    const int64_t in = inputs_ / groups_;
    const int64_t out = outputs_ / groups_;
    for (int64_t g = 0; g < groups_; ++g) {
      for (int64_t j = 0; j < in; ++j) {
        coupling_.tie({x_, 1}, g * in + j, {x_, 1}, j);
        if (transposed_) {
          coupling_.tie({w_, 0}, g * in + j, {x_, 1}, j);
        } else {
          coupling_.tie({w_, 1}, j, {x_, 1}, j);
        }
      }
      for (int64_t j = 0; j < out; ++j) {
        coupling_.tie({y_, 1}, g * out + j, {y_, 1}, j);
        if (transposed_) {
          coupling_.tie({w_, 1}, j, {y_, 1}, j);
        } else {
          coupling_.tie({w_, 0}, g * out + j, {y_, 1}, j);
        }
        if (b_ != kNoValue) coupling_.tie({b_, 0}, g * out + j, {y_, 1}, j);
      }
    }
  }

  Coupling& coupling_;
  ValueId x_, w_, b_, y_;
  bool transposed_;
  int64_t groups_, inputs_, outputs_;
};

}  // namespace

void couple_conv(Coupling& coupling, const Node& node, Operand from, int axis) {
  ConvCoupling(coupling, node, false).run(from, axis);
}

void couple_conv_transpose(Coupling& coupling, const Node& node, Operand from, int axis) {
  ConvCoupling(coupling, node, true).run(from, axis);
}

void couple_gemm(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId a = node.input(0);
  const ValueId b = node.input(1);
  const ValueId c = node.input(2);
  const ValueId y = node.output(0);
  const int a_inner = node.int_attribute("transA", 0) != 0 ? 0 : 1;
  const int b_inner = node.int_attribute("transB", 0) != 0 ? 1 : 0;
  const bool inner = !from.output &&
                     ((from.index == 0 && axis == a_inner) || (from.index == 1 && axis == b_inner));
  if (inner) return coupling.tie(a, a_inner, b, b_inner);
  const int c_rank = c == kNoValue ? 0 : coupling.rank(c);
  const bool is_bias = !from.output && from.index == 2;
  const int y_axis = from.output ? axis : is_bias ? axis + 2 - c_rank : from.index == 0 ? 0 : 1;
  if (y_axis == 0) {
    coupling.tie(y, 0, a, 1 - a_inner);
  } else {
    coupling.tie(y, 1, b, 1 - b_inner);
  }
  const int c_axis = y_axis - 2 + c_rank;
  const int64_t extent = coupling.extent(y, y_axis);
  if (c != kNoValue && c_axis >= 0 && coupling.extent(c, c_axis) == extent) {
    coupling.tie(y, y_axis, c, c_axis);
  }
}

void couple_matmul(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId a = node.input(0);
  const ValueId b = node.input(1);
  const ValueId y = node.output(0);
  const int a_rank = coupling.rank(a);
  const int b_rank = coupling.rank(b);
  const int y_rank = coupling.rank(y);
  const ValueId at = from.of(node);
  if (a_rank < 1 || b_rank < 1 || y_rank < 0) {
    return coupling.pin(at, axis, "the shapes of a product are not known");
  }
  const int a_inner = a_rank - 1;
  const int b_inner = b_rank == 1 ? 0 : b_rank - 2;
  const bool inner = !from.output &&
                     ((from.index == 0 && axis == a_inner) || (from.index == 1 && axis == b_inner));
  if (inner) return coupling.tie(a, a_inner, b, b_inner);
  // The rows of a and the columns of b come last in y; a vector has none.
  const int columns = b_rank == 1 ? 0 : 1;
  const int rows = a_rank == 1 ? 0 : 1;
  const int from_end = from.output          ? y_rank - axis
                       : from.index == 0    ? columns + rows + (a_rank - 2 - axis)
                       : axis == b_rank - 1 ? 1
                                            : columns + rows + (b_rank - 2 - axis);
  if (columns == 1 && from_end == 1) return coupling.tie(y, y_rank - 1, b, b_rank - 1);
  if (rows == 1 && from_end == columns + 1)
    return coupling.tie(y, y_rank - from_end, a, a_rank - 2);
  // Axes in front are broadcast.
  const int y_axis = y_rank - from_end;
  const int64_t extent = coupling.extent(y, y_axis);
  const int outer = from_end - columns - rows;
  for (const auto& [id, rank] : {std::pair{a, a_rank}, std::pair{b, b_rank}}) {
    const int own = rank - 2 - outer;
    if (own >= 0 && coupling.extent(id, own) == extent) coupling.tie(y, y_axis, id, own);
  }
}

namespace {

/** Ties unit h of a hidden state to row k * hidden + h of every stacked block along `axis`. */
void tie_blocks(Coupling& coupling, ValueId id, int axis, ValueId state, int state_axis,
                int64_t hidden) {
  const int64_t extent = coupling.extent(id, axis);
  for (int64_t i = 0; i < extent; ++i) {
    coupling.tie({id, axis}, i, {state, state_axis}, i % hidden);
  }
}

}  // namespace

void couple_recurrent(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId at = from.of(node);
  const ValueId w = node.input(1);
  const ValueId r = node.input(2);
  const bool batch_first = node.int_attribute("layout", 0) != 0;
  const int64_t hidden = coupling.extent(r, 2);
  if (batch_first || hidden < 1) {
    return coupling.pin(at, axis, concat("its width is fixed at ", node.label()));
  }
  const bool is_x = !from.output && from.index == 0;
  const bool is_w = !from.output && from.index == 1;
  if ((is_x && axis == 2) || (is_w && axis == 2)) return coupling.tie(node.input(0), 2, w, 2);
  // The unit axis of whatever has one: R [directions, gates * hidden, hidden] is the anchor.
  const bool is_unit = from.output ? axis == (from.index == 0 ? 3 : 2)
                       : is_w || from.index == 3 || from.index == 7 ? axis == 1
                       : from.index == 2                            ? axis == 1 || axis == 2
                                                                    : axis == 2;
  if (!is_unit || is_x || (!from.output && from.index == 4)) {
    return coupling.pin(at, axis, concat("its width is fixed at ", node.label()));
  }
  for (const size_t stacked : {size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
    const ValueId id = node.input(stacked);
    if (id != kNoValue) tie_blocks(coupling, id, 1, r, 2, hidden);
  }
  for (const size_t state : {size_t{5}, size_t{6}}) {
    if (node.input(state) != kNoValue) coupling.tie(node.input(state), 2, r, 2);
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.output(i) != kNoValue) coupling.tie(node.output(i), i == 0 ? 3 : 2, r, 2);
  }
}

}  // namespace whittle
