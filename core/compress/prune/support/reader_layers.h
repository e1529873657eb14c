#pragma once

#include <memory>
#include <vector>

#include "core/compress/layer_error/hessian.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/sample_store.h"
#include "core/compress/prune/support/channel_slots.h"
#include "core/compress/technique.h"

namespace whittle {

/** A layer that sums over channels that may go: a Conv, Gemm or MatMul with a constant weight. */
struct ReaderLayer {
  int node = -1;
  size_t weight_input = 1;
  ValueId weight = kNoValue;
  /** It has a bias of one value an output, or may get one. */
  bool has_bias = false;
  LayerRows rows;
  /** The class of each of the inputs of a group, rows.matrix().inputs of them. */
  std::vector<int> classes;

  const LayerMatrix& matrix() const { return rows.matrix(); }
  /** The matrix of its statistics: with a one behind the inputs, for the bias. */
  LayerMatrix extended() const;
};

/** Every layer of `graph` whose inputs are among the places of `slots`, once for each weight that
 * nothing else reads. */
std::vector<ReaderLayer> reader_layers(const Graph& graph, const ChannelSlots& slots);

/** Sums of x x^T of what layers read, with a one behind x. */
using ReaderStatistics = std::vector<std::unique_ptr<Hessian>>;

/** The layers that read channels, and what is known of their inputs. */
struct Readers {
  std::vector<ReaderLayer> layers;
  /** One each; null: not gathered, or too large. */
  ReaderStatistics statistics;

  /** Gathers all statistics out of one pass over the samples, if that has not been done. */
  Job gather(TechniqueContext& context, SampleStore& samples);
};

}  // namespace whittle
