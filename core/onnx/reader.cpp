#include "core/onnx/reader.h"

#include "core/graph/verify.h"
#include "core/onnx/canonicalize.h"
#include "core/onnx/proto.h"
#include "core/onnx/read_graph.h"
#include "core/onnx/sniff.h"

namespace whittle {
namespace {

using namespace onnx;

/** The parts of a ModelProto that are read after all of it has been seen. */
struct Fields {
  std::string_view graph;
  bool has_graph = false;
  std::vector<std::string_view> functions;
};

std::pair<std::string, std::string> read_metadata(Message entry) {
  std::pair<std::string, std::string> pair;
  while (entry.next()) {
    switch (entry.field()) {
      case proto::entry::key:
        pair.first = entry.text();
        break;
      case proto::entry::value:
        pair.second = entry.text();
        break;
      default:
        entry.skip();
    }
  }
  return pair;
}

void read_opset(Message entry, std::map<std::string, int64_t>& opsets) {
  std::string domain;
  int64_t version = 0;
  while (entry.next()) {
    switch (entry.field()) {
      case proto::opset::domain:
        domain = entry.text();
        break;
      case proto::opset::version:
        version = entry.integer();
        break;
      default:
        entry.skip();
    }
  }
  opsets[domain == "ai.onnx" ? "" : domain] = version;
}

Fields read_fields(std::string_view bytes, const Source& source, Model& model) {
  Fields fields;
  Message message(bytes, source);
  while (message.next()) {
    switch (message.field()) {
      case proto::model::ir_version:
        model.ir_version = message.integer();
        break;
      case proto::model::producer_name:
        model.producer_name = message.text();
        break;
      case proto::model::producer_version:
        model.producer_version = message.text();
        break;
      case proto::model::domain:
        model.model_domain = message.text();
        break;
      case proto::model::model_version:
        model.model_version = message.integer();
        break;
      case proto::model::doc_string:
        model.doc_string = message.text();
        break;
      case proto::model::opset_import:
        read_opset(message.message(), model.source_opsets);
        break;
      case proto::model::metadata_props:
        model.metadata.push_back(read_metadata(message.message()));
        break;
      case proto::model::functions:
        fields.functions.push_back(message.bytes());
        break;
      case proto::model::graph:
        fields.graph = message.bytes();
        fields.has_graph = true;
        break;
      default:
        message.skip();
    }
  }
  return fields;
}

void read_functions(const Fields& fields, const Model& model, GraphContext& context) {
  for (std::string_view bytes : fields.functions) read_function(bytes, context);
  for (const auto& [key, function] : context.functions) {
    for (const auto& [domain, version] : function.opsets) {
      const auto found = model.source_opsets.find(domain);
      if (found == model.source_opsets.end() || found->second == version) continue;
      fail(Code::UNSUPPORTED, function.label, "Expected the model's opset ", found->second,
           " for function ", function.label, " but received ", version);
    }
  }
}

void check_external(const TensorContext& tensors) {
  if (tensors.missing.empty()) return;
  std::string list;
  std::string lines;  // `where`: all of them, one a line, for whoever can fetch them
  for (const std::string& location : tensors.missing) {
    list += (list.empty() ? "'" : ", '") + location + "'";
    lines += (lines.empty() ? "" : "\n") + location;
  }
  fail(Code::EXTERNAL_DATA_MISSING, lines, "Expected ", tensors.missing.size(),
       tensors.missing.size() == 1 ? " file" : " files", " of external data for ",
       tensors.source.file_name, " but received none of ", list,
       ". Give them together with the model");
}

}  // namespace

Model read_model(Bytes file, const ReadOptions& options) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data.get()), file.size);
  reject_foreign_formats(bytes, options.file_name);
  const Source source{bytes.data(), options.file_name};
  Model model;
  model.ir_version = 0;
  Fields fields;
  try {
    fields = read_fields(bytes, source, model);
  } catch (const Error&) {
    // A stated IR version makes it a damaged model; without one it is something else.
    if (model.ir_version < 1 || model.ir_version > 1000) fail_not_onnx(bytes, options.file_name);
    throw;
  }
  if (!fields.has_graph) fail_not_onnx(bytes, options.file_name);
  // Before IR 3 there were no opset imports.
  if (!model.source_opsets.contains("")) model.source_opsets[""] = 1;

  GraphContext context{
      TensorContext{source, {file.data, file.data.get()}, options.external, {}}, {}, 0};
  read_functions(fields, model, context);
  model.graph = read_graph(fields.graph, context, nullptr);
  check_external(context.tensors);
  canonicalize(model.graph, model.source_opsets.at(""));
  verify(model.graph);
  return model;
}

}  // namespace whittle
