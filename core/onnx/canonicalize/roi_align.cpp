#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/** Until 15 regions were not shifted by half a pixel. */
void state_coordinates(Graph&, Node& node) {
  node.attributes.insert_or_assign("coordinate_transformation_mode",
                                   std::string("output_half_pixel"));
}

void imply_coordinates(Graph&, Node& node) {
  node.attributes.erase("coordinate_transformation_mode");
}

bool is_shifted(const Graph&, const Node& node) {
  return node.string_attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel";
}

}  // namespace

void register_canonicalize_roi_align(CanonicalizeTable& table) {
  table.add({"RoiAlign", 15, state_coordinates, imply_coordinates, is_shifted});
}

}  // namespace whittle
