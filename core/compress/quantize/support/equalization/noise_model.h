#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/compress/quantize/support/equalization/channel_groups.h"
#include "core/compress/quantize/support/equalization/noise_importance.h"

namespace whittle {

/** What the quantizer that follows will do. */
struct NoiseForm {
  bool weights_per_tensor = false;
  bool depthwise_per_channel = true;  // depthwise layers all the same
  /** What a channel's range is taken to be, in proportion between its extremes (0) and the mean of
   * each image's (1): calibrators that cut off rare values leave less than the extremes. */
  double typical = 0;
};

/**
 * The noise that 8 bits will add to the outputs of a network, as a function of the factors of its
 * channel groups, by which the makers' outputs are multiplied and the readers' inputs divided. Two
 * sources, each counted in the units of NoiseImportance:
 *
 * A tensor with one scale is rounded with a variance of step^2 / 12, step = its range / 255, the
 * range being that of its widest channel as scaled. In units of the float network channel c suffers
 * step^2 / (12 f_c^2).
 *
 * A weight is rounded with the step of its row (or of its tensor), largest |w_oi| f_o / f_i over
 * 127; the output then suffers step^2 / 12 times the sum over the inputs of E[x_i^2] f_i^2, over
 * f_o^2.
 *
 * All of it is a posynomial in the factors, apart from the maxima, which are too when replaced by
 * norms of high order; so the function is convex in their logarithms and has one minimum.
 */
class NoiseModel {
 public:
  /** `statistics` of the values that `importance` watches, and [channels] that are absorbed from
   * each group (empty: none). Factors of all groups lie one after the other, as logarithms. */
  NoiseModel(const Graph& graph, const std::vector<ChannelGroup>& groups,
             const std::vector<std::vector<std::vector<float>>>& absorbed,
             const NoiseImportance& importance,
             const std::map<ValueId, ChannelStatistics>& statistics, const NoiseForm& form);

  size_t variables() const { return variables_; }
  /** The first variable of a group. */
  size_t begin(size_t group) const { return begins_[group]; }

  /** The noise with exact maxima. */
  double noise(std::span<const double> logs) const;
  /** The noise with maxima replaced by norms, which is a little higher, and its gradient. Those
   * over activations have `order`, a power of two up to 64. */
  double smooth_noise(std::span<const double> logs, int order, std::vector<double>& gradient) const;
  /** Whether the variable makes a difference to any activation. */
  bool is_live(size_t variable) const { return live_[variable]; }

 private:
  struct TensorTerm {
    std::vector<double> high;        // at least 0
    std::vector<double> low;         // depth below zero, at least 0
    std::vector<double> importance;  // by channel
    std::vector<int> variable;       // by channel, -1: not scaled
  };
  struct LayerTerm {
    ChannelLayer layer;
    bool per_tensor = false;
    double scale = 0;                // largest weight
    std::vector<float> largest;      // |w| / scale of each block, [outputs, row]
    std::vector<float> kept;         // those to the power 8, square roots of the norms' terms
    std::vector<double> energy;      // taps * E[x^2], by input channel
    std::vector<double> importance;  // by output channel
    std::vector<int> out;            // variable by output channel, empty: not scaled
    std::vector<int> in;             // by input channel
  };

  void add_tensors(const std::map<ValueId, ChannelStatistics>& statistics,
                   const std::vector<ChannelGroup>& groups,
                   const std::vector<std::vector<std::vector<float>>>& absorbed,
                   const NoiseForm& form);
  void add_layers(const std::map<ValueId, ChannelStatistics>& statistics,
                  const std::vector<ChannelGroup>& groups, const NoiseForm& form);
  bool is_quantized(ValueId id) const;

  static double tensor_noise(const TensorTerm& term, std::span<const double> factors, int order,
                             std::vector<double>* gradient);
  static double row_noise(const LayerTerm& term, std::span<const double> factors,
                          std::vector<double>* gradient);
  static double whole_noise(const LayerTerm& term, std::span<const double> factors,
                            std::vector<double>* gradient);
  double total(std::span<const double> logs, int order, std::vector<double>* gradient) const;

  const Graph& graph_;
  GraphIndex index_;
  const NoiseImportance& importance_;
  size_t variables_ = 0;
  std::vector<size_t> begins_;
  std::map<ValueId, std::vector<int>> scaled_;  // variable by channel
  std::map<ValueId, std::vector<double>> shift_;
  std::vector<TensorTerm> tensors_;
  std::vector<LayerTerm> layers_;
  std::vector<bool> live_;
};

}  // namespace whittle
