#include "core/compress/prune/support/reconstruct.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/compress/prune/support/damped_solve.h"

namespace whittle {
namespace {

/** The moments of one group: of its inputs, a one behind them, and the errors of its outputs. */
class GroupMoments {
 public:
  GroupMoments(const FitLayer& layer, const Hessian& moments, int64_t group)
      : upper_(moments.of_group(group)),
        size_(static_cast<size_t>(layer.moments().inputs)),
        inputs_(static_cast<size_t>(layer.matrix().inputs)),
        outputs_(static_cast<size_t>(layer.matrix().outputs)),
        unknowns_(inputs_ + (layer.has_bias ? 1 : 0)) {}

  size_t unknowns() const { return unknowns_; }

  std::vector<double> system(double ridge) const {
    double power = 0;
    for (size_t i = 0; i < inputs_; ++i) power += at(i, i);
    const double added = power > 0 ? ridge * power / static_cast<double>(inputs_) : 1.0;
    std::vector<double> a(unknowns_ * unknowns_);
    for (size_t i = 0; i < unknowns_; ++i) {
      for (size_t j = 0; j <= i; ++j) a[i * unknowns_ + j] = at(j, i);
      a[i * unknowns_ + i] += i < inputs_ ? added : 1e-9 * at(i, i);
    }
    return a;
  }

  /** sum of e x^T, a row for each output. */
  std::vector<double> right() const {
    std::vector<double> b(outputs_ * unknowns_);
    for (size_t m = 0; m < outputs_; ++m) {
      for (size_t i = 0; i < unknowns_; ++i) b[m * unknowns_ + i] = at(i, inputs_ + 1 + m);
    }
    return b;
  }

  double error() const {
    double total = 0;
    for (size_t i = inputs_ + 1; i < size_; ++i) total += at(i, i);
    return total;
  }

 private:
  /** i <= j. */
  double at(size_t i, size_t j) const { return upper_[i * size_ + j]; }

  std::span<const float> upper_;
  size_t size_;
  size_t inputs_;
  size_t outputs_;
  size_t unknowns_;
};

}  // namespace

namespace {

/** Solves for one ridge. */
Job solve(const CancelFlag& cancel, const std::string& name, const FitLayer& layer,
          const Hessian& moments, double ridge, FitChange& change) {
  const LayerMatrix& matrix = layer.matrix();
  const auto outputs = static_cast<size_t>(matrix.groups * matrix.outputs);
  change = {};
  change.weight.assign(outputs * static_cast<size_t>(matrix.inputs), 0.0f);
  if (layer.has_bias) change.bias.assign(outputs, 0.0f);
  double error = 0;
  double won = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const GroupMoments group(layer, moments, g);
    const std::vector<double> right = group.right();
    DampedSystem system;
    system.matrix = [&](double own) { return group.system(own); };
    system.n = static_cast<int>(group.unknowns());
    system.right = right;
    system.rows = static_cast<int>(matrix.outputs);
    std::vector<double> solution;
    co_await solve_damped(cancel, name, system, ridge, solution);
    error += group.error();
    if (solution.empty()) continue;
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      const int64_t output = g * matrix.outputs + m;
      const double* row = solution.data() + static_cast<size_t>(m) * group.unknowns();
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        change.weight[matrix.at(output, k)] = static_cast<float>(row[k]);
      }
      if (layer.has_bias) {
        change.bias[static_cast<size_t>(output)] = static_cast<float>(row[matrix.inputs]);
      }
    }
    for (size_t i = 0; i < solution.size(); ++i) won += solution[i] * right[i];
  }
  change.recovered = error > 0 ? std::clamp(won / error, 0.0, 1.0) : 0.0;
}

/** Squared error of the rows held out, with a change and without any. */
std::pair<double, double> held_errors(const FitLayer& layer, const RowReservoir& held,
                                      const FitChange& change) {
  const LayerMatrix& matrix = layer.matrix();
  const int64_t size = layer.moments().inputs;
  double with = 0;
  double without = 0;
  for (int64_t r = 0; r < held.rows(); ++r) {
    for (int64_t g = 0; g < matrix.groups; ++g) {
      const float* x = held.row(r).data() + g * size;
      const float* e = x + matrix.inputs + 1;
      for (int64_t m = 0; m < matrix.outputs; ++m) {
        const int64_t output = g * matrix.outputs + m;
        float left = e[m];
        if (layer.has_bias) left -= change.bias[static_cast<size_t>(output)];
        for (int64_t k = 0; k < matrix.inputs; ++k)
          left -= change.weight[matrix.at(output, k)] * x[k];
        with += static_cast<double>(left) * left;
        without += static_cast<double>(e[m]) * e[m];
      }
    }
  }
  return {with, without};
}

}  // namespace

Job fit_layer(const CancelFlag& cancel, const std::string& name, const FitLayer& layer,
              Products& products, double ridge, FitRows& rows, FitChange& change) {
  constexpr double kMostRidge = 100;
  if (rows.held.rows() == 0) {
    co_await solve(cancel, name, layer, rows.moments, ridge, change);
    co_return;
  }
  double best = std::numeric_limits<double>::infinity();
  double unchanged = 0;
  double chosen = 0;
  for (double tried = ridge; tried <= kMostRidge; tried *= 10) {
    FitChange other;
    co_await solve(cancel, name, layer, rows.moments, tried, other);
    const auto [with, without] = held_errors(layer, rows.held, other);
    co_await report_progress("fit layers", name);
    if (with >= best) break;
    best = with;
    unchanged = without;
    chosen = tried;
  }
  change = {};
  if (best >= unchanged) co_return;
  for (int64_t r = 0; r < rows.held.rows(); ++r) rows.moments.add(rows.held.row(r), products);
  rows.moments.flush(products);
  co_await solve(cancel, name, layer, rows.moments, chosen, change);
}

}  // namespace whittle
