#include "core/compress/quantize/support/equalization/channel_layer.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace whittle {
namespace {

bool transposed(const Node& node) {
  return node.int_attribute("transB", 0) != 0;
}

std::string weight_obstacle(const Graph& graph, const GraphIndex& index, const Node& node) {
  const ValueId id = node.input(1);
  const Tensor* weight = graph.constant(id);
  if (weight == nullptr) return "its weight is not a constant";
  if (weight->dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(weight->dtype()), ", not float32");
  }
  if (weight->elements() == 0) return "its weight is empty";
  if (index.consumers(id).size() != 1 || index.is_output(id)) return "its weight is shared";
  const int rank = weight->shape().rank();
  if (node.is("Conv") ? rank < 3 : rank != 2) return "its weight is not a matrix";
  if (node.is("Conv") && weight->shape()[0] % node.int_attribute("group", 1) != 0) {
    return "its groups do not divide its channels";
  }
  for (float w : weight->data<float>()) {
    if (!std::isfinite(w)) return "its weight is not finite";
  }
  return "";
}

std::string bias_obstacle(const Graph& graph, const Node& node) {
  const ValueId id = node.input(2);
  if (node.is("MatMul") || id == kNoValue) return "";
  const Tensor* bias = graph.constant(id);
  if (bias == nullptr || bias->dtype() != DType::f32) return "its bias is not a constant";
  const Shape& shape = graph.constant(node.input(1))->shape();
  const int64_t channels = shape[node.is("Conv") || transposed(node) ? 0 : 1];
  const bool row =
      bias->elements() == 1 || (bias->elements() == channels && bias->shape().back() == channels);
  return row ? "" : "its bias is not one value per channel";
}

}  // namespace

std::string ChannelLayer::obstacle(const Graph& graph, const GraphIndex& index, const Node& node) {
  std::string reason = weight_obstacle(graph, index, node);
  if (reason.empty()) reason = bias_obstacle(graph, node);
  if (!reason.empty()) return reason;
  if (!node.is("Gemm")) return "";
  if (node.int_attribute("transA", 0) != 0) return "its input is transposed";
  const bool plain = node.float_attribute("alpha", 1) == 1 && node.float_attribute("beta", 1) == 1;
  return plain ? "" : "it has factors of its own";
}

ChannelLayer::ChannelLayer(const Graph& graph, const Node& node) {
  const Shape& shape = graph.constant(node.input(1))->shape();
  inputs_first_ = node.is("MatMul") || (node.is("Gemm") && !transposed(node));
  outputs_ = shape[inputs_first_ ? 1 : 0];
  row_ = shape[inputs_first_ ? 0 : 1];
  if (node.is("Conv")) {
    groups_ = node.int_attribute("group", 1);
    taps_ = shape.elements(2, shape.rank());
  }
}

size_t ChannelLayer::begin_of(int64_t o, int64_t j) const {
  return static_cast<size_t>(inputs_first_ ? j * outputs_ + o : (o * row_ + j) * taps_);
}

std::vector<float> ChannelLayer::largest(const Tensor& weight) const {
  const std::span<const float> w = weight.data<float>();
  std::vector<float> result(static_cast<size_t>(outputs_ * row_), 0.0f);
  size_t at = 0;
  for (int64_t o = 0; o < outputs_; ++o) {
    for (int64_t j = 0; j < row_; ++j, ++at) {
      const auto block = w.subspan(begin_of(o, j), static_cast<size_t>(taps_));
      for (float value : block) result[at] = std::max(result[at], std::fabs(value));
    }
  }
  return result;
}

std::vector<float> ChannelLayer::squares(const Tensor& weight) const {
  const std::span<const float> w = weight.data<float>();
  std::vector<float> result(static_cast<size_t>(outputs_ * row_), 0.0f);
  size_t at = 0;
  for (int64_t o = 0; o < outputs_; ++o) {
    for (int64_t j = 0; j < row_; ++j, ++at) {
      const auto block = w.subspan(begin_of(o, j), static_cast<size_t>(taps_));
      for (float value : block) result[at] += value * value;
    }
  }
  return result;
}

void ChannelLayer::for_each_sum(const Tensor& weight,
                                const std::function<void(int64_t, int64_t, double)>& visit) const {
  const std::span<const float> w = weight.data<float>();
  for (int64_t o = 0; o < outputs_; ++o) {
    for (int64_t j = 0; j < row_; ++j) {
      double sum = 0;
      for (float value : w.subspan(begin_of(o, j), static_cast<size_t>(taps_))) sum += value;
      visit(o, j, sum);
    }
  }
}

Tensor ChannelLayer::scaled(const Tensor& weight, std::span<const double> out,
                            std::span<const double> in) const {
  Tensor result = weight.clone();
  const std::span<float> w = result.mutable_data<float>();
  for (int64_t o = 0; o < outputs_; ++o) {
    const double to = out.empty() ? 1.0 : out[static_cast<size_t>(o)];
    for (int64_t j = 0; j < row_; ++j) {
      const double from = in.empty() ? 1.0 : in[static_cast<size_t>(input_of(o, j))];
      for (float& value : w.subspan(begin_of(o, j), static_cast<size_t>(taps_))) {
        value = static_cast<float>(value * to / from);
      }
    }
  }
  return result;
}

std::vector<float> bias_of(const Graph& graph, const Node& node, int64_t channels) {
  std::vector<float> bias(static_cast<size_t>(channels), 0.0f);
  const Tensor* given = node.is("MatMul") ? nullptr : graph.constant(node.input(2));
  if (given == nullptr) return bias;
  const std::span<const float> values = given->data<float>();
  for (size_t c = 0; c < bias.size(); ++c) bias[c] = values[values.size() > 1 ? c : 0];
  return bias;
}

void set_bias(Graph& graph, NameMaker& names, Node& node, std::span<const float> bias) {
  node.inputs.resize(3, kNoValue);
  const Tensor tensor = Tensor::of<float>({static_cast<int64_t>(bias.size())}, bias);
  const ValueId old = node.inputs[2];
  const std::string origin = old == kNoValue ? "" : graph.value(old).origin_name();
  node.inputs[2] = graph.add_constant(names.fresh("b"), tensor);
  graph.value(node.inputs[2]).origin = origin;
}

}  // namespace whittle
