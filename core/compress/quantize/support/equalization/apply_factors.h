#pragma once

#include <string>
#include <vector>

#include "core/compress/quantize/support/equalization/channel_groups.h"

namespace whittle {

/** What becomes of a Clip with an upper bound between scaled layers. */
enum class ClipForm : uint8_t {
  keep,  // stays: no channel that reaches the bound is scaled, no other is scaled up to it
  relu,  // Relu: the bound is given up
  min,   // Relu, then Min with a bound per channel
};

/** A group with all that was decided about it. */
struct ScaledGroup {
  ChannelGroup group;
  ClipForm clip = ClipForm::keep;
  /** [channels], positive: the makers' output channels are multiplied, the readers' inputs divided.
   */
  std::vector<double> factors;
  /** [makers][channels], or empty: taken from each maker's bias (before scaling), and what arrives
   * of it (shift_at) given to the readers'. */
  std::vector<std::vector<float>> absorbed;
};

/** Rewrites weights, biases and Clips. Values that hold other numbers than before get new names, so
 * that nobody compares them with the original's. */
void apply_factors(Graph& graph, NameMaker& names, const std::vector<ScaledGroup>& groups);

}  // namespace whittle
