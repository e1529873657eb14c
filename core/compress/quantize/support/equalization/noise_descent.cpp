#include "core/compress/quantize/support/equalization/noise_descent.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace whittle {

Job descend(const CancelFlag& cancel, const NoiseModel& model, const LogBounds& bounds,
            std::vector<double>& logs) {
  // The higher the order, the nearer to the maximum and the slower.
  constexpr std::array<std::pair<int, int>, 2> kStages = {{{16, 60}, {64, 50}}};
  constexpr int kRounds = 110;
  constexpr int kLook = 10;  // rounds between looks at the true noise
  constexpr double kFirstStep = 0.05;
  constexpr double kLeastStep = 1e-4;
  constexpr double kMostStep = 0.5;
  std::vector<double> steps;
  std::vector<double> slopes;
  std::vector<double> gradient;
  std::vector<double> now = logs;
  double best = model.noise(logs);
  int done = 0;
  for (const auto& [order, rounds] : kStages) {
    steps.assign(logs.size(), kFirstStep);
    slopes.assign(logs.size(), 0.0);
    for (int round = 1; round <= rounds; ++round) {
      co_await report_progress("equalize", "", done++, kRounds);
      cancel.poll();
      model.smooth_noise(now, order, gradient);
      for (size_t v = 0; v < now.size(); ++v) {
        const double agreement = gradient[v] * slopes[v];
        if (agreement > 0) steps[v] = std::min(steps[v] * 1.2, kMostStep);
        if (agreement < 0) {
          steps[v] = std::max(steps[v] * 0.5, kLeastStep);
          gradient[v] = 0;
        }
        slopes[v] = gradient[v];
        if (gradient[v] == 0) continue;
        const double moved = now[v] + (gradient[v] > 0 ? -steps[v] : steps[v]);
        now[v] = std::clamp(moved, bounds.least[v], bounds.most[v]);
      }
      if (round % kLook != 0) continue;
      const double noise = model.noise(now);
      if (noise < best) {
        best = noise;
        logs = now;
      }
    }
  }
}

}  // namespace whittle
