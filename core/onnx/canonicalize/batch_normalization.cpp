#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void check_spatial(Graph&, Node& node) {
  if (node.int_attribute("spatial", 1) == 0) {
    fail(Code::UNSUPPORTED, node.label(), "Expected normalization per channel for ", node.label(),
         " but received spatial=0 (per activation)");
  }
  node.attributes.erase("spatial");
  node.attributes.erase("is_test");
}

/** Until 13 up to four more outputs carried training state; inference leaves them unset. */
void drop_training(Graph&, Node& node) {
  if (node.outputs.size() > 1) node.outputs.resize(1);
}

void drop_default(Graph&, Node& node) {
  node.attributes.erase("training_mode");
}

bool trains(const Graph&, const Node& node) {
  return node.int_attribute("training_mode", 0) != 0;
}

}  // namespace

void register_canonicalize_batch_normalization(CanonicalizeTable& table) {
  table.add({"BatchNormalization", 8, check_spatial});
  table.add({"BatchNormalization", 13, drop_training, drop_default, trains});
}

}  // namespace whittle
