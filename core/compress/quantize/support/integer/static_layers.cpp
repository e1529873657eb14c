#include "core/compress/quantize/support/integer/static_layers.h"

#include <algorithm>
#include <set>

#include "core/compress/weights.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Why a layer cannot have integer arithmetic, or "". */
std::string obstacle_of(const Graph& graph, const Node& node) {
  const Tensor* weight = graph.constant(node.input(1));
  if (weight == nullptr) return "its weight is not a constant";
  if (weight->dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(weight->dtype()), ", not float32");
  }
  if (weight->elements() == 0) return "its weight is empty";
  const int rank = weight->shape().rank();
  const bool conv = node.is("Conv") || node.is("ConvTranspose");
  if (conv ? rank < 3 : rank != 2) return "its weight is not a matrix";
  const Value& input = graph.value(node.input(0));
  if (input.is_constant()) return "its input is a constant";
  if (input.dtype != DType::f32) return "its input is not known to be float32";
  if (node.is("Gemm") && node.int_attribute("transA", 0) != 0) return "its input is transposed";
  if (node.is("Gemm") &&
      (node.float_attribute("alpha", 1) != 1 || node.float_attribute("beta", 1) != 1)) {
    return "its bias is not a constant";
  }
  const ValueId bias = node.input(2);
  if (bias == kNoValue || node.is("MatMul")) return "";
  const Tensor* constant = graph.constant(bias);
  if (constant == nullptr) return "its bias is not a constant";
  const int64_t groups = node.is("ConvTranspose") ? node.int_attribute("group", 1) : 1;
  const int64_t channels = weight->shape()[*channel_axis(node, 1, weight->shape())] * groups;
  const bool row = constant->elements() == 1 ||
                   (constant->elements() == channels && constant->shape().back() == channels);
  return row ? "" : "its bias is not one value per channel";
}

/** The layers next to a model's inputs and outputs: no other layer lies between. */
class Ends {
 public:
  explicit Ends(const Graph& graph) : graph_(graph), index_(graph) {
    find_first();
    find_last();
  }
  bool is_first(int node) const { return first_.contains(node); }
  bool is_last(int node) const { return last_.contains(node); }

 private:
  bool is_layer(const Node& node) const {
    const auto& ops = static_ops();
    return node.domain.empty() && std::find(ops.begin(), ops.end(), node.op) != ops.end() &&
           graph_.constant(node.input(1)) != nullptr;
  }

  void find_first() {
    std::set<ValueId> reached(graph_.inputs.begin(), graph_.inputs.end());
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const bool reads = std::any_of(node.inputs.begin(), node.inputs.end(),
                                     [&](ValueId id) { return reached.contains(id); });
      if (!reads) continue;
      if (is_layer(node)) {
        first_.insert(static_cast<int>(i));
      } else {
        reached.insert(node.outputs.begin(), node.outputs.end());
      }
    }
  }

  void find_last() {
    std::set<int> reaches;  // nodes from which an output is reached, layers on the way excepted
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      if (node.is("Shape") || node.is("Size")) continue;  // no value gets through
      const bool leaves = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId out) {
        if (out == kNoValue) return false;
        const auto& readers = index_.consumers(out);
        return index_.is_output(out) || std::any_of(readers.begin(), readers.end(), [&](int r) {
                 return reaches.contains(r) && !is_layer(graph_.nodes[static_cast<size_t>(r)]);
               });
      });
      if (!leaves) continue;
      reaches.insert(static_cast<int>(i));
      if (is_layer(node)) last_.insert(static_cast<int>(i));
    }
  }

  const Graph& graph_;
  GraphIndex index_;
  std::set<int> first_;
  std::set<int> last_;
};

}  // namespace

const std::vector<std::string>& static_ops() {
  static const std::vector<std::string> ops = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
  return ops;
}

bool has_integer_arithmetic(const Options& layer) {
  return layer.text("arithmetic") == "integer";
}

StaticLayers choose_static_layers(TechniqueContext& context) {
  const Graph& graph = context.model.graph;
  std::vector<const Layer*> candidates;
  std::map<ValueId, int> channel_axes;  // by weight
  const std::vector<Layer> layers = context.layers(static_ops());
  for (const Layer& layer : layers) {
    std::string reason;
    if (layer.in_subgraph) {
      reason = "it lies inside a subgraph";
    } else if (!layer.selected) {
      reason = "not selected";
    } else {
      reason = obstacle_of(graph, *layer.node);
    }
    if (reason.empty()) {
      const ValueId weight = layer.node->input(1);
      const int axis = *channel_axis(*layer.node, 1, graph.value(weight).constant.shape());
      if (channel_axes.try_emplace(weight, axis).first->second != axis) {
        reason = "another layer reads its weight the other way round";
      }
    }
    if (reason.empty()) {
      candidates.push_back(&layer);
    } else {
      context.report.leave(*layer.node, std::move(reason));
    }
  }
  const bool float_ends = context.options.text("firstLast") == "float";
  const bool float_heads = context.options.text("heads") == "float";
  const Ends ends(graph);
  StaticLayers chosen;
  for (const Layer* layer : candidates) {
    const auto index = static_cast<int>(layer->node - graph.nodes.data());
    if (float_ends && (ends.is_first(index) || ends.is_last(index))) {
      context.report.leave(*layer->node, "first or last layer kept in float");
      continue;
    }
    const bool head = float_heads && ends.is_last(index);
    chosen.emplace(index,
                   head ? layer->options.with({{"arithmetic", "float"}}, "heads") : layer->options);
  }
  return chosen;
}

}  // namespace whittle
