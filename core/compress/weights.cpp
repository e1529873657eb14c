#include "core/compress/weights.h"

namespace whittle {

const std::vector<std::string>& weight_ops() {
  static const std::vector<std::string> ops = {"Conv", "ConvTranspose", "Gemm", "MatMul",
                                               "LSTM", "GRU",           "RNN",  "Gather"};
  return ops;
}

std::vector<size_t> weight_inputs(const Node& node) {
  if (node.is("Conv") || node.is("ConvTranspose") || node.is("Gemm")) return {1};
  if (node.is("MatMul")) return {1, 0};
  if (node.is("LSTM") || node.is("GRU") || node.is("RNN")) return {1, 2};
  if (node.is("Gather")) return {0};
  return {};
}

bool is_always_a_layer(const Node& node) {
  return !node.is("Gather") && !node.is("Add") && !node.is("Mul") && !node.is("PRelu");
}

std::optional<int> channel_axis(const Node& node, size_t input, const Shape& shape) {
  const int rank = shape.rank();
  if (rank < 2) return std::nullopt;
  if (node.is("Conv")) return 0;
  if (node.is("ConvTranspose")) return 1;
  if (node.is("Gemm")) return node.int_attribute("transB", 0) != 0 ? 0 : 1;
  if (node.is("MatMul")) return input == 1 ? rank - 1 : rank - 2;
  if (node.is("Gather")) {
    // One float per row of n bytes: under 16 it would cost a quarter and more of what it describes.
    constexpr int64_t kShortRow = 16;
    return shape.elements(1, rank) >= kShortRow ? 0 : rank - 1;
  }
  // Recurrent: [directions, gates * hidden, inputs], or without directions before an Unsqueeze.
  return rank - 2;
}

std::optional<WeightAxes> weight_axes(const Node& node, size_t input, const Shape& shape) {
  const std::optional<int> channel = channel_axis(node, input, shape);
  if (!channel) return std::nullopt;
  const int rank = shape.rank();
  if (node.is("Conv")) return WeightAxes{*channel, 1};
  if (node.is("ConvTranspose")) return WeightAxes{*channel, 0};
  if (node.is("Gather")) return WeightAxes{*channel, *channel == 0 ? 1 : 0};
  return WeightAxes{*channel, *channel == rank - 1 ? rank - 2 : rank - 1};
}

}  // namespace whittle
