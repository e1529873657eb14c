#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

bool slices(const Graph&, const Node& node) {
  return node.has("start") || node.has("end");
}

}  // namespace

/** Shape: start and end came at 15. */
void register_canonicalize_shape(CanonicalizeTable& table) {
  table.add({"Shape", 14, nullptr, nullptr, slices});
}

}  // namespace whittle
