#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/** Only what inference needs is kept: without a training_mode input data passes unchanged. */
void drop_training(Graph&, Node& node) {
  node.attributes.erase("is_test");
  node.attributes.erase("ratio");
}

}  // namespace

void register_canonicalize_dropout(CanonicalizeTable& table) {
  table.add({"Dropout", 11, drop_training});
}

}  // namespace whittle
