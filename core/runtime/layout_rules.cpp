#include "core/runtime/layout_rules.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/runtime/lower/patterns.h"
#include "core/runtime/steps/fits.h"

namespace whittle {
namespace {

using Fits = bool (*)(const LoweredOp&, const LoweredGraph&);

bool always(const LoweredOp&, const LoweredGraph&) {
  return true;
}

struct Entry {
  LayoutRule rule;
  Fits fits;
};

/** Operations by name; what is not listed, or does not fit, is plain. */
const std::unordered_map<std::string_view, Entry>& entries() {
  static const std::unordered_map<std::string_view, Entry> list = {
      {"lowered::Conv", {LayoutRule::channels_last, always}},
      {"lowered::ConvTranspose", {LayoutRule::channels_last, always}},
      {"lowered::QConv", {LayoutRule::channels_last, always}},
      {"lowered::QConvTranspose", {LayoutRule::channels_last, always}},
      {"lowered::QAveragePool", {LayoutRule::channels_last, always}},
      {"lowered::QGlobalAveragePool", {LayoutRule::channels_last, always}},
      {"lowered::InstanceNorm", {LayoutRule::channels_last, always}},
      {"lowered::ChannelShuffle", {LayoutRule::channels_last, always}},
      {"MaxPool", {LayoutRule::channels_last, fits_pool}},
      {"AveragePool", {LayoutRule::channels_last, fits_pool}},
      {"GlobalAveragePool", {LayoutRule::channels_last, fits_pool}},
      {"GlobalMaxPool", {LayoutRule::channels_last, fits_pool}},
      {"Resize", {LayoutRule::channels_last, fits_resize}},
      {"lowered::QResize", {LayoutRule::channels_last, fits_resize}},
      {"Softmax", {LayoutRule::channels_last, fits_channel_softmax}},
      {"LogSoftmax", {LayoutRule::channels_last, fits_channel_softmax}},
      {"ArgMax", {LayoutRule::channels_last, fits_channel_argmax}},
      {"ReduceMean", {LayoutRule::follow, fits_spatial_reduce}},
      {"ReduceSum", {LayoutRule::follow, fits_spatial_reduce}},
      {"ReduceMax", {LayoutRule::follow, fits_spatial_reduce}},
      {"ReduceMin", {LayoutRule::follow, fits_spatial_reduce}},
      {"Concat", {LayoutRule::follow, fits_copy}},
      {"Split", {LayoutRule::follow, fits_copy}},
      {"Slice", {LayoutRule::follow, fits_slice}},
      {"Pad", {LayoutRule::follow, fits_pad}},
      {"QuantizeLinear", {LayoutRule::follow, fits_quantize}},
      {"DequantizeLinear", {LayoutRule::follow, fits_quantize}},
      {"lowered::Lookup", {LayoutRule::follow, always}},
      {"lowered::QAdd", {LayoutRule::follow, always}},
      {"lowered::QMul", {LayoutRule::follow, always}},
      {"lowered::ObserveStored", {LayoutRule::follow, always}},
      {"lowered::View", {LayoutRule::view, always}},
      {"lowered::Unary", {LayoutRule::follow, always}},
      {"Reshape", {LayoutRule::view, always}},
      {"Flatten", {LayoutRule::view, always}},
      {"Squeeze", {LayoutRule::view, always}},
      {"Unsqueeze", {LayoutRule::view, always}},
      {"Identity", {LayoutRule::view, always}},
      {"Transpose", {LayoutRule::transpose, fits_copy}},
  };
  return list;
}

}  // namespace

LayoutRule layout_rule(const LoweredOp& op, const LoweredGraph& graph) {
  if (!all_static(op, graph)) return LayoutRule::plain;
  if (unary_of(op, graph) || binary_of(op, graph)) return LayoutRule::follow;
  const std::string key = op.node.domain.empty() ? op.node.op : op.node.domain + "::" + op.node.op;
  const auto found = entries().find(key);
  if (found == entries().end() || !found->second.fits(op, graph)) return LayoutRule::plain;
  return found->second.rule;
}

bool is_data_input(const LoweredOp& op, size_t i) {
  if (i == 0) return true;
  if (op.node.is("Concat") || op.node.is(kLowered, "QAdd") || op.node.is(kLowered, "QMul"))
    return true;
  static constexpr std::string_view kBinary[] = {"Add", "Sub", "Mul", "Div",
                                                 "Pow", "Min", "Max", "PRelu"};
  return op.node.domain.empty() &&
         std::find(std::begin(kBinary), std::end(kBinary), op.node.op) != std::end(kBinary);
}

int data_rank(const LoweredOp& op, const LoweredGraph& graph) {
  int rank = 0;
  for (ValueId id : op.node.outputs) {
    if (id != kNoValue) rank = std::max(rank, graph.value(id).shape.rank());
  }
  return rank;
}

std::vector<int64_t> transpose_permutation(const Node& node, int rank) {
  std::vector<int64_t> reversed;
  for (int axis = rank; axis-- > 0;) reversed.push_back(axis);
  return node.ints_attribute("perm", reversed);
}

}  // namespace whittle
