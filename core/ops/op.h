#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/thread_pool.h"
#include "core/graph/graph.h"
#include "core/tensor/tensor.h"

namespace whittle {

struct KernelTable;
const KernelTable& reference_kernels();

/** What is known of a value before it is computed. */
struct Fact {
  DType dtype = DType::undefined;
  std::optional<Dims> dims;  // nullopt: not even the rank is known
  Tensor constant;           // defined when the value itself is known
  /** Of the tensors inside a sequence or optional. */
  DType element = DType::undefined;
};

/**
 * One node's shape inference: facts of the inputs in, facts of the outputs out. An operator states
 * what it can; dimensions that depend on unknown ones stay unknown, nothing is guessed. With every
 * input shape concrete (and the shape-giving inputs constant) the outputs must come out concrete,
 * unless they depend on data (NonZero).
 */
class InferContext {
 public:
  InferContext(const Node& node, std::vector<Fact> inputs)
      : node_(node), inputs_(std::move(inputs)), outputs_(node.outputs.size()) {}

  const Node& node() const { return node_; }
  size_t input_count() const { return inputs_.size(); }
  bool has_input(size_t i) const { return i < inputs_.size() && node_.inputs[i] != kNoValue; }
  /** An empty Fact for an absent input. */
  const Fact& input(size_t i) const;
  DType dtype(size_t i) const { return input(i).dtype; }
  const std::optional<Dims>& dims(size_t i) const { return input(i).dims; }
  /** The constant integers of input i (shape, axes, repeats), or nullopt when not known. */
  std::optional<std::vector<int64_t>> integers(size_t i) const;

  size_t output_count() const { return outputs_.size(); }
  void set_output(size_t i, DType dtype, std::optional<Dims> dims = std::nullopt);
  void set_output(size_t i, Fact fact);
  /** Output i has the type and dims of input j. */
  void copy_output(size_t i, size_t j) {
    set_output(i, Fact{dtype(j), dims(j), {}, input(j).element});
  }
  /** Facts of a subgraph's outputs given facts of its inputs; captures are resolved by the caller.
   */
  std::vector<Fact> infer_subgraph(const Graph& graph, std::vector<Fact> subgraph_inputs) const;

  std::vector<Fact>& outputs() { return outputs_; }
  using SubgraphInference =
      std::function<std::vector<Fact>(const Graph&, std::vector<Fact> subgraph_inputs)>;
  SubgraphInference subgraph_inference;  // set by the driver (shape_inference.h)

 private:
  const Node& node_;
  std::vector<Fact> inputs_;
  std::vector<Fact> outputs_;
};

/**
 * One node's reference evaluation. Inputs are dense tensors; outputs are asked for by type and
 * shape and come from whoever evaluates: a fresh allocation, or the plan's arena.
 */
class EvalContext {
 public:
  virtual ~EvalContext() = default;
  EvalContext(const Node& node, std::span<const Tensor> inputs) : node_(node), inputs_(inputs) {}

  const Node& node() const { return node_; }
  size_t input_count() const { return inputs_.size(); }
  bool has_input(size_t i) const { return i < inputs_.size() && inputs_[i].defined(); }
  /** An undefined Tensor for an absent input. */
  const Tensor& input(size_t i) const;
  bool wants_output(size_t i) const { return node_.output(i) != kNoValue; }
  /** The tensor to fill for output i. Its elements are uninitialised. */
  virtual Tensor& output(size_t i, DType dtype, const Shape& shape) = 0;
  /** Gives output i an existing tensor without copying (Identity, Reshape, If). */
  virtual void forward(size_t i, const Tensor& tensor) = 0;
  /** Runs a subgraph attribute once (If, Loop, Scan); captures come from the evaluation at hand. */
  virtual std::vector<Tensor> run_subgraph(const Graph& graph, std::vector<Tensor> inputs) = 0;
  virtual ThreadPool& pool() const = 0;
  /** What products of some size run on: a session's kernels, else the reference. */
  virtual const KernelTable& kernels() const { return reference_kernels(); }

 protected:
  const Node& node_;
  std::span<const Tensor> inputs_;
};

/** The deterministic cost of one node at concrete shapes. */
struct Cost {
  int64_t macs = 0;  // multiply-accumulates of matrix products and convolutions
};

/** Facts of a node's inputs and outputs, for costs. */
struct NodeFacts {
  const Node& node;
  std::span<const Fact> inputs;
  std::span<const Fact> outputs;
};

/** How an operator treats its elements; passes, lowering and techniques ask, nobody lists names. */
enum class Trait : uint32_t {
  none = 0,
  /** Each output element depends on the elements of the same (broadcast) position only. */
  elementwise = 1 << 0,
  /** Moves or picks elements without computing (Reshape, Transpose, Concat, MaxPool, Gather):
   * commutes with any monotonic elementwise map, so quantization parameters pass through. */
  moves_data = 1 << 1,
  /** Result may differ from call to call; never folded, never merged. */
  nondeterministic = 1 << 2,
  /** Has subgraphs. */
  control_flow = 1 << 3,
  /** Takes sequences and optionals; others are never evaluated on one. */
  takes_containers = 1 << 4,
};
constexpr Trait operator|(Trait a, Trait b) {
  return static_cast<Trait>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}

/** An operator's meaning, at the internal opset. Plain functions: a table without one lets the
 * linker drop it. */
struct OpDef {
  std::string_view domain = {};  // "" is ai.onnx
  std::string_view name = {};
  void (*infer)(InferContext&) = nullptr;
  void (*evaluate)(EvalContext&) = nullptr;
  Cost (*cost)(const NodeFacts&) = nullptr;  // null: no MACs
  Trait traits = Trait::none;

  bool has(Trait trait) const {
    return (static_cast<uint32_t>(traits) & static_cast<uint32_t>(trait)) != 0;
  }
};

/** Evaluates `context` with its operator's reference implementation. Throws UNSUPPORTED_OPERATOR
 * for an operator that has none, TYPE_MISMATCH for a sequence or optional it does not take. */
void evaluate(const OpDef& op, EvalContext& context);

/** The operators a build knows. */
class OpTable {
 public:
  void add(const OpDef& op);
  const OpDef* find(std::string_view domain, std::string_view name) const;
  const OpDef* find(const Node& node) const { return find(node.domain, node.op); }
  /** Throws UNSUPPORTED_OPERATOR naming the node. */
  const OpDef& at(const Node& node) const;
  size_t size() const { return ops_.size(); }
  /** All operators, sorted by domain and name. */
  std::vector<const OpDef*> all() const;

 private:
  std::unordered_map<std::string, OpDef> ops_;
};

/** Registers every operator of this build; generated from the file names of core/ops. */
void register_all_ops(OpTable& table);
/** The table of every operator, made once. */
const OpTable& all_ops();

}  // namespace whittle
