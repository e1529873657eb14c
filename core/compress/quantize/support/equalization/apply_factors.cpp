#include "core/compress/quantize/support/equalization/apply_factors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace whittle {
namespace {

class Applier {
 public:
  Applier(Graph& graph, NameMaker& names, const std::vector<ScaledGroup>& groups)
      : graph_(graph), names_(names), groups_(groups) {}

  void run() {
    for (const ScaledGroup& scaled : groups_) collect(scaled);
    for (auto& [i, sides] : sides_) scale_layer(node(i), sides);
    for (const ScaledGroup& scaled : groups_) {
      scale_added_biases(scaled);
      absorb(scaled);
      for (const GroupClip& clip : scaled.group.clips) replace_clip(scaled, clip);
    }
    std::set<ValueId> renamed;
    for (const ScaledGroup& scaled : groups_) {
      for (const GroupValue& value : scaled.group.values) renamed.insert(value.id);
      renamed.insert(scaled.group.between.begin(), scaled.group.between.end());
    }
    for (ValueId id : renamed) {
      graph_.value(id).name = names_.fresh("e");
      graph_.value(id).origin.clear();
    }
    insert_bounds();
  }

 private:
  struct Sides {
    std::vector<double> out;  // by output channel; empty: 1
    std::vector<double> in;   // by input channel
  };

  Node& node(int i) { return graph_.nodes[static_cast<size_t>(i)]; }

  void collect(const ScaledGroup& scaled) {
    for (const GroupMaker& maker : scaled.group.makers) sides_[maker.node].out = scaled.factors;
    for (const GroupReader& reader : scaled.group.readers) {
      std::vector<double>& in = sides_[reader.node].in;
      if (in.empty()) {
        in.assign(static_cast<size_t>(ChannelLayer(graph_, node(reader.node)).inputs()), 1.0);
      }
      for (size_t i = 0; i < in.size(); ++i) {
        const int c = reader.channels[i];
        if (c >= 0) in[i] = scaled.factors[static_cast<size_t>(c)];
      }
    }
  }

  void scale_layer(Node& layer, const Sides& sides) {
    const ChannelLayer view(graph_, layer);
    Tensor& weight = graph_.value(layer.inputs[1]).constant;
    weight = view.scaled(weight, sides.out, sides.in);
    if (sides.out.empty() || layer.is("MatMul") || layer.input(2) == kNoValue) return;
    std::vector<float> bias = bias_of(graph_, layer, view.outputs());
    for (size_t c = 0; c < bias.size(); ++c) bias[c] = static_cast<float>(bias[c] * sides.out[c]);
    set_bias(graph_, names_, layer, bias);
  }

  void scale_added_biases(const ScaledGroup& scaled) {
    std::vector<std::pair<int, size_t>> biases;
    for (const GroupMaker& maker : scaled.group.makers) {
      biases.insert(biases.end(), maker.biases.begin(), maker.biases.end());
    }
    for (const auto& [i, input] : biases) {
      ValueId& id = node(i).inputs[input];
      Tensor bias = graph_.value(id).constant.clone();
      const std::span<float> values = bias.mutable_data<float>();
      for (size_t c = 0; c < values.size(); ++c) {
        values[c] = static_cast<float>(values[c] * scaled.factors[c]);
      }
      const std::string origin = graph_.value(id).origin_name();
      const ValueId made = graph_.add_constant(names_.fresh("b"), bias);
      graph_.value(made).origin = origin;
      node(i).inputs[input] = made;
    }
  }

  void absorb(const ScaledGroup& scaled) {
    if (scaled.absorbed.empty()) return;
    const ChannelGroup& group = scaled.group;
    for (size_t m = 0; m < group.makers.size(); ++m) {
      if (scaled.absorbed[m].empty()) continue;
      Node& maker = node(group.makers[m].node);
      std::vector<float> bias = bias_of(graph_, maker, group.channels);
      for (size_t c = 0; c < bias.size(); ++c) {
        bias[c] = static_cast<float>(bias[c] - scaled.factors[c] * scaled.absorbed[m][c]);
      }
      set_bias(graph_, names_, maker, bias);
    }
    for (const GroupReader& reader : group.readers) {
      Node& layer = node(reader.node);
      const auto value =
          std::find_if(group.values.begin(), group.values.end(),
                       [&](const GroupValue& each) { return each.id == layer.inputs[0]; });
      const ChannelLayer view(graph_, layer);
      const std::vector<float> before = bias_of(graph_, layer, view.outputs());
      std::vector<double> sums(before.begin(), before.end());
      view.for_each_sum(*graph_.constant(layer.input(1)), [&](int64_t o, int64_t j, double sum) {
        const auto i = static_cast<size_t>(view.input_of(o, j));
        if (value->channels[i] < 0) return;
        const double factor = scaled.factors[static_cast<size_t>(value->channels[i])];
        sums[static_cast<size_t>(o)] += sum * factor * shift_at(*value, i, scaled.absorbed);
      });
      set_bias(graph_, names_, layer, std::vector<float>(sums.begin(), sums.end()));
    }
  }

  void replace_clip(const ScaledGroup& scaled, const GroupClip& clip) {
    if (scaled.clip == ClipForm::keep) return;
    Node& relu = node(clip.node);
    relu.op = "Relu";
    relu.inputs.resize(1);
    if (scaled.clip == ClipForm::relu) return;
    const ValueId out = relu.outputs[0];
    const auto& dims = graph_.value(out).dims;
    const size_t rank = dims ? dims->size() : static_cast<size_t>(clip.axis) + 1;
    Shape shape;
    for (size_t axis = static_cast<size_t>(clip.axis); axis < rank; ++axis) {
      shape.push_back(axis == static_cast<size_t>(clip.axis) ? scaled.group.channels : 1);
    }
    Tensor bounds = Tensor::allocate(DType::f32, shape);
    const std::span<float> values = bounds.mutable_data<float>();
    for (size_t c = 0; c < values.size(); ++c) {
      const double absorbed = scaled.absorbed.empty() ? 0.0 : scaled.absorbed[0][c];
      values[c] = static_cast<float>((clip.high - absorbed) * scaled.factors[c]);
    }
    const ValueId between = graph_.add_value(names_.fresh("e"), DType::f32, graph_.value(out).dims);
    Node min;
    min.op = "Min";
    min.name = names_.fresh("n");
    min.inputs = {between, graph_.add_constant(names_.fresh("c"), bounds)};
    min.outputs = {out};
    node(clip.node).outputs[0] = between;
    bounds_.emplace(clip.node, std::move(min));
  }

  void insert_bounds() {
    if (bounds_.empty()) return;
    std::vector<Node> nodes;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      nodes.push_back(std::move(graph_.nodes[i]));
      const auto found = bounds_.find(static_cast<int>(i));
      if (found != bounds_.end()) nodes.push_back(std::move(found->second));
    }
    graph_.nodes = std::move(nodes);
  }

  Graph& graph_;
  NameMaker& names_;
  const std::vector<ScaledGroup>& groups_;
  std::map<int, Sides> sides_;
  std::map<int, Node> bounds_;  // behind which node
};

}  // namespace

void apply_factors(Graph& graph, NameMaker& names, const std::vector<ScaledGroup>& groups) {
  Applier(graph, names, groups).run();
}

}  // namespace whittle
