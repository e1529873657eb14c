#include "core/onnx/write_graph.h"

#include <map>
#include <tuple>

#include "core/graph/traversal.h"
#include "core/onnx/proto.h"
#include "core/onnx/write_tensor.h"
#include "core/onnx/write_type.h"

namespace whittle::onnx {
namespace {

class GraphWriter {
 public:
  GraphWriter(Writer& out, const Graph& graph, const WrittenNames& around)
      : out_(out), graph_(graph), around_(around) {
    choose_names();
    mark_read();
  }

  void write() {
    for (ValueId id : constant_outputs_) write_constant_node(id);
    for (const Node& node : graph_.nodes) {
      Writer message(out_, proto::graph::node);
      write_node(message, node);
    }
    out_.add_string(proto::graph::name, graph_.name.empty() ? "graph" : graph_.name);
    write_initializers();
    for (ValueId id : graph_.inputs) write_info(proto::graph::input, id);
    for (ValueId id : graph_.outputs) write_info(proto::graph::output, id);
  }

 private:
  const std::string& name(ValueId id) const {
    static const std::string absent;
    return id == kNoValue ? absent : names_[static_cast<size_t>(id)];
  }

  /** Captures are written under their outer name; what would hide an outer name gets another. */
  void choose_names() {
    taken_ = around_.taken;
    names_.resize(graph_.values.size());
    const bool inner = around_.outer != nullptr;
    std::unordered_set<std::string_view> own;
    for (const Value& value : graph_.values) own.insert(value.name);
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      if (value.captured != kNoValue && inner) {
        names_[i] = around_.outer->at(static_cast<size_t>(value.captured));
        continue;
      }
      names_[i] = value.name;
      for (int suffix = 1; !taken_.insert(names_[i]).second; ++suffix) {
        names_[i] = value.name + "_" + std::to_string(suffix);
        while (own.contains(names_[i])) names_[i] += "_";
      }
    }
  }

  /** Constants nobody reads are left out; a constant that is an output needs a node to make it. */
  void mark_read() {
    read_.assign(graph_.values.size(), false);
    for (const Node& node : graph_.nodes) {
      for_each_use(node, [&](ValueId id) { read_[static_cast<size_t>(id)] = true; });
    }
    std::vector<bool> output(graph_.values.size(), false);
    for (ValueId id : graph_.outputs) output[static_cast<size_t>(id)] = true;
    std::map<std::tuple<const void*, DType, std::string>, ValueId> shared;
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const Value& value = graph_.values[i];
      if (!value.is_constant()) continue;
      if (output[i]) {
        constant_outputs_.push_back(id);
      } else if (read_[i]) {
        if (value.constant.bytes() > 0) {
          const auto key = std::tuple(static_cast<const void*>(value.constant.raw()), value.dtype,
                                      to_string(value.constant.shape()));
          const auto [first, is_new] = shared.emplace(key, id);
          if (!is_new) {  // the same tensor under a second name: readers get the first one
            names_[i] = names_[static_cast<size_t>(first->second)];
            continue;
          }
        }
        initializers_.push_back(id);
      }
    }
  }

  void write_initializers() {
    for (ValueId id : initializers_) {
      Writer tensor(out_, proto::graph::initializer);
      write_tensor(tensor, graph_.value(id).constant, name(id));
    }
  }

  void write_constant_node(ValueId id) {
    Writer node(out_, proto::graph::node);
    node.add_string(proto::node::output, name(id));
    node.add_string(proto::node::op_type, "Constant");
    write_attribute(node, "value", graph_.value(id).constant);
  }

  void write_info(uint32_t field, ValueId id) {
    Writer info(out_, field);
    info.add_string(proto::value_info::name, name(id));
    write_type(info, proto::value_info::type, graph_.value(id));
  }

  void write_names(Writer& out, uint32_t field, std::vector<ValueId> ids) {
    while (!ids.empty() && ids.back() == kNoValue) ids.pop_back();
    for (ValueId id : ids) out.add_string(field, name(id));
  }

  void write_node(Writer& out, const Node& node) {
    if (node.domain == "ai.whittle.train") {
      fail(Code::INVALID_GRAPH, node.label(), "Expected only operators of inference for ",
           node.label(), " but received one of training");
    }
    write_names(out, proto::node::input, node.inputs);
    write_names(out, proto::node::output, node.outputs);
    out.add_string(proto::node::name, node.name);
    out.add_string(proto::node::op_type, node.op);
    for (const auto& [key, attribute] : node.attributes) write_attribute(out, key, attribute);
    if (!node.domain.empty()) out.add_string(proto::node::domain, node.domain);
  }

  void write_subgraph(Writer& out, uint32_t field, const Graph& graph) {
    WrittenNames names;
    names.outer = &names_;
    names.taken = taken_;
    Writer message(out, field);
    write_graph(message, graph, names);
  }

  void write_attribute(Writer& node, const std::string& key, const Attribute& attribute) {
    Writer out(node, proto::node::attribute);
    out.add_string(proto::attribute::name, key);
    const auto type =
        std::visit([&](const auto& value) { return write_value(out, value); }, attribute);
    out.add_int32(proto::attribute::type, static_cast<int32_t>(type));
  }

  using Type = proto::attribute::Type;

  Type write_value(Writer& out, int64_t value) {
    out.add_int64(proto::attribute::i, value);
    return Type::INT;
  }
  Type write_value(Writer& out, float value) {
    out.add_float(proto::attribute::f, value);
    return Type::FLOAT;
  }
  Type write_value(Writer& out, const std::string& value) {
    out.add_bytes(proto::attribute::s, value.data(), value.size());
    return Type::STRING;
  }
  Type write_value(Writer& out, const std::vector<int64_t>& values) {
    for (int64_t value : values) out.add_int64(proto::attribute::ints, value);
    return Type::INTS;
  }
  Type write_value(Writer& out, const std::vector<float>& values) {
    for (float value : values) out.add_float(proto::attribute::floats, value);
    return Type::FLOATS;
  }
  Type write_value(Writer& out, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      out.add_bytes(proto::attribute::strings, value.data(), value.size());
    }
    return Type::STRINGS;
  }
  Type write_value(Writer& out, const Tensor& tensor) {
    Writer message(out, proto::attribute::t);
    write_tensor(message, tensor, "");
    return Type::TENSOR;
  }
  Type write_value(Writer& out, const std::vector<Tensor>& tensors) {
    for (const Tensor& tensor : tensors) {
      Writer message(out, proto::attribute::tensors);
      write_tensor(message, tensor, "");
    }
    return Type::TENSORS;
  }
  Type write_value(Writer& out, const std::shared_ptr<const Graph>& graph) {
    write_subgraph(out, proto::attribute::g, *graph);
    return Type::GRAPH;
  }
  Type write_value(Writer& out, const std::vector<std::shared_ptr<const Graph>>& graphs) {
    for (const auto& graph : graphs) write_subgraph(out, proto::attribute::graphs, *graph);
    return Type::GRAPHS;
  }

  Type write_value(Writer& out, const ValueType& type) {
    write_type(out, proto::attribute::tp, type);
    return Type::TYPE_PROTO;
  }

  Writer& out_;
  const Graph& graph_;
  const WrittenNames& around_;
  std::unordered_set<std::string> taken_;
  std::vector<std::string> names_;         // by ValueId
  std::vector<bool> read_;                 // by ValueId
  std::vector<ValueId> initializers_;      // written as initializers
  std::vector<ValueId> constant_outputs_;  // written as Constant nodes
};

}  // namespace

void write_graph(Writer& out, const Graph& graph, const WrittenNames& around) {
  GraphWriter(out, graph, around).write();
}

}  // namespace whittle::onnx
