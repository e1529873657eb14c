#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

/** Scan of opset 8 walks the second axis of each image of a batch: a Scan over the batch whose body
 * is the Scan over the sequence. */
void split_batch(Graph& graph, Node& node) {
  const auto body = node.graph_attribute("body");
  const int64_t scans = node.int_attribute("num_scan_inputs", 0);
  if (node.input(0) != kNoValue || body == nullptr) {
    fail(Code::UNSUPPORTED, node.label(),
         "Expected Scan of opset 8 with a body and without sequence_lens for ", node.label(),
         " but received another");
  }
  node.inputs.erase(node.inputs.begin());
  Graph outer;
  outer.name = node.name + "_batch";
  Node inner;
  inner.op = "Scan";
  inner.name = node.name + "_sequence";
  for (ValueId id : node.inputs) {
    const DType dtype = id == kNoValue ? DType::undefined : graph.value(id).dtype;
    outer.inputs.push_back(outer.add_value(inner.name + "_input", dtype));
  }
  for (ValueId id : body->outputs) {
    outer.outputs.push_back(outer.add_value(inner.name + "_output", body->value(id).dtype));
  }
  // What the body captures goes through the new graph.
  auto captured = std::make_shared<Graph>(*body);
  for (Value& value : captured->values) {
    if (value.captured == kNoValue) continue;
    const Value& source = graph.value(value.captured);
    const ValueId through = outer.add_value(source.name, source.dtype, source.dims);
    outer.value(through).captured = value.captured;
    value.captured = through;
  }
  inner.inputs = outer.inputs;
  inner.outputs = outer.outputs;
  inner.attributes["body"] = std::shared_ptr<const Graph>(std::move(captured));
  inner.attributes["num_scan_inputs"] = scans;
  if (node.has("directions")) {
    inner.attributes["scan_input_directions"] = node.ints_attribute("directions");
  }
  outer.nodes.push_back(std::move(inner));
  node.attributes.clear();
  node.attributes["num_scan_inputs"] = static_cast<int64_t>(node.inputs.size());
  node.attributes["body"] = std::make_shared<const Graph>(std::move(outer));
}

}  // namespace

/** Scan: before 9 over batches of sequences. */
void register_canonicalize_scan(CanonicalizeTable& table) {
  table.add({"Scan", 8, split_batch});
}

}  // namespace whittle
