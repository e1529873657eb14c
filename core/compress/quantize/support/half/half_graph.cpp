#include "core/compress/quantize/support/half/half_graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/compress/quantize/support/half/half.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

constexpr int64_t kFloat32 = static_cast<int64_t>(DType::f32);
constexpr int64_t kFloat16 = static_cast<int64_t>(DType::f16);

/** Inputs that stay float32 whatever the type of the others: the scales of Resize. */
bool input_stays(const Node& node, size_t input) {
  return node.is("Resize") && input == 2;
}

void convert_attributes(Node& node) {
  if (node.is("Cast") && node.int_attribute("to", 0) == kFloat32) node.attributes["to"] = kFloat16;
  const bool makes_random = node.op.starts_with("Random");
  if (makes_random || node.is("EyeLike")) {
    const int64_t dtype = node.int_attribute("dtype", makes_random ? kFloat32 : 0);
    if (dtype == kFloat32) node.attributes["dtype"] = kFloat16;
  }
  if (node.is("ConstantOfShape") && !node.has("value")) {
    node.attributes["value"] = Tensor::zeros(DType::f32, Shape{1});
  }
  for (auto& [key, attribute] : node.attributes) {
    Tensor* tensor = std::get_if<Tensor>(&attribute);
    if (tensor != nullptr && tensor->dtype() == DType::f32) *tensor = to_half(*tensor).values;
  }
}

class Converter {
 public:
  Converter(Graph& graph, NameMaker& names, const std::function<bool(const Node&)>& keep,
            bool is_root)
      : graph_(graph), names_(names), keep_(keep), is_root_(is_root) {}

  void run() {
    find_half_readers();
    mark_float32();
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    if (is_root_) {
      for (ValueId id : graph_.inputs) narrow(id);
    }
    for (Node& node : nodes) convert(node);
    convert_values();
    if (is_root_) {
      widen_outputs();
    } else {
      for (ValueId& output : graph_.outputs) output = narrowed(output);
    }
  }

 private:
  bool stays(const Node& node) const {
    return wants_float32(node) || keep_(node) || handles_containers(node);
  }

  /** Sequences and optionals keep the type of what is inside; bodies are converted like the graph
   * around them. */
  bool handles_containers(const Node& node) const {
    const auto is_one = [&](ValueId id) {
      return id != kNoValue && is_container(graph_.value(id).dtype);
    };
    bool has_body = false;
    for_each_subgraph(node, [&](const Graph&) { has_body = true; });
    if (has_body) return false;
    return std::any_of(node.inputs.begin(), node.inputs.end(), is_one) ||
           std::any_of(node.outputs.begin(), node.outputs.end(), is_one);
  }

  /** Values that somebody reads as float16. */
  void find_half_readers() {
    for (const Node& node : graph_.nodes) {
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!stays(node) && !input_stays(node, i)) read_as_half_.insert(node.inputs[i]);
      }
      for_each_subgraph(node, [&](const Graph& inner) {
        for (const Value& value : inner.values) read_as_half_.insert(value.captured);
      });
    }
    if (!is_root_) read_as_half_.insert(graph_.outputs.begin(), graph_.outputs.end());
  }

  /** The model's inputs, what nodes that stay make, and constants that only such nodes read. */
  void mark_float32() {
    const auto mark = [&](ValueId id) {
      if (id != kNoValue && graph_.value(id).dtype == DType::f32) float32_.insert(id);
    };
    if (is_root_) std::for_each(graph_.inputs.begin(), graph_.inputs.end(), mark);
    for (const Node& node : graph_.nodes) {
      if (stays(node)) std::for_each(node.outputs.begin(), node.outputs.end(), mark);
    }
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const bool is_output = std::count(graph_.outputs.begin(), graph_.outputs.end(), id) > 0;
      if (graph_.values[i].is_constant() && !read_as_half_.contains(id) && !is_output) mark(id);
    }
  }

  ValueId cast(ValueId from, DType to, const char* prefix) {
    Node node;
    node.op = "Cast";
    node.name = names_.fresh("n");
    node.inputs = {from};
    node.attributes["to"] = static_cast<int64_t>(to);
    const ValueId out = graph_.add_value(names_.fresh(prefix), to, graph_.value(from).dims);
    graph_.value(out).origin = graph_.value(from).origin_name();
    node.outputs = {out};
    graph_.nodes.push_back(std::move(node));
    return out;
  }

  /** Makes the float16 form of a value that stays, where somebody reads that. */
  void narrow(ValueId id) {
    if (id == kNoValue || !float32_.contains(id) || !read_as_half_.contains(id)) return;
    narrowed_[id] = cast(id, DType::f16, "h");
  }

  ValueId narrowed(ValueId id) const {
    const auto found = narrowed_.find(id);
    return found == narrowed_.end() ? id : found->second;
  }

  /** `id` as float32 for a reader that wants it so. */
  ValueId widened(ValueId id) {
    if (id == kNoValue || float32_.contains(id)) return id;
    if (graph_.value(id).dtype != DType::f32) return id;
    const auto [place, added] = widened_.try_emplace(id, kNoValue);
    if (added) {
      place->second = cast(id, DType::f32, "w");
      float32_.insert(place->second);
    }
    return place->second;
  }

  void convert(Node& node) {
    const bool whole = stays(node);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId& input = node.inputs[i];
      input = whole || input_stays(node, i) ? widened(input) : narrowed(input);
    }
    for (auto& [id, to] : narrowed_) recapture(node, id, to);
    if (!whole) convert_attributes(node);
    const std::vector<ValueId> outputs = node.outputs;
    graph_.nodes.push_back(std::move(node));
    for (ValueId output : outputs) narrow(output);
  }

  static void recapture(Node& node, ValueId from, ValueId to) {
    for (auto& [key, attribute] : node.attributes) {
      const auto change = [&](std::shared_ptr<const Graph>& slot) {
        const auto captures = [&](const Value& value) { return value.captured == from; };
        if (std::none_of(slot->values.begin(), slot->values.end(), captures)) return;
        auto copy = std::make_shared<Graph>(*slot);
        for (Value& value : copy->values) {
          if (value.captured == from) value.captured = to;
        }
        slot = std::move(copy);
      };
      if (auto* one = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
        change(*one);
      } else if (auto* many = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
        for (auto& each : *many) change(each);
      }
    }
  }

  void convert_values() {
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      Value& value = graph_.values[i];
      if (value.dtype != DType::f32 || float32_.contains(static_cast<ValueId>(i))) continue;
      if (value.is_constant()) value.constant = to_half(value.constant).values;
      value.dtype = DType::f16;
    }
  }

  /** Every float output of the model is float32 again, under its own name. */
  void widen_outputs() {
    for (ValueId& output : graph_.outputs) {
      if (graph_.value(output).dtype != DType::f16) continue;
      const std::string name = graph_.value(output).name;
      graph_.value(output).origin = graph_.value(output).origin_name();
      graph_.value(output).name = names_.fresh("h");
      const std::optional<Dims> dims = graph_.value(output).dims;
      const ValueId wide = graph_.add_value(name, DType::f32, dims);
      Node node;
      node.op = "Cast";
      node.name = names_.fresh("n");
      node.inputs = {output};
      node.outputs = {wide};
      node.attributes["to"] = kFloat32;
      graph_.nodes.push_back(std::move(node));
      output = wide;
    }
  }

  Graph& graph_;
  NameMaker& names_;
  const std::function<bool(const Node&)>& keep_;
  bool is_root_;
  std::set<ValueId> read_as_half_;
  std::set<ValueId> float32_;
  std::map<ValueId, ValueId> narrowed_;  // float16 forms of values that stay
  std::map<ValueId, ValueId> widened_;   // float32 forms of values that do not
};

}  // namespace

bool wants_float32(const Node& node) {
  static const std::set<std::string> ops = {"Range",           "NonMaxSuppression",
                                            "RoiAlign",        "Multinomial",
                                            "CumSum",          "CumProd",
                                            "BitCast",         "HannWindow",
                                            "HammingWindow",   "BlackmanWindow",
                                            "MelWeightMatrix", "DequantizeLinear",
                                            "QuantizeLinear",  "DynamicQuantizeLinear"};
  return !node.domain.empty() || ops.contains(node.op);
}

void convert_to_half(Graph& root, NameMaker& names, const std::function<bool(const Node&)>& keep) {
  edit_graphs(root, [&](Graph& graph, const Graph* before) {
    Converter(graph, names, keep, before == &root).run();
  });
}

}  // namespace whittle
