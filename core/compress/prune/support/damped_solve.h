#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/runtime/job.h"

namespace whittle {

/** A linear system X A = B with A made for a ridge on its diagonal. */
struct DampedSystem {
  std::function<std::vector<double>(double ridge)> matrix;  // [n, n], symmetric
  int n = 0;
  std::vector<double> right;  // [rows, n]
  int rows = 0;
};

/** Solves it with the least of ridge, 10 ridge, 100 ridge ... that makes A positive definite; the
 * solution is empty when none does. `layer` is named in progress. */
Job solve_damped(const CancelFlag& cancel, std::string_view layer, const DampedSystem& system,
                 double ridge, std::vector<double>& solution);

}  // namespace whittle
