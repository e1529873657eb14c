#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void rename(Node& node, const char* from, const char* to) {
  if (node.string_attribute("mode", "") == from) {
    node.attributes.insert_or_assign("mode", std::string(to));
  }
}

void short_names(Graph&, Node& node) {
  rename(node, "bilinear", "linear");
  rename(node, "bicubic", "cubic");
}

void long_names(Graph&, Node& node) {
  rename(node, "linear", "bilinear");
  rename(node, "cubic", "bicubic");
}

}  // namespace

/** GridSample: modes were named for two dimensions. */
void register_canonicalize_grid_sample(CanonicalizeTable& table) {
  table.add({"GridSample", 19, short_names, long_names});
}

}  // namespace whittle
