#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void refuse(Graph&, Node& node) {
  fail(Code::UNSUPPORTED, node.label(), "Expected Scan of opset 9 or newer for ", node.label(),
       " but received the batched form of opset 8");
}

}  // namespace

void register_canonicalize_scan(CanonicalizeTable& table) {
  table.add({"Scan", 8, refuse});
}

}  // namespace whittle
