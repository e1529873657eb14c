#pragma once

#include <limits>
#include <span>

#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/product.h"

namespace whittle {

/** The activation behind a layer as far as its reconstruction knows it: y = clamp(x, low, high). */
struct ClampActivation {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  float operator()(float x) const { return x < low ? low : x > high ? high : x; }
  bool passes(float x) const { return x > low && x < high; }
};

/**
 * What the output of a layer is looked at on. Each row of `rows` holds the input of the layer, and
 * with `paired` behind it the input it has in the float model: then the output to come near to is
 * the float model's, from inputs that earlier rounding has changed.
 */
struct OutputRows {
  const LayerMatrix& matrix;
  const RowReservoir& rows;
  bool paired = false;
  std::span<const float> bias = {};  // of every output, or empty
  ClampActivation activation = {};
  /** By how much the squared error of every output counts, or empty: all the same. */
  std::span<const float> importance = {};
};

/** Sum over rows and outputs, by importance, of the squared error against the float layer, and of
 * its squared output. */
struct OutputError {
  double noise = 0;
  double signal = 0;

  /** 10 log10(signal / noise); 300 when there is no noise. */
  double sqnr_db() const;
};

/** The error of the weight `rounded` in the place of `weight`, both in its layout. */
OutputError output_error(Products& products, const OutputRows& on, std::span<const float> weight,
                         std::span<const float> rounded);

}  // namespace whittle
