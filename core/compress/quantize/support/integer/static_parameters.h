#pragma once

#include <map>

#include "core/compress/quantize/support/calibration/calibrators.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/graph/graph.h"

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

}  // namespace whittle
