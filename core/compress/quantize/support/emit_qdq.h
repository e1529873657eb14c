#pragma once

#include <map>
#include <string>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/placement.h"
#include "core/compress/quantize/support/quantized_weight.h"

namespace whittle {

/** How a layer's bias is stored. */
enum class BiasForm : uint8_t {
  f32,    // as it is: our runtime, and onnxruntime from 1.21 on, round it when they load the model
  int32,  // in units of input scale times weight scale, behind a DequantizeLinear
};

/** What the integer layers need beside the placement. */
struct StaticParameters {
  ActivationForm form;
  BiasForm bias = BiasForm::int32;
  /** What onnxruntime has no integer form of is said in operators that it has one of: interpolation
   * as a convolution (interpolation.h), HardSigmoid and HardSwish as sums and products. */
  bool for_onnxruntime = false;
  std::map<ValueId, Affine> activations;
  std::map<ValueId, QuantizedWeight> weights;
};

/**
 * Rewrites `graph` with QuantizeLinear / DequantizeLinear pairs, integer weights and biases.
 * Operators that only move values (QRole::move) work on 8 bits between the pairs of others, and so
 * does what reads a shape: no runtime has to recognise anything to keep them out of float.
 */
void emit_qdq(Graph& graph, NameMaker& names, const Placement& placement,
              const StaticParameters& parameters);

}  // namespace whittle
