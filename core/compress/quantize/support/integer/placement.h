#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/compress/quantize/support/calibration/calibrators.h"
#include "core/graph/graph.h"
#include "core/ops/op.h"

namespace whittle {

/** What quantization does with a node. */
enum class QRole : uint8_t {
  none,     // stays float
  compute,  // Conv, ConvTranspose, Gemm, MatMul with constant 8-bit weights
  join,     // Add, Mul, Concat of quantized values
  move,     // gives 8-bit values as they are: works on them without a pair around it
  keep,     // float between a pair; the output has the parameters of the input
  own,      // float meaning, quantized on both sides (pools, activations)
  folded,   // Relu or Clip right behind a compute or Add: quantizing its output does its work
};

/**
 * Where QuantizeLinear / DequantizeLinear pairs go so that every operator between two integer
 * layers is integer too: decided on the graph alone, before any data is seen.
 */
struct Placement {
  std::vector<QRole> roles;  // by node index
  /** The folded activation behind a node, or -1. */
  std::vector<int> activation;
  /** Values that are quantized: by a pair behind their (integer) producer, or in front of their
   * integer readers. */
  std::set<ValueId> quantized;
  /** Values made by integer nodes: every reader sees the dequantized value. */
  std::set<ValueId> made_by_integer;
  /** Scalar constants of Add and Mul that are quantized as well. */
  std::set<ValueId> constants;
  /** Values whose ranges are to be observed. */
  std::vector<ValueId> observed;
  /** The value whose parameters a moved value shares; itself for the others. */
  ValueId source_of(ValueId id) const;

  std::map<ValueId, ValueId> shared;  // moved value -> value it was moved from
};

/** Whether a node gives elements of its first input (Concat: of all) as they are, and onnxruntime
 * has a kernel of it for 8 bits. A Pad with zeros is one: the zero point stands for them. */
bool works_on_8_bits(const Graph& graph, const Node& node);

/** What runs the model makes of a layer whose result no integer layer reads. */
enum class LastSum : uint8_t {
  exact,      // integer arithmetic with a float result: nothing is lost there
  quantized,  // a convolution is integer only with a quantized result (onnxruntime)
};

/** `compute` holds the indices of the nodes chosen as integer layers. */
Placement place_quantization(const Graph& graph, const OpTable& ops, const std::set<int>& compute,
                             LastSum last_sum);

/**
 * The affine parameters of every quantized value from the intervals of the observed ones. Inputs of
 * a Concat take the parameters of its output where that costs at most two bits of their own
 * resolution and nobody else reads them: the Concat then only copies bytes.
 */
std::map<ValueId, Affine> choose_parameters(const Graph& graph, const Placement& placement,
                                            const std::map<ValueId, Interval>& intervals,
                                            const ActivationForm& form);

}  // namespace whittle
