#include "core/compress/quantize/support/integer/emit_qdq.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/compress/quantize/support/integer/onnxruntime_forms.h"
#include "core/compress/quantize/support/integer/qdq_builder.h"
#include "core/compress/weights.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

class Emitter {
 public:
  Emitter(Graph& graph, NameMaker& names, const Placement& placement,
          const StaticParameters& parameters)
      : graph_(graph),
        names_(names),
        placement_(placement),
        parameters_(parameters),
        limits_(parameters.form.limits()),
        moves_(find_moves()),
        builder_(graph, names, placement, parameters, find_dequantized_reads()) {}

  void run() {
    nodes_ = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (placement_.roles[i] == QRole::folded) continue;  // emitted with the node it follows
      emit(i);
    }
    for (const auto& [id, weight] : parameters_.weights) {
      const ValueId values = graph_.add_constant(names_.fresh("q"), weight.values);
      std::vector<ValueId> inputs = {values, builder_.constant(weight.scales, "s")};
      if (weight.zero_points.defined()) {
        inputs.push_back(builder_.constant(weight.zero_points, "z"));
      } else if (gemm_weights_.contains(id)) {
        inputs.push_back(
            builder_.constant(Tensor::zeros(weight.values.dtype(), weight.scales.shape()), "z"));
      }
      Attributes attributes;
      constexpr int kDefaultAxis = 1;
      if (weight.scales.shape().rank() > 0 && weight.axis != kDefaultAxis) {
        attributes["axis"] = static_cast<int64_t>(weight.axis);
      }
      shorten_name(id);
      derive_constant(graph_, names_, id, "DequantizeLinear", std::move(inputs), attributes);
    }
    share_small_constants(graph_);
  }

 private:
  /** Which nodes work on 8 bits as they stand. A Concat moves bytes only where all its inputs have
   * the parameters of its output. */
  std::vector<bool> find_moves() const {
    std::vector<bool> moves(graph_.nodes.size(), false);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      moves[i] = placement_.roles[i] == QRole::move;
      if (placement_.roles[i] != QRole::join || !node.is("Concat")) continue;
      const Affine& out = parameters_.activations.at(node.output(0));
      moves[i] = std::all_of(node.inputs.begin(), node.inputs.end(),
                             [&](ValueId id) { return parameters_.activations.at(id) == out; });
    }
    return moves;
  }

  /** Whether node `reader` reads `id` in 8 bits where there is such a form of it. */
  bool reads_8_bits(size_t reader, ValueId id) const {
    const Node& node = graph_.nodes[reader];
    if (reads_shape(node)) return true;
    if (!moves_[reader]) return false;
    const auto& in = node.inputs;
    return node.is("Concat") || std::find(in.begin() + 1, in.end(), id) == in.end();
  }

  static bool reads_shape(const Node& node) { return node.is("Shape") || node.is("Size"); }

  /** Which values made by integer nodes somebody reads dequantized. */
  std::set<ValueId> find_dequantized_reads() const {
    const GraphIndex index(graph_);
    std::set<ValueId> found;
    for (ValueId id : placement_.made_by_integer) {
      bool read = index.is_output(id);
      for (int reader : index.consumers(id)) {
        read = read || !reads_8_bits(static_cast<size_t>(reader), id);
      }
      if (read) found.insert(id);
    }
    return found;
  }

  /** Weights are asked for by their layers: in the file they go by a short name. */
  void shorten_name(ValueId id) {
    const auto& outputs = graph_.outputs;
    if (std::find(outputs.begin(), outputs.end(), id) != outputs.end()) return;
    Value& value = graph_.value(id);
    value.origin = value.origin_name();
    value.name = names_.fresh("w");
  }

  /** The bias of a layer in the form asked for, one value a channel. */
  ValueId bias_of(const Node& node) {
    const std::vector<float> given = to_floats(*graph_.constant(node.input(2)), node.label());
    std::vector<float> values(channels_of(node));
    for (size_t c = 0; c < values.size(); ++c) values[c] = given[given.size() > 1 ? c : 0];
    if (parameters_.bias == BiasForm::int32) return quantized_bias(node, values);
    const Shape shape{static_cast<int64_t>(values.size())};
    return builder_.constant(Tensor::of<float>(shape, std::span<const float>(values)), "b");
  }

  /** The bias in int32 with the scale of the layer's sums, input scale times weight scale. */
  ValueId quantized_bias(const Node& node, const std::vector<float>& values) {
    const QuantizedWeight& weight = parameters_.weights.at(node.input(1));
    const float input_scale = parameters_.activations.at(node.input(0)).scale;
    const std::span<const float> weight_scales = weight.scales.data<float>();
    const bool per_channel = weight_scales.size() > 1;
    const size_t channels = values.size();
    Tensor narrow = Tensor::allocate(DType::i32, Shape{static_cast<int64_t>(channels)});
    Tensor scales =
        Tensor::allocate(DType::f32, per_channel ? Shape{static_cast<int64_t>(channels)} : Shape{});
    const std::span<int32_t> q = narrow.mutable_data<int32_t>();
    const std::span<float> s = scales.mutable_data<float>();
    for (size_t c = 0; c < channels; ++c) {
      // The groups of a ConvTranspose share their scales.
      const float scale = input_scale * weight_scales[c % weight_scales.size()];
      s[per_channel ? c : 0] = scale;
      const double steps =
          std::nearbyint(static_cast<double>(values[c]) / static_cast<double>(scale));
      q[c] = static_cast<int32_t>(std::clamp(steps, -2147483648.0, 2147483647.0));
    }
    Attributes attributes;
    if (per_channel) attributes["axis"] = int64_t{0};
    return append_node(graph_, names_, "DequantizeLinear",
                       {builder_.constant(narrow, "b"), builder_.constant(scales, "s")}, DType::f32,
                       attributes);
  }

  size_t channels_of(const Node& node) const {
    const Shape& shape = parameters_.weights.at(node.input(1)).values.shape();
    const int64_t groups = node.is("ConvTranspose") ? node.int_attribute("group", 1) : 1;
    return static_cast<size_t>(shape[*channel_axis(node, 1, shape)] * groups);
  }

  /** Whether quantizing does what a Relu or Clip does. */
  bool is_redundant(const Node& clip, Affine affine) const {
    float low = 0;
    float high = INFINITY;
    if (clip.is("Clip")) {
      const auto bound = [&](size_t i, float absent) {
        const Tensor* tensor = graph_.constant(clip.input(i));
        return tensor == nullptr ? absent : to_floats(*tensor, clip.label())[0];
      };
      low = bound(1, -INFINITY);
      high = bound(2, INFINITY);
    }
    return quantize(low, affine, limits_) == limits_.min &&
           quantize(high, affine, limits_) == limits_.max;
  }

  /** A node that works on 8 bits as it stands. */
  void emit_move(size_t i) {
    Node& node = nodes_[i];
    const size_t data = node.is("Concat") ? node.inputs.size() : 1;
    const Affine affine = parameters_.activations.at(node.inputs[0]);
    for (size_t k = 0; k < data; ++k) node.inputs[k] = builder_.narrow_of(node.inputs[k]);
    if (node.is("Pad")) {
      const bool constant = node.string_attribute("mode", "constant") == "constant";
      node.inputs.resize(std::max<size_t>(node.inputs.size(), 3), kNoValue);
      node.inputs[2] = constant ? builder_.zero_point_of(affine) : kNoValue;
    }
    const std::vector<ValueId> outputs = node.outputs;
    builder_.append_narrow(std::move(node), outputs, affine);
  }

  /** A node that stays float reads what it read before, shapes excepted. */
  void emit_float(size_t i) {
    Node& node = nodes_[i];
    if (reads_shape(node)) {
      const ValueId narrow = builder_.known_narrow(node.input(0));
      if (placement_.made_by_integer.contains(node.input(0)) && narrow != kNoValue) {
        node.inputs[0] = narrow;
      }
    }
    graph_.nodes.push_back(std::move(node));
  }

  bool emit_for_onnxruntime(size_t i) {
    if (!parameters_.for_onnxruntime) return false;
    const QRole role = placement_.roles[i];
    return (role == QRole::keep && append_interpolation(builder_, nodes_[i])) ||
           (role == QRole::own && append_hard_function(builder_, parameters_.form, nodes_[i]));
  }

  ValueId scalar_of(ValueId constant) {
    const Tensor& tensor = graph_.value(constant).constant;
    return builder_.append_scalar(to_floats(tensor, graph_.value(constant).name)[0],
                                  tensor.shape());
  }

  /** An integer node between pairs. */
  void emit(size_t i) {
    if (placement_.roles[i] == QRole::none) return emit_float(i);
    if (moves_[i]) return emit_move(i);
    if (emit_for_onnxruntime(i)) return;
    Node& node = nodes_[i];
    const QRole role = placement_.roles[i];
    const bool compute = role == QRole::compute;
    const ValueId bias = compute && node.input(2) != kNoValue ? bias_of(node) : kNoValue;
    if (compute && node.is("Gemm")) gemm_weights_.insert(node.input(1));
    const size_t activations = compute ? 1 : node.inputs.size();
    for (size_t input = 0; input < activations; ++input) {
      ValueId& id = node.inputs[input];
      if (id == kNoValue) continue;
      id = role == QRole::join && placement_.constants.contains(id) ? scalar_of(id)
                                                                    : builder_.read_quantized(id);
    }
    if (bias != kNoValue) node.inputs[2] = bias;

    Node* last = &node;
    std::vector<ValueId> outputs = node.outputs;
    std::vector<ValueId> made = node.outputs;
    if (const int a = placement_.activation[i]; a >= 0) {
      Node& clip = nodes_[static_cast<size_t>(a)];
      if (is_redundant(clip, parameters_.activations.at(clip.output(0)))) {
        outputs = clip.outputs;
      } else {
        graph_.nodes.push_back(std::move(node));
        last = &clip;
        outputs = made = clip.outputs;
      }
    }
    builder_.append_made(std::move(*last), outputs, std::move(made));
  }

  Graph& graph_;
  NameMaker& names_;
  const Placement& placement_;
  const StaticParameters& parameters_;
  QLimits limits_;
  std::vector<bool> moves_;  // by node index
  QdqBuilder builder_;
  std::vector<Node> nodes_;
  /** Weights of Gemm get a zero point although it is zero: onnxruntime 1.32 makes QGemm only then.
   * Conv and MatMul become integer without. */
  std::set<ValueId> gemm_weights_;
};

}  // namespace

void emit_qdq(Graph& graph, NameMaker& names, const Placement& placement,
              const StaticParameters& parameters) {
  Emitter(graph, names, placement, parameters).run();
}

}  // namespace whittle
