#include "core/compress/quantize/support/integer/placement.h"

#include <algorithm>

#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Activations that stay accurate between two 8-bit tensors and that runtimes can do by table. */
bool is_activation(const Node& node) {
  static const std::set<std::string> ops = {
      "Relu",        "Clip",      "LeakyRelu", "Sigmoid",
      "HardSigmoid", "HardSwish", "Tanh",      "Elu",
      "Selu",        "Celu",      "Gelu",      "Mish",
      "PRelu",       "Softplus",  "Softsign",  "ThresholdedRelu",
      "Swish"};
  return node.domain.empty() && ops.contains(node.op);
}

bool is_average(const Node& node) {
  return node.is("AveragePool") || node.is("GlobalAveragePool") || node.is("ReduceMean");
}

/** Constant padding other than zero has no exact 8-bit form. */
bool pads_with_zero(const Graph& graph, const Node& n) {
  if (n.string_attribute("mode", "constant") != "constant" || n.input(2) == kNoValue) return true;
  const Tensor* value = graph.constant(n.input(2));
  return value != nullptr && value->elements() == 1 && to_floats(*value, n.name)[0] == 0;
}

class Placer {
 public:
  Placer(const Graph& graph, const OpTable& ops, const std::set<int>& compute, LastSum last_sum)
      : graph_(graph), ops_(ops), index_(graph), compute_(compute), last_sum_(last_sum) {}

  Placement place() {
    const size_t count = graph_.nodes.size();
    placement_.roles.assign(count, QRole::none);
    placement_.activation.assign(count, -1);
    possible_.resize(count);
    for (size_t i = 0; i < count; ++i) possible_[i] = possible_role(static_cast<int>(i));
    find_leading_nodes();
    for (size_t i = 0; i < count; ++i) decide(static_cast<int>(i));
    collect_values();
    return std::move(placement_);
  }

 private:
  const Node& node(int i) const { return graph_.nodes[static_cast<size_t>(i)]; }

  bool is_float_activation(ValueId id) const {
    if (id == kNoValue || graph_.value(id).is_constant()) return false;
    const DType dtype = graph_.value(id).dtype;
    return dtype == DType::f32;
  }

  /** Indices of the inputs that carry float values made at run time. */
  std::vector<size_t> activations_of(const Node& n) const {
    std::vector<size_t> list;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      if (is_float_activation(n.inputs[i])) list.push_back(i);
    }
    return list;
  }

  bool is_scalar_constant(ValueId id) const {
    const Tensor* tensor = graph_.constant(id);
    return tensor != nullptr && tensor->dtype() == DType::f32 && tensor->elements() == 1;
  }

  QRole possible_role(int i) const {
    const Node& n = node(i);
    if (compute_.contains(i)) return QRole::compute;
    if (!n.domain.empty() || n.outputs.empty() || n.output(0) == kNoValue) return QRole::none;
    if (graph_.value(n.output(0)).dtype != DType::f32) return QRole::none;
    const std::vector<size_t> active = activations_of(n);
    if (n.is("Concat")) return active.size() == n.inputs.size() ? QRole::join : QRole::none;
    if ((n.is("Add") || n.is("Mul")) && n.inputs.size() == 2) {
      if (active.size() == 2) return QRole::join;
      if (active.size() == 1 && is_scalar_constant(n.inputs[1 - active[0]])) return QRole::join;
      return active.size() == 1 ? QRole::own : QRole::none;
    }
    if ((n.is("Sub") || n.is("Div")) && active.size() == 1) return QRole::own;
    if (active.size() != 1 || active[0] != 0) return QRole::none;
    if (works_on_8_bits(graph_, n)) return QRole::move;
    if (n.is("Resize")) {
      return n.string_attribute("mode", "nearest") == "cubic" ? QRole::own : QRole::keep;
    }
    if (is_activation(n) || is_average(n)) return QRole::own;
    const OpDef* op = ops_.find(n);
    return op != nullptr && op->has(Trait::moves_data) ? QRole::keep : QRole::none;
  }

  /** A node leads when an integer layer reads its output, through nodes that can be integer. */
  void find_leading_nodes() {
    leads_.assign(graph_.nodes.size(), false);
    for (int i = static_cast<int>(graph_.nodes.size()) - 1; i >= 0; --i) {
      for (ValueId out : node(i).outputs) {
        if (out == kNoValue) continue;
        for (int reader : index_.consumers(out)) {
          const auto r = static_cast<size_t>(reader);
          const bool takes =
              possible_[r] == QRole::compute || (possible_[r] != QRole::none && leads_[r]);
          if (takes && reads_as_activation(reader, out)) leads_[static_cast<size_t>(i)] = true;
        }
      }
    }
  }

  bool reads_as_activation(int reader, ValueId id) const {
    const Node& n = node(reader);
    if (possible_[static_cast<size_t>(reader)] == QRole::compute) return n.inputs[0] == id;
    return std::find(n.inputs.begin(), n.inputs.end(), id) != n.inputs.end();
  }

  bool is_clip(const Node& n) const {
    if (n.is("Relu")) return true;
    if (!n.is("Clip")) return false;
    for (size_t i = 1; i < n.inputs.size(); ++i) {
      if (n.inputs[i] != kNoValue && graph_.constant(n.inputs[i]) == nullptr) return false;
    }
    return true;
  }

  void decide(int i) {
    QRole& role = placement_.roles[static_cast<size_t>(i)];
    if (role == QRole::folded) return;
    const QRole possible = possible_[static_cast<size_t>(i)];
    const Node& n = node(i);
    if (possible == QRole::none) return;
    if (possible != QRole::compute) {
      if (!leads_[static_cast<size_t>(i)]) return;
      bool any = false;
      for (ValueId input : n.inputs) any = any || available_.contains(input);
      if (!any) return;
    }
    role = possible;
    fold_activation(i);
    const int last = placement_.activation[static_cast<size_t>(i)];
    for (ValueId out : node(last < 0 ? i : last).outputs) {
      if (out != kNoValue && graph_.value(out).dtype == DType::f32) available_.insert(out);
    }
  }

  void fold_activation(int i) {
    const Node& n = node(i);
    const bool can = compute_.contains(i) || n.is("Add");
    if (!can || n.outputs.size() != 1) return;
    const Node* reader = index_.only_consumer(n.output(0));
    if (reader == nullptr || !is_clip(*reader) || reader->inputs[0] != n.output(0)) return;
    const auto a = static_cast<int>(reader - graph_.nodes.data());
    placement_.activation[static_cast<size_t>(i)] = a;
    placement_.roles[static_cast<size_t>(a)] = QRole::folded;
  }

  bool read_by_integer(ValueId id) const {
    for (int reader : index_.consumers(id)) {
      const QRole role = placement_.roles[static_cast<size_t>(reader)];
      if (role != QRole::none && role != QRole::folded && reads_as_activation(reader, id)) {
        return true;
      }
    }
    return false;
  }

  void collect_values() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const QRole role = placement_.roles[i];
      if (role == QRole::none || role == QRole::folded) continue;
      const Node& n = graph_.nodes[i];
      for (size_t input = 0; input < n.inputs.size(); ++input) {
        const ValueId id = n.inputs[input];
        if (role == QRole::compute && input > 0) break;
        if (is_float_activation(id)) placement_.quantized.insert(id);
        if (role == QRole::join && is_scalar_constant(id)) placement_.constants.insert(id);
      }
      const int last = placement_.activation[i];
      for (ValueId out : last < 0 ? n.outputs : node(last).outputs) {
        if (out == kNoValue || graph_.value(out).dtype != DType::f32) continue;
        // The sum keeps its precision where no integer layer reads it.
        const bool may_stay = last_sum_ == LastSum::exact || !n.is("Conv");
        if (role == QRole::compute && may_stay && !read_by_integer(out)) continue;
        placement_.quantized.insert(out);
        placement_.made_by_integer.insert(out);
        if (role == QRole::move || role == QRole::keep) placement_.shared[out] = n.inputs[0];
      }
    }
    // A product that stays float at its output keeps its activation as a node of its own.
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const int last = placement_.activation[i];
      if (last < 0 || placement_.made_by_integer.contains(node(last).output(0))) continue;
      placement_.activation[i] = -1;
      placement_.roles[static_cast<size_t>(last)] = QRole::none;
    }
    for (ValueId id : placement_.quantized) {
      if (!placement_.shared.contains(id)) placement_.observed.push_back(id);
    }
  }

  const Graph& graph_;
  const OpTable& ops_;
  GraphIndex index_;
  const std::set<int>& compute_;
  LastSum last_sum_;
  Placement placement_;
  std::vector<QRole> possible_;
  std::vector<bool> leads_;
  std::set<ValueId> available_;
};

}  // namespace

bool works_on_8_bits(const Graph& graph, const Node& node) {
  static const std::set<std::string> ops = {
      "Concat", "Expand", "Flatten", "Gather", "Identity",  "MaxPool",  "Reshape",
      "Slice",  "Split",  "Squeeze", "Tile",   "Transpose", "Unsqueeze"};
  if (!node.domain.empty()) return false;
  if (node.is("Pad")) return pads_with_zero(graph, node);
  if (node.is("Resize")) {
    // Cropping puts a float constant where the image ends.
    return node.string_attribute("mode", "nearest") == "nearest" &&
           node.string_attribute("coordinate_transformation_mode", "half_pixel") !=
               "tf_crop_and_resize";
  }
  return ops.contains(node.op) && !(node.is("MaxPool") && node.output(1) != kNoValue);
}

ValueId Placement::source_of(ValueId id) const {
  for (auto found = shared.find(id); found != shared.end(); found = shared.find(id)) {
    id = found->second;
  }
  return id;
}

Placement place_quantization(const Graph& graph, const OpTable& ops, const std::set<int>& compute,
                             LastSum last_sum) {
  return Placer(graph, ops, compute, last_sum).place();
}

std::map<ValueId, Affine> choose_parameters(const Graph& graph, const Placement& placement,
                                            const std::map<ValueId, Interval>& intervals,
                                            const ActivationForm& form) {
  // Two bits of the input's own resolution.
  constexpr float kWidestSharing = 4;
  std::map<ValueId, Affine> sources;
  for (const auto& [id, interval] : intervals) sources[id] = form.affine(interval);
  const GraphIndex index(graph);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (placement.roles[i] != QRole::join || !node.is("Concat")) continue;
    const auto output = sources.find(placement.source_of(node.outputs[0]));
    if (output == sources.end()) continue;
    for (ValueId input : node.inputs) {
      if (placement.shared.contains(input) || index.consumers(input).size() != 1) continue;
      if (!placement.made_by_integer.contains(input)) continue;
      const auto own = sources.find(input);
      if (own == sources.end() || output->second.scale > kWidestSharing * own->second.scale)
        continue;
      own->second = output->second;
    }
  }
  std::map<ValueId, Affine> parameters;
  for (ValueId id : placement.quantized) {
    const auto found = sources.find(placement.source_of(id));
    if (found == sources.end()) {
      fail(Code::INTERNAL, graph.value(id).name, "Expected a range for ", graph.value(id).name);
    }
    parameters[id] = found->second;
  }
  return parameters;
}

}  // namespace whittle
