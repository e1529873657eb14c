#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/** Resize of opset 10 maps output to input coordinates by the scale alone, rounding down. */
void state_coordinates(Graph&, Node& node) {
  const ValueId scales = node.input(1);
  node.inputs.resize(1);
  set_input(node, 2, scales);
  node.attributes.insert_or_assign("coordinate_transformation_mode", std::string("asymmetric"));
  node.attributes.insert_or_assign("nearest_mode", std::string("floor"));
}

/** Until 12 what is absent was given as an empty tensor. */
void drop_empty_inputs(Graph& graph, Node& node) {
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Tensor* tensor = graph.constant(node.inputs[i]);
    if (tensor != nullptr && tensor->elements() == 0) node.inputs[i] = kNoValue;
  }
  // Sizes decide; scales beside them were ignored.
  if (node.input(3) != kNoValue) node.inputs[2] = kNoValue;
  trim_inputs(node);
}

void drop_defaults(Graph&, Node& node) {
  if (node.int_attribute("antialias", 0) == 0) node.attributes.erase("antialias");
  if (node.string_attribute("keep_aspect_ratio_policy", "stretch") == "stretch") {
    node.attributes.erase("keep_aspect_ratio_policy");
  }
}

bool uses_axes_or_filter(const Graph&, const Node& node) {
  return node.has("axes") || node.int_attribute("antialias", 0) != 0 ||
         node.string_attribute("keep_aspect_ratio_policy", "stretch") != "stretch";
}

bool is_symmetric(const Graph&, const Node& node) {
  return node.string_attribute("coordinate_transformation_mode", "half_pixel") ==
         "half_pixel_symmetric";
}

}  // namespace

void register_canonicalize_resize(CanonicalizeTable& table) {
  table.add({"Resize", 10, state_coordinates});
  table.add({"Resize", 12, drop_empty_inputs});
  table.add({"Resize", 17, nullptr, drop_defaults, uses_axes_or_filter});
  table.add({"Resize", 18, nullptr, nullptr, is_symmetric});
}

}  // namespace whittle
