#include "core/compress/quantize/support/half.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/base/half.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

constexpr float kLargestHalf = 65504.0f;
constexpr int64_t kFloat32 = static_cast<int64_t>(DType::f32);
constexpr int64_t kFloat16 = static_cast<int64_t>(DType::f16);

/** Whether the definition of an operator has no float16 form, or one nobody implements. */
bool wants_float32(const Node& node) {
  static const std::set<std::string> ops = {
      "Range",  "NonMaxSuppression", "RoiAlign",       "Multinomial",
      "CumSum", "DequantizeLinear",  "QuantizeLinear", "DynamicQuantizeLinear"};
  return !node.domain.empty() || ops.contains(node.op);
}

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
            HalfGraphResult& result)
      : graph_(graph), names_(names), keep_(keep), result_(result) {}

  void run(bool is_root) {
    if (is_root) {
      for (ValueId id : graph_.inputs) {
        if (graph_.value(id).dtype == DType::f32) border_.insert(id);
      }
    }
    mark_float32_constants();
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    if (is_root) {
      for (ValueId id : graph_.inputs) {
        if (border_.contains(id)) narrowed_[id] = cast(id, DType::f16, "h");
      }
    }
    for (Node& node : nodes) convert(node);
    convert_values();
    if (is_root) widen_outputs();
  }

 private:
  /** Constants whose every reader takes them as float32 are left as they are. */
  void mark_float32_constants() {
    std::set<ValueId> half;
    for (const Node& node : graph_.nodes) {
      const bool whole = wants_float32(node) || keep_(node);
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!whole && !input_stays(node, i)) half.insert(node.inputs[i]);
      }
      for_each_subgraph(node, [&](const Graph& inner) {
        for (const Value& value : inner.values) half.insert(value.captured);
      });
    }
    for (ValueId id : graph_.outputs) half.insert(id);
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const Value& value = graph_.values[i];
      if (value.is_constant() && value.dtype == DType::f32 && !half.contains(id)) {
        float32_.insert(id);
      }
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
    made_.insert(out);
    return out;
  }

  /** `id` as float32 for a reader that wants it so. */
  ValueId widened(ValueId id) {
    if (id == kNoValue || float32_.contains(id) || border_.contains(id)) return id;
    if (graph_.value(id).dtype != DType::f32) return id;
    const auto [place, added] = widened_.try_emplace(id, kNoValue);
    if (added) place->second = cast(id, DType::f32, "w");
    return place->second;
  }

  ValueId narrowed(ValueId id) {
    const auto found = narrowed_.find(id);
    return found == narrowed_.end() ? id : found->second;
  }

  void convert(Node& node) {
    const bool whole = wants_float32(node) || keep_(node);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId& input = node.inputs[i];
      input = whole || input_stays(node, i) ? widened(input) : narrowed(input);
    }
    for (auto& [id, to] : narrowed_) recapture(node, id, to);
    if (!whole) {
      convert_attributes(node);
      graph_.nodes.push_back(std::move(node));
      return;
    }
    // The node makes float32 into a value of its own; its old output is that, narrowed.
    std::vector<std::pair<ValueId, ValueId>> outputs;
    for (ValueId& output : node.outputs) {
      if (output == kNoValue || graph_.value(output).dtype != DType::f32) continue;
      const ValueId wide =
          graph_.add_value(names_.fresh("w"), DType::f32, graph_.value(output).dims);
      made_.insert(wide);
      outputs.emplace_back(wide, output);
      output = wide;
    }
    graph_.nodes.push_back(std::move(node));
    for (const auto& [wide, narrow] : outputs) {
      Node back;
      back.op = "Cast";
      back.name = names_.fresh("n");
      back.inputs = {wide};
      back.outputs = {narrow};
      back.attributes["to"] = kFloat16;
      graph_.nodes.push_back(std::move(back));
    }
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
      const auto id = static_cast<ValueId>(i);
      Value& value = graph_.values[i];
      if (value.dtype != DType::f32 || float32_.contains(id) || border_.contains(id)) continue;
      if (made_.contains(id)) continue;
      if (value.is_constant()) {
        HalfTensor half = to_half(value.constant);
        result_.overflows += half.overflows;
        result_.underflows += half.underflows;
        value.constant = std::move(half.values);
      }
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
  HalfGraphResult& result_;
  std::set<ValueId> border_;   // float32 inputs of the model
  std::set<ValueId> float32_;  // constants that stay
  std::set<ValueId> made_;     // values made here, already of the right type
  std::map<ValueId, ValueId> narrowed_;
  std::map<ValueId, ValueId> widened_;
};

}  // namespace

double HalfTensor::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return 300;
  return 10 * std::log10(signal / noise);
}

HalfTensor to_half(const Tensor& tensor) {
  HalfTensor half;
  half.values = Tensor::allocate(DType::f16, tensor.shape());
  const std::span<const float> from = tensor.data<float>();
  auto* to = reinterpret_cast<uint16_t*>(half.values.mutable_raw());
  for (size_t i = 0; i < from.size(); ++i) {
    float value = from[i];
    if (std::isfinite(value) && std::fabs(value) > kLargestHalf) {
      // float_to_half rounds what lies within half a step of the largest value down to it.
      if (!std::isfinite(half_to_float(float_to_half(value)))) ++half.overflows;
      value = std::copysign(kLargestHalf, value);
    }
    to[i] = float_to_half(value);
    const float back = half_to_float(to[i]);
    if (value != 0 && back == 0) ++half.underflows;
    if (!std::isfinite(from[i])) continue;
    const double error = static_cast<double>(back) - from[i];
    half.signal += static_cast<double>(from[i]) * from[i];
    half.noise += error * error;
  }
  return half;
}

HalfGraphResult convert_to_half(Graph& root, NameMaker& names,
                                const std::function<bool(const Node&)>& keep) {
  HalfGraphResult result;
  edit_graphs(root, [&](Graph& graph, const Graph* before) {
    Converter(graph, names, keep, result).run(before == &root);
  });
  return result;
}

}  // namespace whittle
