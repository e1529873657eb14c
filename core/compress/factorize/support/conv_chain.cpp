#include "core/compress/factorize/support/conv_chain.h"

#include <algorithm>
#include <numeric>

namespace whittle {
namespace {

using Integers = std::vector<int64_t>;

/** Stride, dilation and padding of `reader` along the axes of a link, and nothing along others. */
Attributes link_attributes(const Node& reader, const ConvLink& link, const Shape& weight) {
  const size_t rank = link.axes.size();
  Attributes attributes;
  Integers kernel;
  for (size_t axis = 0; axis < rank; ++axis) kernel.push_back(weight[static_cast<int>(axis) + 2]);
  attributes["kernel_shape"] = kernel;
  if (link.groups != 1) attributes["group"] = link.groups;
  if (std::none_of(link.axes.begin(), link.axes.end(), [](bool used) { return used; })) {
    return attributes;
  }
  const auto masked = [&](const char* name, int64_t nothing, size_t count) {
    if (!reader.has(name)) return;
    Integers values = reader.ints_attribute(name, Integers(count, nothing));
    for (size_t i = 0; i < values.size(); ++i) {
      if (!link.axes[i % rank]) values[i] = nothing;
    }
    const bool idle =
        std::all_of(values.begin(), values.end(), [&](int64_t value) { return value == nothing; });
    if (!idle) attributes[name] = values;
  };
  masked("strides", 1, rank);
  masked("dilations", 1, rank);
  masked("pads", 0, 2 * rank);
  // SAME and VALID add nothing along an axis of one tap without a stride.
  if (reader.has("auto_pad")) attributes["auto_pad"] = reader.attributes.find("auto_pad")->second;
  return attributes;
}

}  // namespace

int ConvKernel::taps() const {
  return std::accumulate(window.begin(), window.end(), 1, std::multiplies<>());
}

std::string why_no_conv_kernel(const Node& node, const Tensor& weight) {
  if (!node.is("Conv") || weight.shape().rank() < 3) return "its weight is not a kernel";
  const int64_t groups = node.int_attribute("group", 1);
  if (groups < 1 || weight.shape()[0] % groups != 0) return "its groups do not divide its channels";
  if (groups > 1 && (weight.shape()[1] == 1 || weight.shape()[0] == groups)) {
    return "it is depthwise";
  }
  return "";
}

ConvKernel conv_kernel(const Node& node, const Tensor& weight) {
  ConvKernel kernel;
  kernel.groups = static_cast<int>(node.int_attribute("group", 1));
  kernel.outputs = static_cast<int>(weight.shape()[0]) / kernel.groups;
  kernel.inputs = static_cast<int>(weight.shape()[1]);
  for (int axis = 2; axis < weight.shape().rank(); ++axis) {
    kernel.window.push_back(static_cast<int>(weight.shape()[axis]));
  }
  kernel.values = weight.data<float>();
  return kernel;
}

std::vector<Node> conv_chain(Graph& graph, NameMaker& names, const Node& reader,
                             const std::vector<ConvLink>& links,
                             const std::vector<ValueId>& weights, const std::string& technique) {
  std::vector<Node> nodes;
  ValueId x = reader.input(0);
  for (size_t i = 0; i < links.size(); ++i) {
    const bool last = i + 1 == links.size();
    Node node;
    node.op = "Conv";
    node.inputs = {x, weights[i]};
    node.attributes = link_attributes(reader, links[i], graph.value(weights[i]).constant.shape());
    if (last) {
      node.name = reader.name;
      node.outputs = reader.outputs;
      if (reader.input(2) != kNoValue) node.inputs.push_back(reader.input(2));
    } else {
      node.name = names.fresh(concat(reader.name, '_', technique));
      x = graph.add_value(names.fresh("v"), DType::f32);
      node.outputs = {x};
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

void expand_to_chain(Factorization& result, std::vector<ConvLink> links, std::string technique) {
  result.expand = [links = std::move(links), technique = std::move(technique)](
                      Graph& graph, NameMaker& names, const Node& reader,
                      const std::vector<ValueId>& factors) {
    return conv_chain(graph, names, reader, links, factors, technique);
  };
}

Tensor stack_groups(const std::vector<std::vector<float>>& blocks, int64_t outputs, int64_t inputs,
                    const std::vector<int>& window) {
  Shape shape{static_cast<int64_t>(blocks.size()) * outputs, inputs};
  for (int taps : window) shape.push_back(taps);
  Tensor stacked = Tensor::allocate(DType::f32, shape);
  auto to = stacked.mutable_data<float>().begin();
  for (const std::vector<float>& block : blocks) to = std::copy(block.begin(), block.end(), to);
  return stacked;
}

}  // namespace whittle
