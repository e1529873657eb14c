#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void drop_output_sequence(Graph&, Node& node) {
  node.attributes.erase("output_sequence");
}

void drop_default(Graph&, Node& node) {
  node.attributes.erase("layout");
}

bool is_batch_first(const Graph&, const Node& node) {
  return node.int_attribute("layout", 0) != 0;
}

}  // namespace

/** LSTM, GRU, RNN: an output is asked for by naming it; layout came at 14. */
void register_canonicalize_recurrent(CanonicalizeTable& table) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    table.add({op, 6, drop_output_sequence});
    table.add({op, 13, nullptr, drop_default, is_batch_first});
  }
}

}  // namespace whittle
