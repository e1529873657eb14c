#include "core/compress/quantize/support/emit_qdq.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/compress/quantize/support/interpolation.h"
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
        pool_(graph, names),
        placement_(placement),
        parameters_(parameters),
        limits_(parameters.form.limits()) {}

  void run() {
    find_moves();
    find_dequantized_reads();
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
  DType dtype() const { return parameters_.form.is_signed ? DType::i8 : DType::u8; }

  ValueId scale_of(Affine affine) { return pool_.get(Tensor::scalar(affine.scale), "s"); }
  ValueId zero_point_of(Affine affine) {
    if (parameters_.form.is_signed) {
      return pool_.get(Tensor::scalar(static_cast<int8_t>(affine.zero_point)), "z");
    }
    return pool_.get(Tensor::scalar(static_cast<uint8_t>(affine.zero_point)), "z");
  }

  /** Which nodes work on 8 bits as they stand. A Concat moves bytes only where all its inputs have
   * the parameters of its output. */
  void find_moves() {
    moves_.assign(graph_.nodes.size(), false);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      moves_[i] = placement_.roles[i] == QRole::move;
      if (placement_.roles[i] != QRole::join || !node.is("Concat")) continue;
      const Affine& out = parameters_.activations.at(node.output(0));
      moves_[i] = std::all_of(node.inputs.begin(), node.inputs.end(),
                              [&](ValueId id) { return parameters_.activations.at(id) == out; });
    }
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
  void find_dequantized_reads() {
    const GraphIndex index(graph_);
    for (ValueId id : placement_.made_by_integer) {
      bool read = index.is_output(id);
      for (int reader : index.consumers(id)) {
        read = read || !reads_8_bits(static_cast<size_t>(reader), id);
      }
      if (read) read_dequantized_.insert(id);
    }
  }

  ValueId append_quantize(ValueId real, ValueId stands_for) {
    const Affine affine = parameters_.activations.at(stands_for);
    const ValueId narrow = append_node(graph_, names_, "QuantizeLinear",
                                       {real, scale_of(affine), zero_point_of(affine)}, dtype());
    graph_.value(narrow).dims = graph_.value(stands_for).dims;
    narrow_[stands_for] = narrow;
    return narrow;
  }

  /** `narrow` -> DequantizeLinear -> `out`. */
  void append_dequantize(ValueId narrow, ValueId out, Affine affine) {
    Node back;
    back.op = "DequantizeLinear";
    back.name = names_.fresh("n");
    back.inputs = {narrow, scale_of(affine), zero_point_of(affine)};
    back.outputs = {out};
    graph_.nodes.push_back(std::move(back));
  }

  /** The 8-bit form of a quantized value; one that a float node made gets it here. */
  ValueId narrow_of(ValueId id) {
    const auto found = narrow_.find(id);
    return found != narrow_.end() ? found->second : append_quantize(id, id);
  }

  /** The dequantized form of a value that a float node made: only integer nodes read it. */
  ValueId read_quantized(ValueId id) {
    if (!placement_.quantized.contains(id) || placement_.made_by_integer.contains(id)) return id;
    const auto [place, added] = dequantized_.try_emplace(id, kNoValue);
    if (added) {
      const ValueId narrow = narrow_of(id);
      place->second = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(id).dims);
      graph_.value(place->second).origin = graph_.value(id).origin_name();
      append_dequantize(narrow, place->second, parameters_.activations.at(id));
    }
    return place->second;
  }

  /** Weights are asked for by their layers: in the file they go by a short name. */
  void shorten_name(ValueId id) {
    const auto& outputs = graph_.outputs;
    if (std::find(outputs.begin(), outputs.end(), id) != outputs.end()) return;
    Value& value = graph_.value(id);
    value.origin = value.origin_name();
    value.name = names_.fresh("w");
  }

  /** A scalar of Add or Mul in 8 bits, exact: the scale is |c| / steps. */
  ValueId quantized_constant(ValueId id) {
    const float value = to_floats(graph_.value(id).constant, graph_.value(id).name)[0];
    return quantized_scalar(value, graph_.value(id).constant.shape());
  }
  ValueId quantized_scalar(float value, const Shape& shape) {
    const Affine affine = parameters_.form.affine({std::min(value, 0.0f), std::max(value, 0.0f)});
    const int32_t q = quantize(value, affine, limits_);
    const Tensor narrow = parameters_.form.is_signed ? Tensor::scalar(static_cast<int8_t>(q))
                                                     : Tensor::scalar(static_cast<uint8_t>(q));
    const Tensor shaped = narrow.reshaped(shape);
    return append_node(graph_, names_, "DequantizeLinear",
                       {pool_.get(shaped, "q"), scale_of(affine), zero_point_of(affine)},
                       DType::f32);
  }

  /** The bias of a layer in the form asked for, one value a channel. */
  ValueId bias_of(const Node& node) {
    const std::vector<float> given = to_floats(*graph_.constant(node.input(2)), node.label());
    std::vector<float> values(channels_of(node));
    for (size_t c = 0; c < values.size(); ++c) values[c] = given[given.size() > 1 ? c : 0];
    if (parameters_.bias == BiasForm::int32) return quantized_bias(node, values);
    const Shape shape{static_cast<int64_t>(values.size())};
    return pool_.get(Tensor::of<float>(shape, std::span<const float>(values)), "b");
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
                       {pool_.get(narrow, "b"), pool_.get(scales, "s")}, DType::f32, attributes);
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
    for (size_t k = 0; k < data; ++k) node.inputs[k] = narrow_of(node.inputs[k]);
    if (node.is("Pad")) {
      const bool constant = node.string_attribute("mode", "constant") == "constant";
      node.inputs.resize(std::max<size_t>(node.inputs.size(), 3), kNoValue);
      node.inputs[2] = constant ? zero_point_of(affine) : kNoValue;
    }
    std::vector<ValueId> read;
    for (ValueId& out : node.outputs) {
      if (out == kNoValue) continue;
      const ValueId narrow = graph_.add_value(names_.fresh("v"), dtype(), graph_.value(out).dims);
      narrow_[out] = narrow;
      if (read_dequantized_.contains(out)) read.push_back(out);
      out = narrow;
    }
    graph_.nodes.push_back(std::move(node));
    for (ValueId out : read) append_dequantize(narrow_.at(out), out, affine);
  }

  /** A node that stays float reads what it read before, shapes excepted. */
  void emit_float(size_t i) {
    Node& node = nodes_[i];
    if (reads_shape(node)) {
      const auto found = narrow_.find(node.input(0));
      const bool made = placement_.made_by_integer.contains(node.input(0));
      if (made && found != narrow_.end()) node.inputs[0] = found->second;
    }
    graph_.nodes.push_back(std::move(node));
  }

  /** A Resize as a depthwise convolution between pairs, if that is asked for and exact. */
  bool emit_interpolation(size_t i) {
    if (!parameters_.for_onnxruntime || placement_.roles[i] != QRole::keep) return false;
    Node& node = nodes_[i];
    const auto form = integer_interpolation(graph_, node);
    if (!form) return false;
    const ValueId out = node.outputs[0];
    const Affine affine = parameters_.activations.at(node.inputs[0]);
    ValueId narrow = narrow_of(node.inputs[0]);
    if (form->doubles) {
      node.inputs[0] = narrow;
      Attributes nearest = {{"coordinate_transformation_mode", std::string("asymmetric")},
                            {"nearest_mode", std::string("floor")}};
      for (const char* kept : {"axes", "keep_aspect_ratio_policy"}) {
        if (node.has(kept)) nearest[kept] = node.attributes.find(kept)->second;
      }
      narrow = append_node(graph_, names_, "Resize", node.inputs, dtype(), std::move(nearest));
      const Tensor pads = Tensor::of<int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1});
      narrow = append_node(graph_, names_, "Pad", {narrow, pool_.get(pads, "p")}, dtype(),
                           {{"mode", std::string("edge")}});
    }
    const ValueId x = graph_.add_value(names_.fresh("v"), DType::f32);
    append_dequantize(narrow, x, affine);
    const ValueId w = append_node(
        graph_, names_, "DequantizeLinear",
        {pool_.get(form->weights, "q"), pool_.get(Tensor::scalar(form->scale), "s")}, DType::f32);
    Node conv;
    conv.op = "Conv";
    conv.name = node.name;
    conv.inputs = {x, w};
    conv.attributes["group"] = form->weights.shape()[0];
    if (!form->doubles) conv.attributes["strides"] = std::vector<int64_t>{2, 2};
    append_made(std::move(conv), {out});
    return true;
  }

  /** clip(alpha x + beta, 0, 1), alone or times x: alpha only changes the scale x is read with, the
   * ends of an 8-bit range from 0 to 1 clip. */
  bool emit_hard_function(size_t i) {
    const Node& node = nodes_[i];
    const bool swish = node.is("HardSwish");
    if (!parameters_.for_onnxruntime || placement_.roles[i] != QRole::own) return false;
    if (!swish && !node.is("HardSigmoid")) return false;
    const ValueId out = node.outputs[0];
    const Affine unit = parameters_.form.affine({0, 1});
    const Affine& clipped = swish ? unit : parameters_.activations.at(out);
    const bool clips = quantize(0, clipped, limits_) == limits_.min &&
                       dequantize(limits_.max, clipped) <= 1.0f + clipped.scale / 2;
    if (!clips) return false;
    const float alpha = swish ? 1.0f / 6 : node.float_attribute("alpha", 0.2f);
    const float beta = swish ? 0.5f : node.float_attribute("beta", 0.5f);
    if (alpha <= 0) return false;
    const Affine affine = parameters_.activations.at(node.inputs[0]);
    const ValueId x = read_quantized(node.inputs[0]);
    const ValueId scaled = graph_.add_value(names_.fresh("v"), DType::f32);
    append_dequantize(narrow_of(node.inputs[0]), scaled, {affine.scale * alpha, affine.zero_point});
    Node sum;
    sum.op = "Add";
    sum.name = swish ? names_.fresh("n") : node.name;
    sum.inputs = {scaled, quantized_scalar(beta, Shape{})};
    if (!swish) {
      append_made(std::move(sum), {out});
      return true;
    }
    const ValueId real = graph_.add_value(names_.fresh("v"), DType::f32);
    sum.outputs = {real};
    graph_.nodes.push_back(std::move(sum));
    const ValueId narrow = append_node(graph_, names_, "QuantizeLinear",
                                       {real, scale_of(unit), zero_point_of(unit)}, dtype());
    const ValueId factor = graph_.add_value(names_.fresh("v"), DType::f32);
    append_dequantize(narrow, factor, unit);
    Node product;
    product.op = "Mul";
    product.name = node.name;
    product.inputs = {x, factor};
    append_made(std::move(product), {out});
    return true;
  }

  /** Appends an integer node that stands for `outputs`, with their pairs. An output keeps its name
   * unless somebody reads it dequantized: then the pair makes the name. */
  void append_made(Node node, const std::vector<ValueId>& outputs) {
    node.outputs = outputs;
    std::vector<std::pair<ValueId, ValueId>> made;  // as the node makes it, what it stands for
    for (ValueId& out : node.outputs) {
      if (out == kNoValue || !placement_.made_by_integer.contains(out)) continue;
      const ValueId named = out;
      if (read_dequantized_.contains(named)) {
        out = graph_.add_value(names_.fresh("v"), DType::f32, graph_.value(named).dims);
      }
      made.emplace_back(out, named);
    }
    graph_.nodes.push_back(std::move(node));
    for (const auto& [real, named] : made) {
      const ValueId narrow = append_quantize(real, named);
      if (real != named) append_dequantize(narrow, named, parameters_.activations.at(named));
    }
  }

  /** An integer node between pairs. */
  void emit(size_t i) {
    if (placement_.roles[i] == QRole::none) return emit_float(i);
    if (moves_[i]) return emit_move(i);
    if (emit_interpolation(i) || emit_hard_function(i)) return;
    Node& node = nodes_[i];
    const QRole role = placement_.roles[i];
    const bool compute = role == QRole::compute;
    const ValueId bias = compute && node.input(2) != kNoValue ? bias_of(node) : kNoValue;
    if (compute && node.is("Gemm")) gemm_weights_.insert(node.input(1));
    const size_t activations = compute ? 1 : node.inputs.size();
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
    const std::vector<ValueId> outputs = last->outputs;
    append_made(std::move(*last), outputs);
  }

  Graph& graph_;
  NameMaker& names_;
  ConstantPool pool_;
  const Placement& placement_;
  const StaticParameters& parameters_;
  QLimits limits_;
  std::vector<Node> nodes_;
  std::vector<bool> moves_;  // by node index
  std::set<ValueId> read_dequantized_;
  std::map<ValueId, ValueId> narrow_;       // by what they stand for
  std::map<ValueId, ValueId> dequantized_;  // of values that float nodes made
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
