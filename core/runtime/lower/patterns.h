#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/runtime/lower/lowered_graph.h"

namespace whittle {

/** A unary kernel with its parameters. */
struct UnarySpec {
  UnaryKind kind = UnaryKind::relu;
  UnaryParams params;
};

/** The unary kernel an operation is, if it is one on float elements: Relu, Clip with constant
 * bounds, LeakyRelu, Sigmoid ... and the lowered Unary. */
std::optional<UnarySpec> unary_of(const LoweredOp& op, const LoweredGraph& graph);
/** The binary kernel of a float operation: Add, Sub, Mul, Div, Pow, PRelu, Min and Max of two. */
std::optional<BinaryKind> binary_of(const LoweredOp& op, const LoweredGraph& graph);
/** The inverse of unary_of: an operation of the lowered domain. */
LoweredOp make_unary(const UnarySpec& spec, ValueId x, const LoweredOp& last);

/** The value of a float constant with one element. */
std::optional<float> scalar_constant(const LoweredGraph& graph, ValueId id);
/** Integers of a constant. */
std::optional<std::vector<int64_t>> integer_constant(const LoweredGraph& graph, ValueId id);

bool is_f32(const LoweredGraph& graph, ValueId id);
/** Static shape of rank `rank`. */
bool has_rank(const LoweredGraph& graph, ValueId id, int rank);
/** A constant that holds one value for each of `channels` along axis 1 of a tensor of rank `rank`
 * ([C,1,1], [1,C,1,1], ...), or one for all. */
bool is_per_channel(const LoweredGraph& graph, ValueId id, int64_t channels, int rank);
/** Those values, a single one repeated. */
std::vector<float> per_channel_values(const LoweredGraph& graph, ValueId id, int64_t channels);

/** A shared key for a constant computed from others: empty when one of them is private to the plan.
 */
std::string derived_key(const LoweredGraph& graph, std::string_view tag,
                        std::initializer_list<ValueId> sources);

/** An operation of the lowered domain that takes the place of `last`: its outputs, its name. */
LoweredOp make_lowered(std::string op, std::vector<ValueId> inputs, const LoweredOp& last);

/** A LoweredGraph with its index, for looking backwards from an operation. */
class Patterns {
 public:
  explicit Patterns(LoweredGraph& graph) : graph_(graph), index_(graph) {}

  /** The operation that makes `id` if it is `op` of ai.onnx, else null. */
  const LoweredOp* made_by(ValueId id, std::string_view op) const;
  const LoweredOp* maker(ValueId id) const;
  const LoweredIndex& index() const { return index_; }
  /** For a commutative operation: the operand that is not `known`. */
  static ValueId other(const LoweredOp& op, ValueId known) {
    return op.node.inputs[0] == known ? op.node.inputs[1] : op.node.inputs[0];
  }

 private:
  LoweredGraph& graph_;
  LoweredIndex index_;
};

}  // namespace whittle
