#include "core/compress/quantize/support/calibration/calibrators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace whittle {
namespace {

constexpr ActivationForm kUnsigned{};

TensorStatistics statistics_of(const std::vector<float>& values) {
  float low = 0;
  float high = 0;
  for (float value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  TensorStatistics made;
  made.add_range(low, high);
  // In pieces, so that all values are counted.
  for (size_t i = 0; i < values.size(); i += 1000) {
    const size_t n = std::min<size_t>(1000, values.size() - i);
    made.histogram.add(std::span(values).subspan(i, n), low, high);
  }
  return made;
}

/** Exactly what rounding makes of the values themselves. */
double measured_noise(const std::vector<float>& values, Affine affine, QLimits limits) {
  double sum = 0;
  for (float value : values) {
    const double error = value - dequantize(quantize(value, affine, limits), affine);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

/** Quantiles (i + 1/2) / n of a distribution: deterministic samples of it. */
template <typename Inverse>
std::vector<float> quantiles(int n, Inverse inverse) {
  std::vector<float> values;
  for (int i = 0; i < n; ++i) values.push_back(static_cast<float>(inverse((i + 0.5) / n)));
  return values;
}

/** By bisection of the error function. */
double gaussian_quantile(double p) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

/** +-ln(u) / 2 with alternating signs (or one), the first value 8 so that bins are 1/128 wide. */
std::vector<float> laplace(bool one_sided) {
  std::vector<float> values = quantiles(20000, [](double u) { return -std::log(u) * 0.5; });
  for (size_t i = 1; i < values.size() && !one_sided; i += 2) values[i] = -values[i];
  values[0] = 8;
  return values;
}

TEST(Calibrators, NoiseOfUniformDataIsATwelfthOfAStep) {
  const std::vector<float> values = quantiles(100000, [](double u) { return 4 * u; });
  const TensorStatistics known = statistics_of(values);
  const Affine affine = kUnsigned.affine({0, 4});
  const double step = 4.0 / 255;
  EXPECT_NEAR(quantization_noise(known.histogram, affine, kUint8Limits), step * step / 12,
              1e-3 * step * step / 12);
  EXPECT_NEAR(quantization_sqnr_db(known.histogram, affine, kUint8Limits),
              10 * std::log10(16.0 / 3 / (step * step / 12)), 0.01);
  // Clipped at 2: the upper half has the error of x - 2, whose mean square is 4/3 over that half.
  const double clipped =
      quantization_noise(known.histogram, kUnsigned.affine({0, 2}), kUint8Limits);
  EXPECT_NEAR(clipped, 4.0 / 3 / 2, 1e-3);
  // Nothing to gain from clipping.
  const Interval best = mse_interval(known.histogram, kUnsigned);
  EXPECT_EQ(best.min, 0);
  EXPECT_NEAR(best.max, 4, 0.02);
}

TEST(Calibrators, NoiseIsWhatRoundingTheValuesMakes) {
  std::vector<float> values = quantiles(50000, gaussian_quantile);
  values.resize(values.size() + 30000, 0.0f);
  const TensorStatistics known = statistics_of(values);
  for (const bool is_signed : {false, true}) {
    for (const bool symmetric : {false, true}) {
      const ActivationForm form{is_signed, symmetric};
      for (const Interval interval : {Interval{-4, 4}, Interval{-1, 3}, Interval{0, 2.5f}}) {
        const Affine affine = form.affine(interval);
        const double expected = measured_noise(values, affine, form.limits());
        EXPECT_NEAR(quantization_noise(known.histogram, affine, form.limits()), expected,
                    0.02 * expected);
      }
    }
  }
}

TEST(Calibrators, MseFindsTheBestClipOfAGaussian) {
  // Banner et al., "Post training 4-bit quantization" (2019): for 8 bits the best clipping of a
  // gaussian is at 3.92 standard deviations.
  const std::vector<float> values = quantiles(400000, gaussian_quantile);
  const TensorStatistics known = statistics_of(values);
  const Interval symmetric = mse_interval(known.histogram, {true, true});
  EXPECT_NEAR(symmetric.max, 3.92, 0.12);
  EXPECT_NEAR(symmetric.min, -symmetric.max, 1e-5);
  // Both ends free: at least as good as any pair on a grid.
  const Interval free = mse_interval(known.histogram, kUnsigned);
  const auto noise = [&](Interval interval) {
    return quantization_noise(known.histogram, kUnsigned.affine(interval), kUint8Limits);
  };
  for (float low = 2.5f; low < 5; low += 0.25f) {
    for (float high = 2.5f; high < 5; high += 0.25f) {
      EXPECT_LE(noise(free), noise({-low, high}) * 1.002);
    }
  }
}

TEST(Calibrators, AnOutlierIsClippedByAllButTheExtremes) {
  std::vector<float> values = quantiles(200000, [](double u) { return u; });
  values.push_back(1000);
  const TensorStatistics known = statistics_of(values);
  const std::vector<Proposal> proposals = propose_intervals(known, kUnsigned, 99.99);
  for (const Proposal& proposal : proposals) {
    const bool extremes = proposal.calibrator == "minmax" || proposal.calibrator == "average";
    EXPECT_EQ(proposal.interval.max, extremes ? 1000.0f : proposal.interval.max);
    if (proposal.calibrator == "percentile") {
      EXPECT_NEAR(proposal.interval.max, 1, 0.5);
    }
    if (proposal.calibrator == "entropy") {
      EXPECT_LT(proposal.interval.max, 200);
    }
  }
  // The square of one lost outlier weighs more than all the rest: least squares keeps much of it.
  EXPECT_GT(proposals[choose_proposal(proposals, "mse")].interval.max, 100);
  for (const Proposal& proposal : proposals) {
    EXPECT_LE(proposal.sqnr_db, proposals[choose_proposal(proposals, "mse")].sqnr_db + 0.01);
    EXPECT_LE(proposal.sqnr_db, proposals[choose_proposal(proposals, "auto")].sqnr_db);
  }
}

TEST(Calibrators, AgreeWithOnnxruntime) {
  // Golden: onnxruntime 1.32.0, quantization.calibrate.HistogramCollector(method, symmetric, 2048,
  // 128, percentile, "same") on the same values; a bin is 1/128 wide.
  const double bin = 1.0 / 128;
  const TensorStatistics two = statistics_of(laplace(false));
  const TensorStatistics one = statistics_of(laplace(true));
  const auto expect = [&](Interval actual, double min, double max) {
    EXPECT_NEAR(actual.min, min, 1.01 * bin);
    EXPECT_NEAR(actual.max, max, 1.01 * bin);
  };
  expect(percentile_interval(two.histogram, 99.9325, false), -3.65625, 3.6875);
  expect(percentile_interval(two.histogram, 99.9875, false), -4.328125, 4.4921875);
  expect(percentile_interval(two.histogram, 99.9325, true), -3.648444176, 3.648444176);
  expect(percentile_interval(two.histogram, 99.9875, true), -4.492192745, 4.492192745);
  expect(percentile_interval(one.histogram, 99.9325, false), 0, 4.015625);
  expect(percentile_interval(one.histogram, 99.9325, true), 0, 3.648444176);
  expect(entropy_interval(two.histogram), -3.5234375, 3.53125);
  expect(entropy_interval(one.histogram), 0, 4.5078125);
}

TEST(Calibrators, AverageMovesByAHundredthOfEachNewRange) {
  TensorStatistics known;
  known.add_range(-1, 2);
  known.add_range(-3, 1);
  known.add_range(0, 12);
  EXPECT_FLOAT_EQ(known.average.min, 0.99f * (-1 - 0.02f));
  EXPECT_FLOAT_EQ(known.average.max, 1.99f + 0.01f * (12 - 1.99f));
  EXPECT_EQ(known.range.max, 12);
}

TEST(Calibrators, TakeDegenerateTensors) {
  for (const std::vector<float>& values :
       {std::vector<float>{0, 0, 0}, {5, 5, 5}, {-2}, {1e-42f}, {-3e38f, 3e38f}}) {
    const TensorStatistics known = statistics_of(values);
    for (const bool symmetric : {false, true}) {
      const ActivationForm form{true, symmetric};
      for (const Proposal& proposal : propose_intervals(known, form, 99.999)) {
        const Affine affine = form.affine(proposal.interval);
        EXPECT_TRUE(std::isfinite(affine.scale) && affine.scale > 0) << proposal.calibrator;
        EXPECT_LE(proposal.interval.min, proposal.interval.max);
        EXPECT_FALSE(std::isnan(proposal.sqnr_db));
      }
    }
  }
}

}  // namespace
}  // namespace whittle
