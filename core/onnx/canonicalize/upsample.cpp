#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void sides_to_scales(Graph&, Node& node) {
  if (!node.has("height_scale")) return;
  node.attributes.insert_or_assign("scales",
                                   std::vector<float>{1, 1, node.float_attribute("height_scale", 1),
                                                      node.float_attribute("width_scale", 1)});
  node.attributes.erase("height_scale");
  node.attributes.erase("width_scale");
  if (node.string_attribute("mode", "nearest") == "bilinear") {
    node.attributes.insert_or_assign("mode", std::string("linear"));
  }
}

void scales_to_input(Graph& graph, Node& node) {
  if (!node.has("scales")) return;
  const std::vector<float> scales = node.floats_attribute("scales");
  const Shape shape{static_cast<int64_t>(scales.size())};
  set_input(
      node, 1,
      graph.add_constant(node.name + "_scales", Tensor::of(shape, std::span<const float>(scales))));
  node.attributes.erase("scales");
}

void become_resize(Graph&, Node& node) {
  node.op = "Resize";
}

}  // namespace

/** Upsample became Resize at 10 (whose own change at 11 then applies). */
void register_canonicalize_upsample(CanonicalizeTable& table) {
  table.add({"Upsample", 6, sides_to_scales});
  table.add({"Upsample", 8, scales_to_input});
  table.add({"Upsample", 9, become_resize});
}

}  // namespace whittle
