#include "core/compress/quantize/support/equalization/channel_flow.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/tensor/shape.h"

namespace whittle {
namespace {

std::vector<int> identity(int64_t channels) {
  std::vector<int> from(static_cast<size_t>(channels));
  std::iota(from.begin(), from.end(), 0);
  return from;
}

/** Operators that work on each element, of one tensor beside constants. */
bool is_elementwise(const Node& node) {
  static const std::set<std::string> ops = {
      "Relu", "LeakyRelu", "PRelu", "Clip",     "HardSwish", "HardSigmoid", "Sigmoid", "Tanh",
      "Elu",  "Gelu",      "Swish", "Softplus", "Mish",      "Identity",    "Dropout"};
  return node.domain.empty() && ops.contains(node.op);
}

class Flows {
 public:
  Flows(const Graph& graph, const GraphIndex& index, int node, size_t input, int axis)
      : graph_(graph), index_(index), node_(at(node)), input_(input), axis_(axis) {}

  std::vector<ChannelFlow> find() {
    const ValueId id = node_.input(input_);
    const auto channels = channels_along(graph_, id, axis_);
    if (!channels || node_.outputs.empty() || node_.output(0) == kNoValue) return {};
    channels_ = *channels;
    from_ = *graph_.value(id).dims;
    if (node_.is("Split")) return split();
    const auto& to = graph_.value(node_.output(0)).dims;
    if (!to) return {};
    to_ = *to;
    if (is_elementwise(node_) || node_.is("Pad") || node_.is("Resize")) {
      return input_ == 0 ? same() : std::vector<ChannelFlow>{};
    }
    if (is_channel_pool(node_)) return axis_ == 1 ? same() : std::vector<ChannelFlow>{};
    if (node_.is("ReduceMean")) return mean();
    if (node_.is("Add") || node_.is("Mul") || node_.is("Sub")) return joined_with_other();
    if (node_.is("Concat")) return concatenated();
    if (node_.is("Flatten") || node_.is("Squeeze")) return flattened();
    if (node_.is("Reshape")) {
      const std::vector<ChannelFlow> flat = flattened();
      return flat.empty() ? shuffled() : flat;
    }
    return {};
  }

 private:
  const Node& at(int i) const { return graph_.nodes[static_cast<size_t>(i)]; }
  ChannelFlow to_output(std::vector<int> from) const {
    return {node_.output(0), axis_, std::move(from), {}};
  }

  std::vector<ChannelFlow> same() const {
    if (channels_along(graph_, node_.output(0), axis_) != channels_) return {};
    return {to_output(identity(channels_))};
  }

  std::vector<ChannelFlow> mean() const {
    const Tensor* axes = graph_.constant(node_.input(1));
    if (axes == nullptr) return {};
    for (int64_t axis : to_int64s(*axes, node_.label())) {
      const int rank = static_cast<int>(from_.size());
      if (normalize_axis(axis, rank, node_.label()) <= axis_) return {};
    }
    return same();
  }

  std::vector<ChannelFlow> joined_with_other() const {
    if (node_.inputs.size() != 2) return {};
    const ValueId other = node_.inputs[1 - input_];
    if (graph_.value(other).is_constant()) {
      // A constant as long as the channels along another axis would not change the shape either.
      return to_.size() == from_.size() ? same() : std::vector<ChannelFlow>{};
    }
    const auto& dims = graph_.value(other).dims;
    if (!dims || dims->size() != from_.size() || to_.size() != from_.size()) return {};
    if (channels_along(graph_, other, axis_) != channels_) return {};
    return same();
  }

  std::vector<ChannelFlow> concatenated() const {
    const int rank = static_cast<int>(from_.size());
    if (normalize_axis(node_.int_attribute("axis", 1), rank, node_.label()) != axis_) return same();
    const auto total = channels_along(graph_, node_.output(0), axis_);
    if (!total) return {};
    int64_t offset = 0;
    for (size_t i = 0; i < input_; ++i) {
      const auto before = channels_along(graph_, node_.inputs[i], axis_);
      if (!before) return {};
      offset += *before;
    }
    std::vector<int> from(static_cast<size_t>(*total), -1);
    std::iota(from.begin() + offset, from.begin() + offset + channels_, 0);
    return {to_output(std::move(from))};
  }

  std::vector<ChannelFlow> split() const {
    const int rank = static_cast<int>(from_.size());
    if (normalize_axis(node_.int_attribute("axis", 0), rank, node_.label()) != axis_) return {};
    std::vector<ChannelFlow> flows;
    int64_t offset = 0;
    for (ValueId out : node_.outputs) {
      if (out == kNoValue) return {};
      const auto size = channels_along(graph_, out, axis_);
      if (!size || offset + *size > channels_) return {};
      std::vector<int> from(static_cast<size_t>(*size));
      std::iota(from.begin(), from.end(), static_cast<int>(offset));
      flows.push_back({out, axis_, std::move(from), {}});
      offset += *size;
    }
    return offset == channels_ ? flows : std::vector<ChannelFlow>{};
  }

  /** [n, c, h, w] -> [n, c * h * w], or 1x1 pixels dropped. */
  std::vector<ChannelFlow> flattened() const {
    if (axis_ != 1 || from_.size() < 2 || to_.size() < 2) return {};
    int64_t pixels = 1;
    for (size_t i = 2; i < from_.size(); ++i) {
      if (!from_[i].known()) return {};
      pixels *= from_[i].value;
    }
    if (pixels < 1) return {};
    if (to_[1] == from_[1] && to_[0] == from_[0] && pixels == 1) return same();
    if (to_.size() != 2 || !to_[1].known() || to_[1].value != channels_ * pixels) return {};
    std::vector<int> from;
    for (int64_t c = 0; c < channels_; ++c) {
      from.insert(from.end(), static_cast<size_t>(pixels), static_cast<int>(c));
    }
    return {to_output(std::move(from))};
  }

  /** The only reader of `id` when it is this operator. */
  const Node* next(ValueId id, const char* op) const {
    const Node* reader = index_.only_consumer(id);
    return reader != nullptr && reader->is(op) && reader->input(0) == id ? reader : nullptr;
  }

  /** [n, c, h, w] -> [n, g, c / g, h, w] -> [n, c / g, g, h, w] -> [n, c, h, w] */
  std::vector<ChannelFlow> shuffled() const {
    if (axis_ != 1 || to_.size() != from_.size() + 1 || !to_[1].known() || !to_[2].known())
      return {};
    const int64_t groups = to_[1].value;
    const int64_t each = to_[2].value;
    if (groups * each != channels_) return {};
    for (size_t i = 2; i < from_.size(); ++i) {
      if (!(to_[i + 1] == from_[i])) return {};
    }
    const Node* transpose = next(node_.output(0), "Transpose");
    if (transpose == nullptr) return {};
    std::vector<int64_t> wanted(to_.size());
    std::iota(wanted.begin(), wanted.end(), int64_t{0});
    std::swap(wanted[1], wanted[2]);
    if (transpose->ints_attribute("perm") != wanted) return {};
    const Node* back = next(transpose->output(0), "Reshape");
    if (back == nullptr) return {};
    const auto& last = graph_.value(back->output(0)).dims;
    if (!last || last->size() != from_.size()) return {};
    for (size_t i = 1; i < from_.size(); ++i) {
      if (!((*last)[i] == from_[i])) return {};
    }
    std::vector<int> from(static_cast<size_t>(channels_));
    for (int64_t j = 0; j < each; ++j) {
      for (int64_t g = 0; g < groups; ++g) {
        from[static_cast<size_t>(j * groups + g)] = static_cast<int>(g * each + j);
      }
    }
    return {{back->output(0), axis_, std::move(from), {node_.output(0), transpose->output(0)}}};
  }

  const Graph& graph_;
  const GraphIndex& index_;
  const Node& node_;
  size_t input_;
  int axis_;
  int64_t channels_ = 0;
  Dims from_;
  Dims to_;
};

}  // namespace

std::optional<int64_t> channels_along(const Graph& graph, ValueId id, int axis) {
  if (id == kNoValue) return std::nullopt;
  const auto& dims = graph.value(id).dims;
  if (!dims || axis < 0 || static_cast<size_t>(axis) >= dims->size()) return std::nullopt;
  const Dim& dim = (*dims)[static_cast<size_t>(axis)];
  return dim.known() ? std::optional(dim.value) : std::nullopt;
}

std::vector<ChannelFlow> channel_flows(const Graph& graph, const GraphIndex& index, int node,
                                       size_t input, int axis) {
  const Node& n = graph.nodes[static_cast<size_t>(node)];
  if (!n.domain.empty()) return {};
  return Flows(graph, index, node, input, axis).find();
}

bool is_channel_pool(const Node& node) {
  return node.is("MaxPool") || node.is("AveragePool") || node.is("GlobalAveragePool") ||
         node.is("GlobalMaxPool");
}

}  // namespace whittle
