#include "core/compress/quantize/support/integer/integer_products.h"

#include "core/graph/traversal.h"

namespace whittle {
namespace {

Tensor transposed(const Tensor& matrix) {
  const int64_t rows = matrix.shape()[0];
  const int64_t cols = matrix.shape()[1];
  Tensor out = Tensor::allocate(DType::i8, Shape{cols, rows});
  const std::span<const int8_t> from = matrix.data<int8_t>();
  const std::span<int8_t> to = out.mutable_data<int8_t>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      to[static_cast<size_t>(c * rows + r)] = from[static_cast<size_t>(r * cols + c)];
    }
  }
  return out;
}

/** [channels, 1, 1 ...]: broadcasts over the spatial dimensions of a convolution's output. */
Shape per_channel(int64_t channels, int spatial) {
  Shape shape{channels};
  for (int i = 0; i < spatial; ++i) shape.push_back(1);
  return shape;
}

}  // namespace

/** Rewrites the products of one graph. */
class IntegerRewriter {
 public:
  using Product = IntegerProductPlan::Product;

  IntegerRewriter(Graph& graph, NameMaker& names, ConstantPool& pool,
                  const std::map<std::string, Product>& products,
                  const std::map<ConstantRef, QuantizedWeight>& weights)
      : graph_(graph), names_(names), pool_(pool), products_(products), weights_(weights) {}

  void run() {
    keep_tied_weights();
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    for (Node& node : nodes) {
      const auto found = products_.find(node.name);
      if (found == products_.end()) {
        graph_.nodes.push_back(std::move(node));
      } else {
        rewrite(node, found->second);
      }
    }
    for (const auto& [constant, tied] : tied_) {
      const ValueId scales = pool_.get(weights_.at(constant).scales, "s");
      derive_constant(graph_, names_, constant.id, "DequantizeLinear", {tied.values, scales},
                      {{"axis", static_cast<int64_t>(tied.axis)}});
    }
  }

 private:
  struct Activation {
    ValueId values, scale, zero_point;
  };
  struct Tied {
    ValueId values;
    int axis;
  };

  /** A weight that something else reads as well (an embedding tied to the last product) is stored
   * once, as it was, and read there through a DequantizeLinear. */
  void keep_tied_weights() {
    const GraphIndex index(graph_);
    for (const auto& [name, product] : products_) {
      bool others = index.is_output(product.weight.id);
      for (int reader : index.consumers(product.weight.id)) {
        others = others || !products_.contains(graph_.nodes[static_cast<size_t>(reader)].name);
      }
      if (!others || tied_.contains(product.weight)) continue;
      const Tensor& values = weights_.at(product.weight).values;
      tied_[product.weight] = {graph_.add_constant(names_.fresh("q"), values), product.axis};
    }
  }

  ValueId weight_of(const Product& product) {
    const auto [place, added] =
        placed_.try_emplace(std::pair(product.weight, product.transpose), kNoValue);
    if (!added) return place->second;
    const Tensor& values = weights_.at(product.weight).values;
    if (const auto tied = tied_.find(product.weight); tied == tied_.end()) {
      place->second =
          graph_.add_constant(names_.fresh("q"), product.transpose ? transposed(values) : values);
    } else if (product.transpose) {
      place->second = append_node(graph_, names_, "Transpose", {tied->second.values}, DType::i8,
                                  {{"perm", std::vector<int64_t>{1, 0}}});
    } else {
      place->second = tied->second.values;
    }
    return place->second;
  }

  /** x in 8 bits with a range found at run time; once for all its readers. */
  const Activation& activation(ValueId x) {
    const auto [place, added] = activations_.try_emplace(x);
    if (added) {
      Node node;
      node.op = "DynamicQuantizeLinear";
      node.name = names_.fresh("n");
      node.inputs = {x};
      place->second.values = graph_.add_value(names_.fresh("v"), DType::u8);
      place->second.scale = graph_.add_value(names_.fresh("v"), DType::f32);
      place->second.zero_point = graph_.add_value(names_.fresh("v"), DType::u8);
      node.outputs = {place->second.values, place->second.scale, place->second.zero_point};
      graph_.nodes.push_back(std::move(node));
    }
    return place->second;
  }

  ValueId scales_of(const Product& product, float factor) {
    Tensor scales = weights_.at(product.weight).scales.clone();
    for (float& scale : scales.mutable_data<float>()) scale *= factor;
    return pool_.get(scales.reshaped(per_channel(scales.elements(), product.rank - 2)), "s");
  }

  ValueId bias_of(const Node& node, const Product& product) {
    ValueId bias = node.input(2);
    if (bias == kNoValue) return kNoValue;
    const bool gemm = node.is("Gemm");
    const float beta = gemm ? node.float_attribute("beta", 1.0f) : 1.0f;
    const int spatial = product.rank - 2;
    const Tensor* constant = graph_.constant(bias);
    if (beta == 1.0f && spatial == 0) return bias;
    if (constant != nullptr && constant->dtype() == DType::f32) {
      Tensor scaled = constant->clone();
      for (float& value : scaled.mutable_data<float>()) value *= beta;
      if (!gemm) scaled = scaled.reshaped(per_channel(scaled.elements(), spatial));
      return pool_.get(scaled, "b");
    }
    if (gemm) {
      return append_node(graph_, names_, "Mul", {bias, pool_.get(Tensor::scalar(beta), "s")},
                         DType::f32);
    }
    std::vector<int64_t> axes;
    for (int i = 1; i <= spatial; ++i) axes.push_back(i);
    const Tensor list = Tensor::of(Shape{spatial}, std::span<const int64_t>(axes));
    return append_node(graph_, names_, "Unsqueeze", {bias, pool_.get(list, "a")}, DType::f32);
  }

  void rewrite(const Node& node, const Product& product) {
    const Activation x = activation(node.input(0));
    const ValueId weight = weight_of(product);
    const bool conv = node.is("Conv");
    const float alpha = node.is("Gemm") ? node.float_attribute("alpha", 1.0f) : 1.0f;
    const ValueId sum = append_node(graph_, names_, conv ? "ConvInteger" : "MatMulInteger",
                                    {x.values, weight, x.zero_point}, DType::i32,
                                    conv ? node.attributes : Attributes{});
    const ValueId real = append_node(graph_, names_, "Cast", {sum}, DType::f32,
                                     {{"to", static_cast<int64_t>(DType::f32)}});
    const ValueId scale =
        append_node(graph_, names_, "Mul", {x.scale, scales_of(product, alpha)}, DType::f32);
    const ValueId bias = bias_of(node, product);
    // The last node keeps the layer's name and makes its output.
    Node last;
    last.op = bias == kNoValue ? "Mul" : "Add";
    last.name = node.name;
    last.outputs = node.outputs;
    if (bias == kNoValue) {
      last.inputs = {real, scale};
    } else {
      last.inputs = {append_node(graph_, names_, "Mul", {real, scale}, DType::f32), bias};
    }
    graph_.nodes.push_back(std::move(last));
  }

  Graph& graph_;
  NameMaker& names_;
  ConstantPool& pool_;
  const std::map<std::string, Product>& products_;
  const std::map<ConstantRef, QuantizedWeight>& weights_;
  std::map<ConstantRef, Tied> tied_;
  std::map<std::pair<ConstantRef, bool>, ValueId> placed_;
  std::map<ValueId, Activation> activations_;
};

std::string IntegerProductPlan::find_product(const Layer& layer, const ConstantFinder& finder,
                                             Product& product) {
  const Node& node = *layer.node;
  product.weight = finder.find(*layer.graph, node.input(1));
  if (!product.weight.found()) return "its weight is computed at run time";
  if (product.weight.owner != layer.graph) return "its weight belongs to an enclosing graph";
  const Tensor& tensor = product.weight.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(tensor.dtype()), ", not float32");
  }
  product.rank = tensor.shape().rank();
  if (tensor.elements() == 0) return "its weight is empty";
  if (node.is("Conv") ? product.rank < 3 : product.rank != 2) return "its weight is not a matrix";
  if (node.is("Gemm") && node.int_attribute("transA", 0) != 0) return "its input is transposed";
  product.transpose = node.is("Gemm") && node.int_attribute("transB", 0) != 0;
  product.axis = node.is("Conv") || product.transpose ? 0 : 1;
  return "";
}

Job IntegerProductPlan::make(TechniqueContext& context, const std::vector<Layer>& layers,
                             const ConstantFinder& finder) {
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    if (!layer.selected) {
      context.report.leave(*layer.node, "not selected");
      continue;
    }
    Product product;
    std::string obstacle = find_product(layer, finder, product);
    auto known = weights_.find(product.weight);
    if (obstacle.empty() && known != weights_.end() && known->second.axis != product.axis) {
      obstacle = "its weight is tied to a layer that reads it the other way round";
    }
    if (!obstacle.empty()) {
      context.report.leave(*layer.node, obstacle);
      continue;
    }
    if (known == weights_.end()) {
      co_await report_progress("quantize weights", layer.name(), done,
                               static_cast<int64_t>(layers.size()));
      context.cancel.poll();
      known = weights_
                  .emplace(product.weight, quantize_channels(product.weight.tensor(), product.axis,
                                                             product.weight.value().name))
                  .first;
    }
    context.report.touch(*layer.node, {{"weightSqnrDb", known->second.sqnr_db()}});
    products_[layer.graph][layer.name()] = product;
  }
}

void IntegerProductPlan::apply(Graph& graph, const Graph* before, NameMaker& names,
                               ConstantPool& pool) const {
  const auto found = products_.find(before);
  if (found != products_.end()) IntegerRewriter(graph, names, pool, found->second, weights_).run();
}

}  // namespace whittle
