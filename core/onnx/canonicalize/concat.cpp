#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void state_axis(Graph&, Node& node) {
  node.attributes.emplace("axis", int64_t{1});
}

}  // namespace

/** Concat: the axis was optional. */
void register_canonicalize_concat(CanonicalizeTable& table) {
  table.add({"Concat", 3, state_axis});
}

}  // namespace whittle
