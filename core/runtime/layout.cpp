#include "core/runtime/layout.h"

#include <algorithm>
#include <map>

#include "core/runtime/layout_rules.h"

namespace whittle {

void insert_observers(LoweredGraph& graph, bool stored) {
  for (const auto& [id, name] : graph.observed) {
    LoweredOp op;
    op.node.domain = kLowered;
    op.node.op = stored ? "ObserveStored" : "Observe";
    op.node.name = name;
    op.node.inputs = {id};
    op.parts = "Observe";
    size_t position = 0;
    for (size_t i = 0; i < graph.ops.size(); ++i) {
      for (ValueId made : graph.ops[i].node.outputs) {
        if (made == id) position = i + 1;
      }
    }
    graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(position), std::move(op));
  }
  graph.observed.clear();
}

namespace {

/** Stored position of each ONNX axis. */
int position_of(int axis, int rank, Layout layout) {
  if (layout == Layout::plain || axis == 0) return axis;
  return axis == 1 ? rank - 1 : axis - 1;
}

/** The stored order is the same in both layouts. */
bool is_layout_free(const Shape& shape) {
  return shape.rank() < 3 || shape[1] == 1 || shape.elements(2, shape.rank()) == 1;
}

/** Elements of a constant rearranged from one layout to the other. */
Tensor rearranged(const Tensor& tensor, const Shape& shape, Layout to) {
  const int64_t channels = shape[1];
  const int64_t pixels = shape.elements(2, shape.rank());
  const int64_t size = dtype_bits(tensor.dtype()) / 8;
  Tensor result = Tensor::allocate(tensor.dtype(), tensor.shape());
  const std::byte* from = tensor.raw();
  std::byte* out = result.mutable_raw();
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) {
        const int64_t plain = (n * channels + c) * pixels + p;
        const int64_t last = (n * pixels + p) * channels + c;
        const int64_t source = to == Layout::plain ? last : plain;
        const int64_t target = to == Layout::plain ? plain : last;
        std::copy_n(from + source * size, size, out + target * size);
      }
    }
  }
  return result;
}

class LayoutAssigner {
 public:
  explicit LayoutAssigner(LoweredGraph& graph) : graph_(graph) {}

  void run() {
    std::vector<LoweredOp> ops = std::move(graph_.ops);
    graph_.ops.clear();
    for (LoweredOp& op : ops) {
      place(op);
      graph_.ops.push_back(std::move(op));
    }
    for (ValueId& id : graph_.outputs) id = in_layout(id, Layout::plain);
  }

 private:
  void place(LoweredOp& op) {
    switch (layout_rule(op, graph_)) {
      case LayoutRule::plain:
        return place_all(op, Layout::plain);
      case LayoutRule::channels_last:
        return place_all(op, Layout::channels_last);
      case LayoutRule::follow:
        return place_all(op, majority(op));
      case LayoutRule::view:
        return place_view(op);
      case LayoutRule::transpose:
        return place_transpose(op);
    }
  }

  /** Data inputs and outputs of `op` get `layout`; parameters (weights, tables) stay plain. */
  void place_all(LoweredOp& op, Layout layout) {
    const int rank = data_rank(op, graph_);
    for (size_t i = 0; i < op.node.inputs.size(); ++i) {
      ValueId& id = op.node.inputs[i];
      if (id == kNoValue || !is_static(id)) continue;
      const bool data = layout == Layout::plain || is_data_input(op, i);
      id = data ? operand(id, layout, rank) : in_layout(id, Layout::plain);
    }
    if (op.epilogue.residual != kNoValue) {
      op.epilogue.residual = in_layout(op.epilogue.residual, layout);
    }
    // A result that lost an axis has no channels any more: it lies in plain order.
    int full_rank = rank;
    if (!op.node.inputs.empty() && is_static(op.node.inputs[0])) {
      full_rank = std::max(full_rank, graph_.value(op.node.inputs[0]).shape.rank());
    }
    for (ValueId id : op.node.outputs) {
      if (id == kNoValue || !is_static(id) || full_rank < 3) continue;
      if (graph_.value(id).shape.rank() == full_rank) graph_.value(id).layout = layout;
    }
  }

  /** Reshape and its kin: channels-last survives where batch and channels are kept. */
  void place_view(LoweredOp& op) {
    ValueId& input = op.node.inputs[0];
    const LoweredValue& from = graph_.value(input);
    LoweredValue& to = graph_.value(op.node.outputs[0]);
    const bool keeps = from.layout == Layout::channels_last && to.shape.rank() >= 3 &&
                       to.shape[0] == from.shape[0] && to.shape[1] == from.shape[1];
    if (keeps) {
      to.layout = Layout::channels_last;
    } else {
      input = in_layout(input, Layout::plain);
    }
  }

  /** A Transpose costs nothing where the stored order stays, in one of the two layouts of its
   * result. */
  void place_transpose(LoweredOp& op) {
    const LoweredValue& from = graph_.value(op.node.inputs[0]);
    LoweredValue& to = graph_.value(op.node.outputs[0]);
    const auto perm = transpose_permutation(op.node, from.shape.rank());
    const auto free_in = [&](Layout layout) {
      to.layout = layout;
      return keeps_order(from.stored_shape(), stored_permutation(from, to, perm));
    };
    if (free_in(Layout::plain)) return;
    if (from.shape.rank() >= 3 && free_in(Layout::channels_last)) return;
    to.layout = Layout::plain;
  }

  /** The layout most bytes of the data inputs have already; values that are the same in both do not
   * count. */
  Layout majority(const LoweredOp& op) const {
    int64_t last = 0, plain = 0;
    for (size_t i = 0; i < op.node.inputs.size(); ++i) {
      const ValueId id = op.node.inputs[i];
      if (id == kNoValue || !is_static(id) || !is_data_input(op, i)) continue;
      const LoweredValue& value = graph_.value(id);
      if (value.is_constant() || is_layout_free(value.shape)) continue;
      (value.layout == Layout::channels_last ? last : plain) += value.shape.elements();
    }
    if (last == plain && !op.node.inputs.empty()) return graph_.value(op.node.inputs[0]).layout;
    return last > plain ? Layout::channels_last : Layout::plain;
  }

  bool is_static(ValueId id) const { return graph_.value(id).is_static; }

  /** An operand of an operation on tensors of rank `rank`: broadcast operands of lower rank get
   * leading axes of 1 first, so that "axis 1" means the same. */
  ValueId operand(ValueId id, Layout layout, int rank) {
    if (layout == Layout::plain) return in_layout(id, layout);
    const Shape& shape = graph_.value(id).shape;
    if (shape.rank() < rank) {
      if (shape.elements() == 1) return in_layout(id, Layout::plain);
      Shape padded;
      for (int i = shape.rank(); i < rank; ++i) padded.push_back(1);
      for (int64_t dim : shape) padded.push_back(dim);
      id = add_view(in_layout(id, Layout::plain), padded, Layout::plain);
    }
    return in_layout(id, layout);
  }

  ValueId add_view(ValueId id, const Shape& shape, Layout layout) {
    LoweredValue view = graph_.value(id);
    view.shape = shape;
    view.layout = layout;
    if (view.is_constant()) view.constant = view.constant.reshaped(view.stored_shape());
    const bool constant = view.is_constant();
    const ValueId made = graph_.add_value(std::move(view));
    if (!constant) add_op("View", id, made);
    return made;
  }

  ValueId in_layout(ValueId id, Layout layout) {
    const LoweredValue& value = graph_.value(id);
    if (!value.is_static || value.layout == layout || value.shape.rank() < 3) return id;
    const auto [found, isnew] = converted_.try_emplace({id, layout}, kNoValue);
    if (!isnew) return found->second;
    ValueId made = kNoValue;
    if (is_layout_free(value.shape)) {
      made = add_view(id, value.shape, layout);
    } else if (value.is_constant()) {
      LoweredValue copy = value;
      copy.layout = layout;
      copy.constant = rearranged(value.constant, value.shape, layout).reshaped(copy.stored_shape());
      if (!copy.shared_key.empty()) copy.shared_key += ":layout";
      made = graph_.add_value(std::move(copy));
    } else {
      LoweredValue copy = value;
      copy.layout = layout;
      made = graph_.add_value(std::move(copy));
      add_op(layout == Layout::plain ? "ToPlain" : "ToChannelsLast", id, made);
    }
    converted_[{id, layout}] = made;
    converted_[{made, value_layout(id)}] = id;
    return made;
  }

  Layout value_layout(ValueId id) const { return graph_.value(id).layout; }

  void add_op(std::string_view kind, ValueId from, ValueId to) {
    LoweredOp op;
    op.node.domain = kLowered;
    op.node.op = kind;
    op.node.name = graph_.value(from).name;
    op.node.inputs = {from};
    op.node.outputs = {to};
    op.parts = kind;
    graph_.ops.push_back(std::move(op));
  }

  LoweredGraph& graph_;
  std::map<std::pair<ValueId, Layout>, ValueId> converted_;
};

}  // namespace

int stored_axis(const LoweredValue& value, int axis) {
  return position_of(axis, value.shape.rank(), value.layout);
}

std::vector<int> stored_permutation(const LoweredValue& from, const LoweredValue& to,
                                    const std::vector<int64_t>& perm) {
  const int rank = from.shape.rank();
  std::vector<int> stored(static_cast<size_t>(rank));
  for (int axis = 0; axis < rank; ++axis) {
    const int source = static_cast<int>(perm[static_cast<size_t>(axis)]);
    stored[static_cast<size_t>(position_of(axis, rank, to.layout))] =
        position_of(source, rank, from.layout);
  }
  return stored;
}

bool keeps_order(const Shape& shape, const std::vector<int>& perm) {
  int last = -1;
  for (int axis : perm) {
    if (shape[axis] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

void assign_layouts(LoweredGraph& graph) {
  LayoutAssigner(graph).run();
}

}  // namespace whittle
