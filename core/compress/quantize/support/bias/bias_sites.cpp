#include "core/compress/quantize/support/bias/bias_sites.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace whittle {
namespace {

bool is_layer(const Node& node) {
  return node.is("Conv") || node.is("Gemm") || node.is("MatMul");
}

/** A float constant with one value for each of `channels`, or with one for all of them. */
bool is_row(const Tensor* tensor, int64_t channels) {
  if (tensor == nullptr || tensor->dtype() != DType::f32) return false;
  return tensor->elements() == 1 ||
         (tensor->elements() == channels && tensor->shape().back() == channels);
}

class Finder {
 public:
  Finder(const Graph& graph, const Graph& reference)
      : graph_(graph), reference_(reference), index_(graph), reference_index_(reference) {
    for (const Node& node : reference.nodes) by_name_[node.name] = &node;
  }

  /** Fills `site` for a node of the quantized graph; returns why it cannot be corrected, or "". */
  std::string find(const Node& node, BiasSite& site) const {
    const auto found = by_name_.find(node.name);
    if (found == by_name_.end() || !is_layer(*found->second)) return "it has no float counterpart";
    const Node& original = *found->second;
    const Tensor* weight = reference_.constant(original.input(1));
    if (weight == nullptr) return "its weight is not a constant";
    const int rank = weight->shape().rank();
    if (rank < 2) return "its weight is not a matrix";
    const bool transposed = original.is("Gemm") && original.int_attribute("transB", 0) != 0;
    site.name = node.name;
    site.channels = weight->shape()[original.is("Conv") || transposed ? 0 : rank - 1];
    site.axis = original.is("Conv") ? 1 : -1;
    site.output = node.output(0);
    site.reference = original.output(0);
    if (node.is("Gemm") && original.is("MatMul")) {
      // The addition behind it has become its bias.
      const Node* add = reference_index_.only_consumer(original.output(0));
      if (add == nullptr || !add->is("Add")) return "it has no float counterpart";
      site.reference = add->output(0);
    }
    return place(node, site);
  }

  /** Whether a node of the quantized graph is a layer with integer weights. */
  bool is_quantized_layer(const Node& node) const {
    if (is_layer(node)) {
      const Node* weight = node.input(1) == kNoValue ? nullptr : index_.producer(node.input(1));
      return weight != nullptr && weight->is("DequantizeLinear");
    }
    // The last node of a dynamic product carries the layer's name.
    const auto found = by_name_.find(node.name);
    return (node.is("Add") || node.is("Mul")) && found != by_name_.end() &&
           is_layer(*found->second);
  }

 private:
  std::string place(const Node& node, BiasSite& site) const {
    if (node.is("Add")) return place_in_addition(node, site);
    if (node.is("Conv") || node.is("Gemm")) {
      site.slot = 2;
      if (node.input(2) == kNoValue) return place_new(node, site);
      const Node* maker = index_.producer(node.input(2));
      if (maker != nullptr && maker->is("DequantizeLinear")) return place_in_integers(*maker, site);
      const Tensor* bias = graph_.constant(node.input(2));
      if (!is_row(bias, site.channels)) return "its bias is not one constant per channel";
      site.holder = node.name;
      fill(site, to_floats(*bias, node.label()));
      return "";
    }
    // A product and the addition behind it, with a pair of quantization between them or not.
    const Node* next = index_.only_consumer(node.output(0));
    for (const std::string op : {"QuantizeLinear", "DequantizeLinear"}) {
      if (next != nullptr && next->is(op)) next = index_.only_consumer(next->output(0));
    }
    if (next == nullptr || !next->is("Add")) return "it has no bias";
    return place_in_addition(*next, site);
  }

  std::string place_in_addition(const Node& add, BiasSite& site) const {
    for (size_t input = 0; input < add.inputs.size(); ++input) {
      const Tensor* bias = graph_.constant(add.inputs[input]);
      if (bias == nullptr || bias->dtype() != DType::f32 || bias->elements() != site.channels) {
        continue;
      }
      site.holder = add.name;
      site.slot = input;
      fill(site, to_floats(*bias, add.label()));
      return "";
    }
    return "it has no bias";
  }

  std::string place_in_integers(const Node& maker, BiasSite& site) const {
    const Tensor* values = graph_.constant(maker.input(0));
    const Tensor* scales = graph_.constant(maker.input(1));
    if (values == nullptr || scales == nullptr || values->dtype() != DType::i32 ||
        values->elements() != site.channels || maker.input(2) != kNoValue) {
      return "its bias is not int32 with a scale";
    }
    site.holder = maker.name;
    site.slot = 0;
    for (int32_t value : values->data<int32_t>()) site.base.push_back(value);
    set_unit(site, to_floats(*scales, maker.label()), 1);
    return "";
  }

  /** A layer without a bias: integer where its input is, else float. */
  std::string place_new(const Node& node, BiasSite& site) const {
    site.holder = node.name;
    site.base.assign(static_cast<size_t>(site.channels), 0.0);
    const Node* input = index_.producer(node.input(0));
    if (input == nullptr || !input->is("DequantizeLinear")) return "";
    const Node* weight = index_.producer(node.input(1));
    const Tensor* x = graph_.constant(input->input(1));
    const Tensor* w = graph_.constant(weight->input(1));
    const bool fits = x != nullptr && w != nullptr && x->elements() == 1 &&
                      (w->elements() == 1 || w->elements() == site.channels);
    if (!fits) return "it has no bias";
    set_unit(site, to_floats(*w, node.label()), to_floats(*x, node.label())[0]);
    return "";
  }

  static void set_unit(BiasSite& site, const std::vector<float>& scales, float factor) {
    for (int64_t c = 0; c < site.channels; ++c) {
      site.unit.push_back(factor * scales[scales.size() > 1 ? static_cast<size_t>(c) : 0]);
    }
  }

  static void fill(BiasSite& site, const std::vector<float>& bias) {
    for (int64_t c = 0; c < site.channels; ++c) {
      site.base.push_back(bias[bias.size() > 1 ? static_cast<size_t>(c) : 0]);
    }
  }

  const Graph& graph_;
  const Graph& reference_;
  GraphIndex index_;
  GraphIndex reference_index_;
  std::map<std::string, const Node*> by_name_;
};

Node* node_of(Graph& graph, const std::string& name) {
  for (Node& node : graph.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

}  // namespace

std::vector<BiasSite> find_bias_sites(TechniqueContext& context, const Graph& graph,
                                      const Graph& reference, const std::set<std::string>& chosen) {
  const Finder finder(graph, reference);
  std::vector<BiasSite> sites;
  for (const Node& node : graph.nodes) {
    if (!finder.is_quantized_layer(node)) continue;
    BiasSite site;
    std::string reason = chosen.contains(node.name) ? finder.find(node, site) : "not selected";
    if (reason.empty()) {
      sites.push_back(std::move(site));
    } else {
      context.report.leave(node, std::move(reason));
    }
  }
  return sites;
}

void write_bias(Graph& graph, NameMaker& names, BiasSite& site, const Correction& correction) {
  const auto channels = static_cast<size_t>(site.channels);
  Node* holder = node_of(graph, site.holder);
  const ValueId old = holder->input(site.slot);
  if (!site.integer()) {
    Tensor bias = Tensor::allocate(DType::f32, {site.channels});
    // An Add keeps the shape that its constant broadcasts with.
    if (old != kNoValue && graph.value(old).constant.elements() == site.channels) {
      bias = Tensor::allocate(DType::f32, graph.value(old).constant.shape());
    }
    for (size_t c = 0; c < channels; ++c) {
      bias.mutable_data<float>()[c] = static_cast<float>(site.base[c] + correction[c]);
    }
    const ValueId made = graph.add_constant(names.fresh("b"), bias);
    holder->inputs.resize(std::max(holder->inputs.size(), site.slot + 1), kNoValue);
    holder->inputs[site.slot] = made;
    return;
  }
  Tensor bias = Tensor::allocate(DType::i32, {site.channels});
  for (size_t c = 0; c < channels; ++c) {
    const double sum = std::clamp(site.base[c] + correction[c], -2147483648.0, 2147483647.0);
    bias.mutable_data<int32_t>()[c] = static_cast<int32_t>(sum);
  }
  const ValueId made = graph.add_constant(names.fresh("b"), bias);
  if (site.slot == 0) {
    holder->inputs[0] = made;
    return;
  }
  Node scale;
  scale.op = "DequantizeLinear";
  scale.name = names.fresh("n");
  scale.attributes["axis"] = int64_t{0};
  const Tensor units = Tensor::of<float>({site.channels}, std::span<const float>(site.unit));
  scale.inputs = {made, graph.add_constant(names.fresh("s"), units)};
  const ValueId real = graph.add_value(names.fresh("v"), DType::f32, to_dims(units.shape()));
  scale.outputs = {real};
  holder->inputs.resize(3, kNoValue);
  holder->inputs[2] = real;
  site.holder = scale.name;
  site.slot = 0;
  graph.nodes.insert(graph.nodes.begin(), std::move(scale));
}

}  // namespace whittle
