#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/graph/graph.h"
#include "core/onnx/read_tensor.h"

namespace whittle::onnx {

/** A model's local function: what a call needs to be replaced by its body. */
struct Function {
  std::string label;  // "domain::name"
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string_view> nodes;  // NodeProto
  Attributes defaults;
  std::map<std::string, int64_t> opsets;
};

/** What reading graphs needs to know of the model around them. */
struct GraphContext {
  TensorContext tensors;
  /** Local functions by "domain::name:overload". */
  std::unordered_map<std::string, Function> functions;
  /** Nodes read so far, bodies of called functions included; bounded by kMaxNodes. */
  int64_t nodes = 0;
};

/** Expanding calls of functions that call functions doubles nodes with each level. */
inline constexpr int64_t kMaxNodes = 200'000;

/**
 * The names visible at one place: those of one graph, or of one called function's body. `outer` is
 * where a subgraph looks for what it does not define itself.
 */
struct Scope {
  Graph* graph = nullptr;
  Scope* outer = nullptr;
  std::unordered_map<std::string, ValueId> names;
  /** Value names taken in `graph`; shared by the bodies of functions called from it. */
  std::unordered_set<std::string>* taken = nullptr;
  /** In a function's body: what the caller bound its attributes to, and how local names start. */
  const Attributes* bound = nullptr;
  std::string prefix;
  int depth = 0;
};

/** Reads a GraphProto; a null `outer` makes it the model's main graph. */
Graph read_graph(std::string_view bytes, GraphContext& context, Scope* outer);

/** Reads NodeProtos into the scope's graph: outputs first, so that their order does not matter. */
void read_nodes(const std::vector<std::string_view>& nodes, GraphContext& context, Scope& scope);

/** Reads an AttributeProto. Name and value; a null optional for one that refers to an attribute the
 * caller of the function left out. */
struct NamedAttribute {
  std::string name;
  std::optional<Attribute> value;
};
NamedAttribute read_attribute(std::string_view bytes, GraphContext& context, Scope& scope);

/** Reads a FunctionProto into context.functions. */
void read_function(std::string_view bytes, GraphContext& context);
std::string function_key(std::string_view domain, std::string_view name, std::string_view overload);

/** The node at hand as its NodeProto states it. */
struct NodeFields {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string_view> attributes;
  std::string name;
  std::string op;
  std::string domain;
  std::string overload;
};
/** Puts the body of `function` in place of a call. */
void inline_call(const NodeFields& call, const Function& function, GraphContext& context,
                 Scope& scope);

/** The constant a Constant node stands for. */
Tensor constant_of(const Node& node);

/** The id `name` has in `scope`, captured from an outer graph if need be; nullopt if unknown, and
 * kNoValue for a function's input that the caller left out. */
std::optional<ValueId> resolve(Scope& scope, const std::string& name);
/** resolve, or INVALID_GRAPH saying that `where` reads an unknown name. */
ValueId require(Scope& scope, const std::string& name, const std::string& where);
/** Adds a value to the scope's graph; throws INVALID_GRAPH when the scope has the name already. */
ValueId define(Scope& scope, const std::string& name);

}  // namespace whittle::onnx
