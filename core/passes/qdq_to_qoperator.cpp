#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/graph/traversal.h"
#include "core/passes/pass.h"
#include "core/passes/quantized_forms.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

using Inputs = QuantizedForm::Inputs;

/** A quantized value with its constant scale and zero point. */
struct Quantized {
  ValueId value = kNoValue;
  ValueId scale = kNoValue;
  ValueId zero_point = kNoValue;  // kNoValue: absent
  DType dtype = DType::u8;
  int axis = 0;

  bool per_tensor(const Graph& graph) const { return graph.constant(scale)->elements() == 1; }
};

bool same_elements(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.elements() == b.elements() &&
         std::equal(a.raw(), a.raw() + a.bytes(), b.raw());
}

class Converter {
 public:
  Converter(Graph& graph, const PassContext& context)
      : graph_(graph), ops_(context.ops), index_(graph), dead_(graph.nodes.size(), false) {}

  bool run() {
    bool changed = false;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!dead_[i]) changed = convert(i) || changed;
    }
    remove_nodes(graph_, dead_);
    return changed;
  }

 private:
  /** What a DequantizeLinear or QuantizeLinear node `q` states; nullopt unless it is constant, in
   * float32 and 8 (or for a bias 32) bits. */
  std::optional<Quantized> parameters_of(const Node& q, ValueId value) const {
    const Tensor* scale = graph_.constant(q.input(1));
    const ValueId zero = q.input(2);
    if (scale == nullptr || scale->dtype() != DType::f32 || scale->shape().rank() > 1) {
      return std::nullopt;
    }
    if (zero != kNoValue && graph_.constant(zero) == nullptr) return std::nullopt;
    Quantized made{value, q.input(1), zero, graph_.value(value).dtype, 0};
    if (zero != kNoValue) made.dtype = graph_.constant(zero)->dtype();
    if (const Tensor* constant = graph_.constant(value)) made.dtype = constant->dtype();
    if (made.dtype != DType::u8 && made.dtype != DType::i8 && made.dtype != DType::i32) {
      return std::nullopt;
    }
    made.axis = static_cast<int>(q.int_attribute("axis", 1));
    return made;
  }

  std::optional<Quantized> dequantized(ValueId id) const {
    if (id == kNoValue) return std::nullopt;
    const Node* q = index_.producer(id);
    if (q == nullptr || !q->is("DequantizeLinear")) return std::nullopt;
    return parameters_of(*q, q->inputs[0]);
  }

  struct End {
    Quantized output;
    std::vector<size_t> nodes;  // what the new node stands for besides the operator
  };

  /** The only reader of `id` is a QuantizeLinear, perhaps behind a clip that it makes redundant. */
  std::optional<End> quantized_end(ValueId id) const {
    End end;
    const Node* reader = id == kNoValue ? nullptr : index_.only_consumer(id);
    const Node* clip = nullptr;
    if (reader != nullptr && (reader->is("Relu") || reader->is("Clip"))) {
      clip = reader;
      end.nodes.push_back(static_cast<size_t>(reader - graph_.nodes.data()));
      reader = index_.only_consumer(reader->outputs[0]);
    }
    if (reader == nullptr || !reader->is("QuantizeLinear")) return std::nullopt;
    const auto made = parameters_of(*reader, reader->outputs[0]);
    if (!made || !made->per_tensor(graph_) || made->dtype == DType::i32) return std::nullopt;
    if (clip != nullptr && !is_redundant(*clip, *made)) return std::nullopt;
    end.output = *made;
    end.nodes.push_back(static_cast<size_t>(reader - graph_.nodes.data()));
    return end;
  }

  /** Whether every value the type holds lies within the bounds of a Relu or Clip. */
  bool is_redundant(const Node& clip, const Quantized& q) const {
    const bool is_signed = q.dtype == DType::i8;
    const float scale = graph_.constant(q.scale)->data<float>()[0];
    const float zero = q.zero_point == kNoValue
                           ? 0.0f
                           : to_floats(*graph_.constant(q.zero_point), clip.label())[0];
    const float least = ((is_signed ? -128.0f : 0.0f) - zero) * scale;
    const float most = ((is_signed ? 127.0f : 255.0f) - zero) * scale;
    if (clip.is("Relu")) return least >= 0;
    const auto bound = [&](size_t i, float absent) -> std::optional<float> {
      if (clip.input(i) == kNoValue) return absent;
      const Tensor* tensor = graph_.constant(clip.input(i));
      if (tensor == nullptr) return std::nullopt;
      return to_floats(*tensor, clip.label())[0];
    };
    const auto low = bound(1, -INFINITY);
    const auto high = bound(2, INFINITY);
    // The largest code may round to a little above the bound: half a step decides.
    return low && high && *low <= least + scale / 2 && *high >= most - scale / 2;
  }

  ValueId zero_point(const Quantized& q) {
    if (q.zero_point != kNoValue) return q.zero_point;
    const Shape shape = graph_.constant(q.scale)->shape();
    const auto [place, added] =
        zeros_.try_emplace({static_cast<int>(q.dtype), shape.elements(), shape.rank()}, kNoValue);
    if (added) place->second = graph_.add_constant("zero_point", Tensor::zeros(q.dtype, shape));
    return place->second;
  }

  /** Appends value, scale and zero point of an input that has one scale. */
  bool append_input(ValueId id, std::vector<ValueId>& inputs) {
    const auto q = dequantized(id);
    if (!q || q->dtype == DType::i32 || !q->per_tensor(graph_)) return false;
    inputs.insert(inputs.end(), {q->value, q->scale, zero_point(*q)});
    return true;
  }

  /** Weights: one scale, or one for each output channel. */
  bool append_weight(const Node& node, std::vector<ValueId>& inputs) {
    const auto w = dequantized(node.input(1));
    if (!w || w->dtype == DType::i32) return false;
    if (!w->per_tensor(graph_)) {
      const Tensor* values = graph_.constant(w->value);
      if (values == nullptr) return false;
      const int rank = values->shape().rank();
      const bool first =
          node.is("Conv") || (node.is("Gemm") && node.int_attribute("transB", 0) != 0);
      const int axis = w->axis < 0 ? w->axis + rank : w->axis;
      if (rank < 2 || axis != (first ? 0 : rank - 1)) return false;
    }
    inputs.insert(inputs.end(), {w->value, w->scale, zero_point(*w)});
    return true;
  }

  /** An int32 bias in units of input scale times weight scale; `inputs` holds those two. */
  bool append_bias(const Node& node, std::vector<ValueId>& inputs) {
    if (node.input(2) == kNoValue) return true;
    const auto b = dequantized(node.input(2));
    if (!b || b->dtype != DType::i32 || graph_.constant(b->value) == nullptr) return false;
    if (graph_.constant(b->value)->shape().rank() != 1) return false;
    if (b->zero_point != kNoValue) {
      for (float zero : to_floats(*graph_.constant(b->zero_point), node.label())) {
        if (zero != 0) return false;
      }
    }
    const std::vector<float> stated = to_floats(*graph_.constant(b->scale), node.label());
    const float x = graph_.constant(inputs[1])->data<float>()[0];
    const auto w = graph_.constant(inputs[4])->data<float>();
    constexpr float kSameUnit = 1e-5f;
    for (size_t c = 0; c < std::max(stated.size(), w.size()); ++c) {
      const float implied = x * w[w.size() == 1 ? 0 : c];
      const float unit = stated[stated.size() == 1 ? 0 : c];
      if (std::abs(unit - implied) > kSameUnit * implied) return false;
    }
    inputs.push_back(b->value);
    return true;
  }

  static bool is_plain_gemm(const Node& node) {
    return node.float_attribute("alpha", 1) == 1 && node.float_attribute("beta", 1) == 1 &&
           node.int_attribute("transA", 0) == 0;
  }

  std::optional<std::vector<ValueId>> inputs_of(const Node& node, const QuantizedForm& form,
                                                const Quantized& y) {
    std::vector<ValueId> inputs;
    const std::vector<ValueId> end = {y.scale, zero_point(y)};
    bool fits = false;
    switch (form.inputs) {
      case Inputs::product:
        fits = append_input(node.input(0), inputs) && append_weight(node, inputs);
        inputs.insert(inputs.end(), end.begin(), end.end());
        fits = fits && (node.is("MatMul") || append_bias(node, inputs));
        break;
      case Inputs::gemm:
        fits = is_plain_gemm(node) && append_input(node.input(0), inputs) &&
               append_weight(node, inputs) && append_bias(node, inputs);
        if (inputs.size() == 6) inputs.push_back(kNoValue);
        inputs.insert(inputs.end(), end.begin(), end.end());
        break;
      case Inputs::binary:
        fits = append_input(node.input(0), inputs) && append_input(node.input(1), inputs);
        inputs.insert(inputs.end(), end.begin(), end.end());
        break;
      case Inputs::unary:
        fits = append_input(node.input(0), inputs);
        inputs.insert(inputs.end(), end.begin(), end.end());
        break;
      case Inputs::variadic:
        inputs = end;
        fits = std::all_of(node.inputs.begin(), node.inputs.end(),
                           [&](ValueId id) { return append_input(id, inputs); });
        break;
    }
    if (!fits) return std::nullopt;
    return inputs;
  }

  bool convert(size_t i) {
    const QuantizedForm* form = form_of_float(graph_.nodes[i]);
    if (form == nullptr) return convert_move(i);
    if (ops_.find(form->domain, form->quantized) == nullptr) return false;
    const auto end = quantized_end(graph_.nodes[i].output(0));
    if (!end) return false;
    auto inputs = inputs_of(graph_.nodes[i], *form, end->output);
    if (!inputs) return false;
    Node& node = graph_.nodes[i];
    if (node.is("Softmax")) {
      node.attributes["opset"] = kInternalOpset;
      node.attributes.try_emplace("axis", int64_t{-1});
    }
    if (node.is("Gemm")) node.attributes.erase("beta");
    node.op = form->quantized;
    node.domain = form->domain;
    node.inputs = std::move(*inputs);
    node.outputs = {end->output.value};
    for (size_t gone : end->nodes) dead_[gone] = true;
    return true;
  }

  /** DequantizeLinear, a move, QuantizeLinear with the same parameters: the move alone. */
  bool convert_move(size_t i) {
    const Node& node = graph_.nodes[i];
    if (node.outputs.empty() || !moves_quantized(node, ops_)) return false;
    const auto x = dequantized(node.input(0));
    if (!x || x->dtype == DType::i32 || !x->per_tensor(graph_)) return false;
    std::vector<End> ends;
    for (ValueId out : node.outputs) {
      const auto end = quantized_end(out);
      if (!end || end->nodes.size() != 1 || end->output.dtype != x->dtype) return false;
      if (!same_elements(*graph_.constant(end->output.scale), *graph_.constant(x->scale)) ||
          !same_elements(*graph_.constant(zero_point(end->output)),
                         *graph_.constant(zero_point(*x)))) {
        return false;
      }
      ends.push_back(*end);
    }
    Node& moved = graph_.nodes[i];
    moved.inputs[0] = x->value;
    for (size_t k = 0; k < ends.size(); ++k) {
      moved.outputs[k] = ends[k].output.value;
      dead_[ends[k].nodes[0]] = true;
    }
    return true;
  }

  Graph& graph_;
  const OpTable& ops_;
  GraphIndex index_;
  std::vector<bool> dead_;
  std::map<std::tuple<int, int64_t, int>, ValueId> zeros_;
};

}  // namespace

/** Float operators between DequantizeLinear and QuantizeLinear become the QOperator node that does
 * the same arithmetic. Dequantizations that are read no more are left for eliminate_dead_code. */
bool qdq_to_qoperator(Graph& graph, const PassContext& context) {
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |= change_subgraphs(
        node, [&](Graph& subgraph) { return qdq_to_qoperator(subgraph, context); });
  }
  return Converter(graph, context).run() || changed;
}

}  // namespace whittle
