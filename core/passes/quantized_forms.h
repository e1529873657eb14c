#pragma once

#include <optional>
#include <string_view>

#include "core/ops/op.h"

namespace whittle {

/**
 * The two ways ONNX writes an integer operator: QDQ puts DequantizeLinear in front of and
 * QuantizeLinear behind a float operator, QOperator says it in one node. One row a pair.
 */
struct QuantizedForm {
  /** Where scales and zero points stand among the inputs of the QOperator node. */
  enum class Inputs : uint8_t {
    product,   // x, xs, xz, w, ws, wz, ys, yz, bias
    gemm,      // x, xs, xz, w, ws, wz, bias, ys, yz
    binary,    // a, as, az, b, bs, bz, ys, yz
    unary,     // x, xs, xz, ys, yz
    variadic,  // ys, yz, then x, xs, xz for each input
  };
  std::string_view op;  // of ai.onnx
  std::string_view domain;
  std::string_view quantized;
  Inputs inputs;
};

/** The form whose float operator is `node`, or whose integer one; nullptr when there is none. */
const QuantizedForm* form_of_float(const Node& node);
const QuantizedForm* form_of_quantized(const Node& node);

/** Whether a node gives each 8-bit output elements of its first input as they are, so that it can
 * work on quantized values directly. */
bool moves_quantized(const Node& node, const OpTable& ops);

}  // namespace whittle
