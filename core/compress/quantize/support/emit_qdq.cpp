#include "core/compress/quantize/support/emit_qdq.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace whittle {
namespace {

class Emitter {
 public:
  Emitter(Graph& graph, NameMaker& names, const Placement& placement,
          const StaticParameters& parameters)
      : graph_(graph),
        names_(names),
        pool_(graph, names),
        placement_(placement),
        parameters_(parameters),
        limits_(parameters.form.limits()) {}

  void run() {
    nodes_ = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (placement_.roles[i] == QRole::folded) continue;  // emitted with the node it follows
      emit(i);
    }
    for (const auto& [id, weight] : parameters_.weights) {
      const ValueId values = graph_.add_constant(names_.fresh("q"), weight.values);
      std::vector<ValueId> inputs = {values, pool_.get(weight.scales, "s")};
      if (weight.zero_points.defined()) {
        inputs.push_back(pool_.get(weight.zero_points, "z"));
      } else if (gemm_weights_.contains(id)) {
        inputs.push_back(
            pool_.get(Tensor::zeros(weight.values.dtype(), weight.scales.shape()), "z"));
      }
      Attributes attributes;
      if (weight.scales.shape().rank() > 0) attributes["axis"] = static_cast<int64_t>(weight.axis);
      derive_constant(graph_, names_, id, "DequantizeLinear", std::move(inputs), attributes);
    }
  }

 private:
  DType dtype() const { return parameters_.form.is_signed ? DType::i8 : DType::u8; }

  ValueId scale_of(Affine affine) { return pool_.get(Tensor::scalar(affine.scale), "s"); }
  ValueId zero_point_of(Affine affine) {
    if (parameters_.form.is_signed) {
      return pool_.get(Tensor::scalar(static_cast<int8_t>(affine.zero_point)), "z");
    }
    return pool_.get(Tensor::scalar(static_cast<uint8_t>(affine.zero_point)), "z");
  }

  /** real -> QuantizeLinear -> DequantizeLinear -> `out`. */
  void emit_pair(ValueId real, ValueId out, Affine affine) {
    const ValueId scale = scale_of(affine);
    const ValueId zero_point = zero_point_of(affine);
    const ValueId narrow =
        append_node(graph_, names_, "QuantizeLinear", {real, scale, zero_point}, dtype());
    Node back;
    back.op = "DequantizeLinear";
    back.name = names_.fresh("n");
    back.inputs = {narrow, scale, zero_point};
    back.outputs = {out};
    graph_.nodes.push_back(std::move(back));
  }

  /** The dequantized form of a value that a float node made: only integer nodes read it. */
  ValueId read_quantized(ValueId id) {
    if (!placement_.quantized.contains(id) || placement_.made_by_integer.contains(id)) return id;
    const auto [place, added] = dequantized_.try_emplace(id, kNoValue);
    if (added) {
      place->second = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(id).dims);
      graph_.value(place->second).origin = graph_.value(id).origin_name();
      emit_pair(id, place->second, parameters_.activations.at(id));
    }
    return place->second;
  }

  /** A scalar of Add or Mul in 8 bits, exact: the scale is |c| / steps. */
  ValueId quantized_constant(ValueId id) {
    const float value = to_floats(graph_.value(id).constant, graph_.value(id).name)[0];
    const Affine affine = parameters_.form.affine({std::min(value, 0.0f), std::max(value, 0.0f)});
    const int32_t q = quantize(value, affine, limits_);
    const Tensor narrow = parameters_.form.is_signed ? Tensor::scalar(static_cast<int8_t>(q))
                                                     : Tensor::scalar(static_cast<uint8_t>(q));
    const Tensor shaped = narrow.reshaped(graph_.value(id).constant.shape());
    return append_node(graph_, names_, "DequantizeLinear",
                       {pool_.get(shaped, "q"), scale_of(affine), zero_point_of(affine)},
                       DType::f32);
  }

  /** The bias in int32 with the scale of the layer's sums, input scale times weight scale. */
  ValueId quantized_bias(const Node& node) {
    const Tensor& bias = *graph_.constant(node.input(2));
    const QuantizedWeight& weight = parameters_.weights.at(node.input(1));
    const float input_scale = parameters_.activations.at(node.input(0)).scale;
    const std::span<const float> weight_scales = weight.scales.data<float>();
    const bool per_channel = weight_scales.size() > 1;
    const std::vector<float> values = to_floats(bias, node.label());
    const auto channels = static_cast<size_t>(channels_of(node, weight));
    Tensor narrow = Tensor::allocate(DType::i32, Shape{static_cast<int64_t>(channels)});
    Tensor scales =
        Tensor::allocate(DType::f32, per_channel ? Shape{static_cast<int64_t>(channels)} : Shape{});
    const std::span<int32_t> q = narrow.mutable_data<int32_t>();
    const std::span<float> s = scales.mutable_data<float>();
    for (size_t c = 0; c < channels; ++c) {
      const float scale = input_scale * weight_scales[per_channel ? c : 0];
      s[per_channel ? c : 0] = scale;
      const double steps = std::nearbyint(static_cast<double>(values[values.size() > 1 ? c : 0]) /
                                          static_cast<double>(scale));
      q[c] = static_cast<int32_t>(std::clamp(steps, -2147483648.0, 2147483647.0));
    }
    Attributes attributes;
    if (per_channel) attributes["axis"] = int64_t{0};
    return append_node(graph_, names_, "DequantizeLinear",
                       {pool_.get(narrow, "b"), pool_.get(scales, "s")}, DType::f32, attributes);
  }

  static int64_t channels_of(const Node& node, const QuantizedWeight& weight) {
    const Shape& shape = weight.values.shape();
    if (node.is("Conv")) return shape[0];
    return shape[node.is("Gemm") && node.int_attribute("transB", 0) != 0 ? 0 : 1];
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

  /** The node's outputs that get a pair are made under new names, and the pairs make the old. */
  void emit(size_t i) {
    Node& node = nodes_[i];
    const QRole role = placement_.roles[i];
    if (role == QRole::none) {
      graph_.nodes.push_back(std::move(node));
      return;
    }
    const ValueId bias =
        role == QRole::compute && node.input(2) != kNoValue ? quantized_bias(node) : kNoValue;
    if (role == QRole::compute && node.is("Gemm")) gemm_weights_.insert(node.input(1));
    const size_t activations = role == QRole::compute ? 1 : node.inputs.size();
    for (size_t input = 0; input < activations; ++input) {
      ValueId& id = node.inputs[input];
      if (id == kNoValue) continue;
      id = role == QRole::join && placement_.constants.contains(id) ? quantized_constant(id)
                                                                    : read_quantized(id);
    }
    if (bias != kNoValue) node.inputs[2] = bias;

    Node* last = &node;
    if (const int a = placement_.activation[i]; a >= 0) {
      Node& clip = nodes_[static_cast<size_t>(a)];
      if (is_redundant(clip, parameters_.activations.at(clip.output(0)))) {
        node.outputs = clip.outputs;
      } else {
        graph_.nodes.push_back(std::move(node));
        last = &clip;
      }
    }
    std::vector<std::pair<ValueId, ValueId>> pairs;
    for (ValueId& out : last->outputs) {
      if (out == kNoValue || !placement_.made_by_integer.contains(out)) continue;
      const ValueId real = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(out).dims);
      pairs.emplace_back(real, out);
      out = real;
    }
    graph_.nodes.push_back(std::move(*last));
    for (const auto& [real, out] : pairs) emit_pair(real, out, parameters_.activations.at(out));
  }

  Graph& graph_;
  NameMaker& names_;
  ConstantPool pool_;
  const Placement& placement_;
  const StaticParameters& parameters_;
  QLimits limits_;
  std::vector<Node> nodes_;
  std::map<ValueId, ValueId> dequantized_;
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
