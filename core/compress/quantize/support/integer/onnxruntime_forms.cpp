#include "core/compress/quantize/support/integer/onnxruntime_forms.h"

#include "core/compress/quantize/support/integer/interpolation.h"

namespace whittle {
namespace {

/** Every pixel doubled, then the edge repeated once. */
ValueId append_doubled(QdqBuilder& builder, const Node& resize, ValueId narrow) {
  std::vector<ValueId> inputs = resize.inputs;
  inputs[0] = narrow;
  Attributes attributes = {{"coordinate_transformation_mode", std::string("asymmetric")},
                           {"nearest_mode", std::string("floor")}};
  for (const char* kept : {"axes", "keep_aspect_ratio_policy"}) {
    if (resize.has(kept)) attributes[kept] = resize.attributes.find(kept)->second;
  }
  const ValueId doubled = append_node(builder.graph(), builder.names(), "Resize", std::move(inputs),
                                      builder.dtype(), std::move(attributes));
  const Tensor pads = Tensor::of<int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1});
  return append_node(builder.graph(), builder.names(), "Pad",
                     {doubled, builder.constant(pads, "p")}, builder.dtype(),
                     {{"mode", std::string("edge")}});
}

}  // namespace

bool append_interpolation(QdqBuilder& builder, const Node& node) {
  const auto form = integer_interpolation(builder.graph(), node);
  if (!form) return false;
  const Affine affine = builder.affine_of(node.inputs[0]);
  ValueId narrow = builder.narrow_of(node.inputs[0]);
  if (form->doubles) narrow = append_doubled(builder, node, narrow);
  Node conv;
  conv.op = "Conv";
  conv.name = node.name;
  conv.inputs = {builder.append_dequantize(narrow, affine),
                 append_node(builder.graph(), builder.names(), "DequantizeLinear",
                             {builder.constant(form->weights, "q"),
                              builder.constant(Tensor::scalar(form->scale), "s")},
                             DType::f32)};
  conv.attributes["group"] = form->weights.shape()[0];
  if (!form->doubles) conv.attributes["strides"] = std::vector<int64_t>{2, 2};
  builder.append_made(std::move(conv), node.outputs);
  return true;
}

bool append_hard_function(QdqBuilder& builder, const ActivationForm& form, const Node& node) {
  const bool swish = node.is("HardSwish");
  if (!swish && !node.is("HardSigmoid")) return false;
  const QLimits limits = form.limits();
  const Affine unit = form.affine({0, 1});
  const Affine clipped = swish ? unit : builder.affine_of(node.outputs[0]);
  const bool clips = quantize(0, clipped, limits) == limits.min &&
                     dequantize(limits.max, clipped) <= 1.0f + clipped.scale / 2;
  const float alpha = swish ? 1.0f / 6 : node.float_attribute("alpha", 0.2f);
  const float beta = swish ? 0.5f : node.float_attribute("beta", 0.5f);
  if (!clips || alpha <= 0) return false;
  const Affine affine = builder.affine_of(node.inputs[0]);
  const ValueId x = swish ? builder.read_quantized(node.inputs[0]) : kNoValue;
  const ValueId scaled = builder.append_dequantize(builder.narrow_of(node.inputs[0]),
                                                   {affine.scale * alpha, affine.zero_point});
  const ValueId shift = builder.append_scalar(beta, Shape{});
  if (!swish) {
    Node sum;
    sum.op = "Add";
    sum.name = node.name;
    sum.inputs = {scaled, shift};
    builder.append_made(std::move(sum), node.outputs);
    return true;
  }
  const ValueId gate =
      append_node(builder.graph(), builder.names(), "Add", {scaled, shift}, DType::f32);
  Node product;
  product.op = "Mul";
  product.name = node.name;
  product.inputs = {x, builder.append_pair(gate, unit)};
  builder.append_made(std::move(product), node.outputs);
  return true;
}

}  // namespace whittle
