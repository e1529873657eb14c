#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/compress/weights.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** What shares one scale: the tensor, an output channel, or a block of consecutive inputs of one
 * output channel. */
enum class Granularity : uint8_t { tensor, channel, block };

/** How the weights of a layer become integers. */
struct WeightFormat {
  int bits = 8;  // 8 or 4
  bool is_signed = true;
  /** Zero stands for zero and both sides reach equally far; else a zero point per scale. */
  bool symmetric = true;
  Granularity granularity = Granularity::channel;
  int64_t block = 32;  // inputs that share a scale, for Granularity::block

  DType dtype() const;
  /** Limits of the codes; symmetric int8 leaves the lowest out, so that products of two codes pair
   * up in 16 bits. With 4 bits the lowest is a sixteenth of all codes, of use to clipped weights.
   */
  int32_t min() const;
  int32_t max() const;
};

/**
 * The values a weight may take: scale[g] * (q - zero_point[g]) for q in [min, max], g the group of
 * the element. Rounding to nearest, GPTQ and AdaRound choose different q on the same grid.
 */
struct WeightGrid {
  WeightFormat format;
  Shape shape;        // of the weight
  Shape scale_shape;  // [], [channels], or the weight's with inputs / block inputs
  int axis = 0;       // DequantizeLinear's: of the channels, or of the inputs with blocks
  int64_t block = 0;  // DequantizeLinear's block_size; 0 without blocks
  std::vector<float> scale;
  std::vector<int32_t> zero_point;

  /** A grid for weights of that shape whose scales are 1 and zero points 0. */
  static WeightGrid empty(const Shape& shape, WeightAxes axes, const WeightFormat& format);
  /** The group of element `i` of the row-major weight. */
  size_t group_of(size_t i) const;
  /** The code nearest to `value` in group `g`. */
  int32_t nearest(float value, size_t g) const;
  float value_of(int32_t code, size_t g) const {
    return scale[g] * static_cast<float>(code - zero_point[g]);
  }
};

/**
 * The grid that just holds every weight (min-max). With one scale a channel, scale[c] is at least
 * min_scales[c] where given (a bias must fit int32); with one a tensor, at least min_scales[0].
 * Throws INVALID_MODEL naming `name` when a weight is not finite.
 */
WeightGrid grid_of_range(const Tensor& weight, WeightAxes axes, const WeightFormat& format,
                         const std::string& name, std::span<const float> min_scales = {});

/** The code of every weight, to nearest. */
std::vector<int8_t> round_to_nearest(const Tensor& weight, const WeightGrid& grid);

/** The values that codes (as int8_t, also for unsigned formats: the low byte counts) stand for. */
std::vector<float> values_of_codes(const WeightGrid& grid, std::span<const int8_t> codes);

/** A weight in integers: w = scale * (q - zero_point), laid out as DequantizeLinear wants it. */
struct QuantizedWeight {
  Tensor values;       // u8, i8, u4 or i4, the weight's shape
  Tensor scales;       // f32: [], [channels], or the weight's shape with inputs / block inputs
  Tensor zero_points;  // as scales, of the values' type; undefined: all zero
  int axis = 0;        // DequantizeLinear's: of the channels, or of the inputs with blocks
  int64_t block = 0;   // DequantizeLinear's block_size; 0 without blocks
  double signal = 0;   // sum of squares of the weight
  double noise = 0;    // sum of squares of the rounding error

  /** 10 log10(signal / noise); 300 when there is no noise. */
  double sqnr_db() const;
  /** The weight as its readers see it, f32. */
  Tensor dequantized() const;
};

/** Puts codes (as values_of_codes takes them) into a tensor of their type, with the error against
 * `weight`. */
QuantizedWeight store_codes(const Tensor& weight, const WeightGrid& grid,
                            std::span<const int8_t> codes);

/** To nearest, int8, symmetric, one scale for each index of `axis`. */
QuantizedWeight quantize_channels(const Tensor& weight, int axis, const std::string& name,
                                  std::span<const float> min_scales = {});
/** grid_of_range, round_to_nearest and store_codes. */
QuantizedWeight quantize_weight(const Tensor& weight, WeightAxes axes, const WeightFormat& format,
                                const std::string& name, std::span<const float> min_scales = {});

}  // namespace whittle
