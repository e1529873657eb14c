#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/compress/quantize/support/calibration/histogram.h"
#include "core/compress/quantize/support/weights/affine.h"

namespace whittle {

/** The values that 8 bits are to stand for: what lies outside is clipped. */
struct Interval {
  float min = 0;
  float max = 0;
};

/** How an interval becomes 8-bit codes. */
struct ActivationForm {
  bool is_signed = false;  // s8, else u8
  /** Zero stands in the middle (0, or 128 of u8) and both sides reach equally far. */
  bool symmetric = false;

  QLimits limits() const { return is_signed ? kInt8Limits : kUint8Limits; }
  Affine affine(Interval interval) const;
};

/** What is known about one tensor after a pass over the data. */
struct TensorStatistics {
  Interval range;    // of all samples, zero included
  Interval average;  // moving average of each sample's range
  int64_t samples = 0;
  Histogram histogram;  // empty unless asked for

  /** The weight of a new sample in the average, as in onnxruntime's MinMaxCalibrater. */
  static constexpr float kAveragingConstant = 0.01f;
  void add_range(float low, float high);
};

/**
 * Expected squared error of quantizing a value drawn from the histogram: exact for a density that
 * is constant inside each bin, zeros counting as exact zeros.
 */
double quantization_noise(const Histogram& histogram, Affine affine, QLimits limits);
/** 10 log10(expected square / expected squared error); at most 300. */
double quantization_sqnr_db(const Histogram& histogram, Affine affine, QLimits limits);

/**
 * onnxruntime's percentile: half of (100 - percentile) per cent is cut off each end; symmetric: all
 * of it off the absolute values. The ends are left edges of bins, and never outside min and max.
 */
Interval percentile_interval(const Histogram& histogram, double percentile, bool symmetric);

/**
 * The symmetric threshold whose clipped distribution loses the least information (Kullback-Leibler
 * divergence) when it is put into 128 steps: TensorRT's calibration (Migacz, GTC 2017) as
 * onnxruntime's get_entropy_threshold defines it, never outside min and max.
 */
Interval entropy_interval(const Histogram& histogram);

/** The interval with the least quantization_noise; both ends are searched. */
Interval mse_interval(const Histogram& histogram, const ActivationForm& form);

/** The calibrator that runs the model with what the others propose. */
inline constexpr std::string_view kByOutputs = "outputs";
/** "minmax", "average", "percentile", "entropy", "mse", "auto", "outputs". */
const std::vector<std::string>& calibrator_names();
/** Whether a calibrator looks at more than ranges. */
bool needs_histogram(std::string_view calibrator);

/** One calibrator's proposal for a tensor, and the error it leaves. */
struct Proposal {
  std::string calibrator;
  Interval interval;
  double sqnr_db = 0;
};

/** The proposals of every calibrator that has its own, in the order of calibrator_names(). */
std::vector<Proposal> propose_intervals(const TensorStatistics& statistics,
                                        const ActivationForm& form, double percentile);
/** The index of the proposal that `calibrator` stands for. "auto" takes the one with the highest
 * sqnr_db, and so does "outputs" to begin with; earlier ones win ties. */
size_t choose_proposal(const std::vector<Proposal>& proposals, std::string_view calibrator);

}  // namespace whittle
