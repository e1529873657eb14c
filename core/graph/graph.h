#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/attribute.h"
#include "core/graph/value_type.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** An index into Graph::values. */
using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;

/** One SSA value: a graph input, an initializer, a node's output, or a capture from the parent. */
struct Value : ValueType {
  std::string name;
  /** The original tensor this value stands for, kept through every rewrite; patterns and per-layer
   * reports match it. Empty means `name`. */
  std::string origin;
  /** Defined for constants. Shared: copying a Graph copies no weights. */
  Tensor constant;
  /** In a subgraph: the value of the enclosing graph this one stands for. */
  ValueId captured = kNoValue;

  bool is_constant() const { return constant.defined(); }
  const std::string& origin_name() const { return origin.empty() ? name : origin; }
};

/** One operator application in ONNX's vocabulary, at the internal opset. */
struct Node {
  std::string op;
  std::string domain;            // "" is ai.onnx
  std::string name;              // unique in its graph after loading
  std::vector<ValueId> inputs;   // kNoValue for an absent optional input
  std::vector<ValueId> outputs;  // kNoValue for an output nobody asked for
  Attributes attributes;

  bool is(std::string_view wanted) const { return domain.empty() && op == wanted; }
  bool is(std::string_view wanted_domain, std::string_view wanted) const {
    return domain == wanted_domain && op == wanted;
  }
  ValueId input(size_t index) const { return index < inputs.size() ? inputs[index] : kNoValue; }
  ValueId output(size_t index) const { return index < outputs.size() ? outputs[index] : kNoValue; }

  /** Attribute access; a wrong type throws INVALID_GRAPH naming the node. */
  bool has(std::string_view attribute) const {
    return attributes.find(attribute) != attributes.end();
  }
  int64_t int_attribute(std::string_view attribute, int64_t fallback) const;
  float float_attribute(std::string_view attribute, float fallback) const;
  std::string string_attribute(std::string_view attribute, std::string_view fallback) const;
  std::vector<int64_t> ints_attribute(std::string_view attribute,
                                      std::vector<int64_t> fallback = {}) const;
  std::vector<float> floats_attribute(std::string_view attribute,
                                      std::vector<float> fallback = {}) const;
  std::vector<std::string> strings_attribute(std::string_view attribute) const;
  /** Undefined tensor, undefined type, null when absent. */
  Tensor tensor_attribute(std::string_view attribute) const;
  ValueType type_attribute(std::string_view attribute) const;
  std::shared_ptr<const Graph> graph_attribute(std::string_view attribute) const;
  /** "node 'conv1' (Conv)": how errors and reports name it. */
  std::string label() const;
};

/**
 * The one representation: SSA values and nodes in topological order. Plain data; every function
 * that changes it leaves it consistent (verify.h says what that means).
 */
class Graph {
 public:
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;  // topologically sorted
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;

  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }

  /** Adds a value whose name is `wanted`, or `wanted` with the first free numeric suffix. */
  ValueId add_value(std::string_view wanted, DType dtype = DType::undefined,
                    std::optional<Dims> dims = std::nullopt);
  /** Adds a constant. */
  ValueId add_constant(std::string_view wanted, Tensor tensor);
  /** The value of that name, or kNoValue. Linear: keep a map where it is hot. */
  ValueId find(std::string_view value_name) const;
  /** The constant behind `id`, or nullptr when absent or not constant. */
  const Tensor* constant(ValueId id) const {
    return id != kNoValue && value(id).is_constant() ? &value(id).constant : nullptr;
  }
  /** Makes every reader of `from` (nodes, subgraph captures, graph outputs excepted) read `to`. */
  void replace_uses(ValueId from, ValueId to);
};

/** A model file's content apart from the nodes' meaning. */
struct Model {
  Graph graph;
  int64_t ir_version = 10;
  /** Opset of each domain as the source file stated it; the graph itself is at kInternalOpset. */
  std::map<std::string, int64_t> source_opsets;
  std::string producer_name;
  std::string producer_version;
  std::string model_domain;
  int64_t model_version = 0;
  std::string doc_string;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/** The ai.onnx opset every loaded graph is brought to; operators newer than it are kept as they
 * are. */
inline constexpr int64_t kInternalOpset = 21;

}  // namespace whittle
