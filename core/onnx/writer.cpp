#include "core/onnx/writer.h"

#include <algorithm>

#include "core/base/checked.h"
#include "core/graph/traversal.h"
#include "core/onnx/canonicalize.h"
#include "core/onnx/proto.h"
#include "core/onnx/write_graph.h"

namespace whittle {
namespace {

using namespace onnx;

/** Protobuf's own limit for one message. */
constexpr int64_t kMaxFileBytes = (int64_t{1} << 31) - 1;

/** The oldest IR version whose onnx release knew `opset`. */
int64_t ir_version_of(int64_t opset, int64_t source) {
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  if (opset <= 22) return 10;
  if (opset <= 23) return 11;
  if (opset <= 24) return 12;
  if (opset <= 27) return 13;
  return opset <= kNewestOpset ? 14 : std::max<int64_t>(source, 14);
}

int64_t constant_bytes(const Graph& graph) {
  int64_t total = 0;
  for (const Value& value : graph.values) {
    if (value.is_constant()) total = checked_add(total, value.constant.bytes(), "a model");
  }
  for (const Node& node : graph.nodes) {
    for_each_subgraph(node, [&](const Graph& subgraph) {
      total = checked_add(total, constant_bytes(subgraph), "a model");
    });
  }
  return total;
}

void collect_domains(const Graph& graph, std::map<std::string, int64_t>& opsets) {
  for (const Node& node : graph.nodes) {
    if (!node.domain.empty()) opsets.emplace(node.domain, 1);
    for_each_subgraph(node, [&](const Graph& subgraph) { collect_domains(subgraph, opsets); });
  }
}

void write_opset(Writer& out, const std::string& domain, int64_t version) {
  Writer entry(out, proto::model::opset_import);
  entry.add_string(proto::opset::domain, domain);
  entry.add_int64(proto::opset::version, version);
}

void check_size(int64_t bytes) {
  if (bytes <= kMaxFileBytes) return;
  fail(Code::LIMIT_EXCEEDED, "", "Expected a model of at most ", kMaxFileBytes,
       " bytes but received ", bytes, ": one ONNX file cannot hold more");
}

}  // namespace

std::string newest_need(const Graph& graph) {
  return opset_need(graph).what;
}

int64_t required_opset(const Model& model) {
  const auto source = model.source_opsets.find("");
  const int64_t stated = source == model.source_opsets.end() ? 13 : source->second;
  return std::max(stated, opset_need(model.graph).opset);
}

std::vector<std::byte> write_model(const Model& model) {
  const int64_t weights = constant_bytes(model.graph);
  check_size(weights);
  const int64_t opset = required_opset(model);
  Graph graph = model.graph;
  decanonicalize(graph, opset);

  ByteBuffer buffer;
  constexpr size_t kStructure = size_t{1} << 16;  // a first guess at everything but weights
  buffer.bytes.reserve(static_cast<size_t>(weights) + kStructure);
  Writer out(buffer);
  out.add_int64(proto::model::ir_version, ir_version_of(opset, model.ir_version));
  const auto add_text = [&](uint32_t field, const std::string& text) {
    if (!text.empty()) out.add_string(field, text);
  };
  add_text(proto::model::producer_name, model.producer_name);
  add_text(proto::model::producer_version, model.producer_version);
  add_text(proto::model::domain, model.model_domain);
  if (model.model_version != 0) out.add_int64(proto::model::model_version, model.model_version);
  add_text(proto::model::doc_string, model.doc_string);
  {
    Writer message(out, proto::model::graph);
    write_graph(message, graph, WrittenNames{});
  }
  std::map<std::string, int64_t> opsets = model.source_opsets;
  collect_domains(graph, opsets);
  opsets[""] = opset;
  for (const auto& [domain, version] : opsets) write_opset(out, domain, version);
  for (const auto& [key, value] : model.metadata) {
    Writer entry(out, proto::model::metadata_props);
    entry.add_string(proto::entry::key, key);
    entry.add_string(proto::entry::value, value);
  }
  check_size(static_cast<int64_t>(buffer.bytes.size()));
  return std::move(buffer.bytes);
}

}  // namespace whittle
