#include "core/measure/layer_pairing.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/graph/traversal.h"
#include "core/measure/cost.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

/** Beside those with Trait::moves_data: conversions, and what picks by value or adds a border. */
const std::unordered_set<std::string_view> kMovers = {
    "Cast", "Pad", "Compress", "TopK", "Shape", "QuantizeLinear", "DequantizeLinear"};

int64_t count_nodes(const Graph& graph) {
  int64_t count = 0;
  for (const Node& node : graph.nodes) {
    ++count;
    for_each_subgraph(node, [&](const Graph& inner) { count += count_nodes(inner); });
  }
  return count;
}

/** A run of nodes, and what it costs. */
struct Segment {
  std::vector<int> nodes;  // indices, in graph order
  int64_t macs = 0;
  int64_t bytes = 0;
  DType weights = DType::undefined;
};

/** One of the two models, prepared for questions. */
class Side {
 public:
  Side(const Graph& source, const OpTable& ops, const std::map<std::string, Shape>& shapes)
      : ops_(ops), graph_(source), index_(graph_), is_static_(graph_.values.size(), false) {
    const ModelCost cost = model_cost(graph_, ops, shapes);
    size_t next = 0;
    for (const Node& node : graph_.nodes) {
      int64_t entries = 1;
      for_each_subgraph(node, [&](const Graph& inner) { entries += count_nodes(inner); });
      int64_t macs = 0;
      for (; entries > 0; --entries) macs += cost.layers[next++].macs;
      macs_.push_back(macs);
    }
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      is_static_[i] = graph_.values[i].is_constant();
      const Value& value = graph_.values[i];
      if (!value.origin.empty()) origins_.try_emplace(value.origin, static_cast<ValueId>(i));
    }
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      origins_[graph_.values[i].name] = static_cast<ValueId>(i);
    }
    for (const Node& node : graph_.nodes) {
      bool fixed = !node.inputs.empty();
      for_each_use(node, [&](ValueId id) { fixed = fixed && is_static(id); });
      for (ValueId id : node.outputs) {
        if (id != kNoValue) is_static_[static_cast<size_t>(id)] = fixed;
      }
    }
  }

  const Graph& graph() const { return graph_; }
  bool is_static(ValueId id) const { return is_static_[static_cast<size_t>(id)]; }
  /** Its output holds values of its input, so that an error there is the input's. A table that rows
   * are looked up in (an embedding) is a layer all the same. */
  bool moves(const Node& node) const {
    if (node.op.starts_with("Gather")) return !is_static(node.input(0));
    const OpDef* op = ops_.find(node);
    return op != nullptr && (op->has(Trait::moves_data) || kMovers.contains(op->name));
  }
  int64_t macs(int node) const { return macs_[static_cast<size_t>(node)]; }
  const Node& node(int index) const { return graph_.nodes[static_cast<size_t>(index)]; }
  int producer(ValueId id) const {
    return index_.producer(id) == nullptr ? -1 : index_.producer_index(id);
  }

  /** The value computed in a run that stands for the original tensor `name`, or kNoValue. */
  ValueId find(const std::string& name) const {
    const auto found = origins_.find(name);
    return found == origins_.end() || is_static(found->second) ? kNoValue : found->second;
  }

  /** What makes `value` from the nearest values that `is_shared` knows. */
  Segment segment(ValueId value, const std::vector<bool>& is_shared) const {
    Segment segment;
    std::set<int> nodes;
    std::unordered_set<const std::byte*> seen;
    std::vector<int> open = {producer(value)};
    int64_t largest = 0;
    while (!open.empty()) {
      const int index = open.back();
      open.pop_back();
      if (index < 0 || !nodes.insert(index).second) continue;
      segment.macs += macs(index);
      for_each_use(node(index), [&](ValueId id) {
        if (const Tensor* tensor = graph_.constant(id)) {
          if (tensor->raw() == nullptr || !seen.insert(tensor->raw()).second) return;
          segment.bytes += tensor->bytes();
          if (tensor->bytes() <= largest || tensor->shape().rank() == 0) return;
          largest = tensor->bytes();
          segment.weights = tensor->dtype();
        } else if (!is_shared[static_cast<size_t>(id)]) {
          open.push_back(producer(id));
        }
      });
    }
    segment.nodes.assign(nodes.begin(), nodes.end());
    return segment;
  }

  /** The nodes of a segment that multiply, else those that are more than moves, in order. */
  std::vector<int> workers(const Segment& segment) const {
    std::vector<int> list;
    std::copy_if(segment.nodes.begin(), segment.nodes.end(), std::back_inserter(list),
                 [&](int i) { return macs(i) > 0; });
    if (!list.empty()) return list;
    std::copy_if(segment.nodes.begin(), segment.nodes.end(), std::back_inserter(list),
                 [&](int i) { return !moves(node(i)) && !is_static(node(i).output(0)); });
    return list;
  }

 private:
  const OpTable& ops_;
  const Graph& graph_;
  GraphIndex index_;
  std::vector<int64_t> macs_;  // by node, subgraphs included
  std::vector<bool> is_static_;
  std::unordered_map<std::string, ValueId> origins_;
};

class Pairer {
 public:
  Pairer(const Side& a, const Side& b)
      : a_(a),
        b_(b),
        partner_(a.graph().values.size(), kNoValue),
        shared_a_(a.graph().values.size(), false),
        shared_b_(b.graph().values.size(), false) {
    for (size_t i = 0; i < partner_.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (!a_.is_static(id)) share(id, b_.find(a_.graph().value(id).origin_name()));
    }
    const auto& outputs_a = a_.graph().outputs;
    const auto& outputs_b = b_.graph().outputs;
    for (size_t i = 0; i < outputs_a.size() && outputs_a.size() == outputs_b.size(); ++i) {
      if (partner_[static_cast<size_t>(outputs_a[i])] == kNoValue)
        share(outputs_a[i], outputs_b[i]);
    }
  }

  LayerPairing run() {
    LayerPairing pairing;
    for (const Node& node : a_.graph().nodes) {
      if (a_.moves(node)) continue;
      const auto shared = std::find_if(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
        return id != kNoValue && shared_a_[static_cast<size_t>(id)];
      });
      if (shared != node.outputs.end()) add(node, *shared, pairing);
    }
    list_alone(a_, covered_a_, true, pairing.alone);
    list_alone(b_, covered_b_, false, pairing.alone);
    return pairing;
  }

 private:
  void share(ValueId a, ValueId b) {
    if (b == kNoValue) return;
    partner_[static_cast<size_t>(a)] = b;
    shared_a_[static_cast<size_t>(a)] = true;
    shared_b_[static_cast<size_t>(b)] = true;
  }

  void add(const Node& last, ValueId value, LayerPairing& pairing) {
    const ValueId partner = partner_[static_cast<size_t>(value)];
    const Segment first = a_.segment(value, shared_a_);
    const Segment second = b_.segment(partner, shared_b_);
    const std::vector<int> workers = a_.workers(first);
    const std::vector<int> counterparts = b_.workers(second);
    const auto most = std::max_element(workers.begin(), workers.end(),
                                       [&](int x, int y) { return a_.macs(x) < a_.macs(y); });
    const Node& main = first.macs > 0 && most != workers.end() ? a_.node(*most) : last;
    LayerPair pair;
    pair.name = main.name;
    pair.op = main.op;
    pair.output = a_.graph().value(value).name;
    pair.compressed_output = b_.graph().value(partner).name;
    pair.channels_first = main.op.starts_with("Conv");
    pair.macs = first.macs;
    pair.compressed_macs = second.macs;
    pair.bytes = first.bytes;
    pair.compressed_bytes = second.bytes;
    pair.weights = second.weights;
    for (int i : counterparts) {
      if (second.macs == 0 && &b_.node(i) != &b_.node(counterparts.back())) continue;
      pair.compressed_op += (pair.compressed_op.empty() ? "" : "+") + b_.node(i).op;
    }
    // Of several layers that now make one tensor, all but the main one have no value of their own.
    for (int i : workers) {
      if (first.macs > 0 && &a_.node(i) != &main && covered_a_.insert(i).second) {
        pairing.alone.push_back(
            {a_.node(i).name, a_.node(i).op, true,
             concat("its output is not in the compressed model; compared with \"", main.name,
                    "\" at \"", pair.output, "\"")});
      }
    }
    for (int i : counterparts) {
      if (second.macs > 0 && counterparts.size() > workers.size() && b_.node(i).name != main.name &&
          covered_b_.insert(i).second) {
        pairing.alone.push_back({b_.node(i).name, b_.node(i).op, false,
                                 concat("part of what stands for \"", main.name, "\"")});
      }
    }
    covered_a_.insert(first.nodes.begin(), first.nodes.end());
    covered_b_.insert(second.nodes.begin(), second.nodes.end());
    pairing.pairs.push_back(std::move(pair));
  }

  static void list_alone(const Side& side, const std::set<int>& covered, bool in_original,
                         std::vector<LoneLayer>& alone) {
    for (size_t i = 0; i < side.graph().nodes.size(); ++i) {
      const auto index = static_cast<int>(i);
      if (side.macs(index) == 0 || covered.contains(index)) continue;
      const Node& node = side.node(index);
      alone.push_back({node.name, node.op, in_original,
                       "no tensor behind it has the same name in both models"});
    }
  }

  const Side& a_;
  const Side& b_;
  std::vector<ValueId> partner_;  // by value of a_
  std::vector<bool> shared_a_;
  std::vector<bool> shared_b_;
  std::set<int> covered_a_;
  std::set<int> covered_b_;
};

}  // namespace

LayerPairing pair_layers(const Graph& original, const Graph& compressed, const OpTable& ops,
                         const std::map<std::string, Shape>& input_shapes) {
  // An input may be spelled differently in the second model: it has the shape of its position.
  std::map<std::string, Shape> shapes = input_shapes;
  for (size_t i = 0; i < original.inputs.size() && i < compressed.inputs.size(); ++i) {
    const auto found = input_shapes.find(original.value(original.inputs[i]).name);
    if (found != input_shapes.end()) {
      shapes.emplace(compressed.value(compressed.inputs[i]).name, found->second);
    }
  }
  const Side a(original, ops, shapes);
  const Side b(compressed, ops, shapes);
  return Pairer(a, b).run();
}

}  // namespace whittle
