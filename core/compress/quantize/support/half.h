#pragma once

#include <cstdint>
#include <functional>

#include "core/compress/graph_edit.h"
#include "core/graph/graph.h"

namespace whittle {

/** What rounding a float tensor to binary16 does to it. */
struct HalfTensor {
  Tensor values;           // f16
  int64_t overflows = 0;   // finite values beyond +-65504, stored as +-65504
  int64_t underflows = 0;  // nonzero values that become zero
  double signal = 0;
  double noise = 0;

  double sqnr_db() const;
};
HalfTensor to_half(const Tensor& tensor);

struct HalfGraphResult {
  int64_t overflows = 0;
  int64_t underflows = 0;
};

/**
 * Turns a float32 model into a float16 one: every float32 value becomes float16, except the model's
 * inputs and outputs (converted at the border), what an operator's definition wants in float32, and
 * the nodes `keep` says yes to, which get casts around them.
 */
HalfGraphResult convert_to_half(Graph& root, NameMaker& names,
                                const std::function<bool(const Node&)>& keep);

}  // namespace whittle
