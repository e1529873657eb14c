#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/kernels/kernel_table.h"
#include "core/ops/op.h"

namespace whittle {

/** How a value's elements lie in memory. */
enum class Layout : uint8_t {
  plain,          // row-major in ONNX's order of axes
  channels_last,  // axis 1 moved to the end: [N, C, H, W] is stored as [N, H, W, C]
};

/** A value of a plan: shapes are concrete, except for what only a run can tell. */
struct LoweredValue {
  std::string name;  // the original tensor it stands for
  DType dtype = DType::undefined;
  /** Type and shape are known and elements are plain bytes, so the arena can hold it. */
  bool is_static = false;
  Shape shape;  // in ONNX's order of axes whatever the layout; meaningful when is_static
  Layout layout = Layout::plain;
  Tensor constant;  // row-major in the order `layout` says
  /** Names a constant that is the same in every plan of a session; empty: private to the plan. */
  std::string shared_key;

  bool is_constant() const { return constant.defined(); }
  /** The shape as stored: axis 1 last for channels_last. */
  Shape stored_shape() const;
};

/** Work a product (convolution, matrix product) does on its sums before storing them, in the order
 * of FloatEpilogue. */
struct Epilogue {
  ValueId residual = kNoValue;
  float min = -__builtin_inff();
  float max = __builtin_inff();
  std::optional<UnaryKind> unary;
  UnaryParams unary_params;

  bool clamps() const { return min != -__builtin_inff() || max != __builtin_inff(); }
  bool empty() const { return residual == kNoValue && !clamps() && !unary; }
};

/** Scale and zero point of an 8-bit tensor: one of each, or one per channel along `axis`. */
struct Quantization {
  std::vector<float> scale;
  std::vector<int32_t> zero_point;
  DType dtype = DType::u8;

  bool per_tensor() const { return scale.size() == 1; }
  bool operator==(const Quantization&) const = default;
  QuantParams params() const { return {scale[0], zero_point[0], dtype == DType::i8}; }
};

/** What turns a float operator into its integer form. An input whose scale is only known at run
 * time has an empty Quantization. */
struct IntegerForm {
  std::vector<Quantization> inputs;  // of the operands, in the order of the node's inputs
  Quantization output;
  bool output_quantized = true;  // false: the result leaves as float
  int32_t qmin = 0;              // bounds of the result, tightened by a fused Relu or Clip
  int32_t qmax = 255;
};

/**
 * Constant weights of 8 or 4 bits of a product that computes in float: (v - zero_point) * scale, v
 * being the integer itself or, with a table, table[first[n] + code] in output column n.
 */
struct NarrowWeights {
  WeightKind kind = WeightKind::s8;  // or code4, code8
  /** One for each output column or, with `block`, for each block of that many weights along the
   * summed axis: in the shape of the weight, that axis divided. */
  std::vector<float> scale;
  std::vector<int32_t> zero_point;  // as scale
  int64_t block = 0;
  std::vector<float> table;
  std::vector<int32_t> first;  // of each column; empty: 0
};

/** The codes of a u4, i4, u8 or i8 tensor, a byte each; 4-bit ones as unsigned. */
std::vector<uint8_t> code_bytes(const Tensor& tensor);

/**
 * One operation of a plan. It starts as an ONNX node; lowerings replace groups of them by
 * operations of the domain kLowered, or attach work to `epilogue`.
 */
struct LoweredOp {
  Node node;
  const OpDef* definition = nullptr;  // null in the domain kLowered
  /** What it stands for, for the profile: "Conv+Add+Relu". */
  std::string parts;
  Epilogue epilogue;
  std::map<size_t, NarrowWeights> narrow;  // by input
  std::optional<IntegerForm> integer;
  Cost cost;
};

/** The domain of operations that exist only in plans. */
inline constexpr std::string_view kLowered = "lowered";

struct LoweredGraph {
  std::vector<LoweredValue> values;  // the first ones have the ids of the Graph they came from
  std::vector<LoweredOp> ops;        // in order of execution
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  /** Values to be handed to the observer, with the name each was asked for by. */
  std::vector<std::pair<ValueId, std::string>> observed;

  const LoweredValue& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  LoweredValue& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  ValueId add_value(LoweredValue value);
  /** A new constant, private to this plan. */
  ValueId add_constant(std::string name, Tensor tensor);
  const Tensor* constant(ValueId id) const {
    return id != kNoValue && value(id).is_constant() ? &value(id).constant : nullptr;
  }
};

/** Who makes and reads each value of a LoweredGraph; rebuilt after the graph changes. Graph outputs
 * and observed values count as read by nobody but are `pinned`. */
class LoweredIndex {
 public:
  explicit LoweredIndex(const LoweredGraph& graph);

  /** Index of the operation that makes `id`, or -1; values added since have none. */
  int producer(ValueId id) const {
    const bool known = id != kNoValue && static_cast<size_t>(id) < producers_.size();
    return known ? producers_[static_cast<size_t>(id)] : -1;
  }
  const std::vector<int>& consumers(ValueId id) const {
    return consumers_[static_cast<size_t>(id)];
  }
  /** Must exist after fusion: a graph output or an observed value. */
  bool pinned(ValueId id) const { return pinned_[static_cast<size_t>(id)]; }
  /** Index of the only reader of a value that is not pinned, or -1. */
  int only_consumer(ValueId id) const;

 private:
  std::vector<int> producers_;
  std::vector<std::vector<int>> consumers_;
  std::vector<bool> pinned_;
};

/** Every value an operation reads: inputs, residual, captures of its subgraphs. */
void for_each_read(const LoweredOp& op, const std::function<void(ValueId)>& visit);
/** Removes operations whose outputs nobody needs. */
void remove_dead_ops(LoweredGraph& graph);
/** Restores the order of execution after a rewrite placed operations out of order. */
void sort_ops(LoweredGraph& graph);

}  // namespace whittle
