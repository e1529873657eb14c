#include "core/compress/prune/support/reconstruct.h"

#include <algorithm>
#include <cmath>

#include "core/compress/prune/support/damped_solve.h"

namespace whittle {
namespace {

/** One group of a layer: what is known of its inputs and of its outputs. */
class GroupProblem {
 public:
  GroupProblem(std::span<const float> weight, const LayerMatrix& matrix, int64_t group,
               std::span<const float> sums, const std::vector<int64_t>& kept,
               const std::vector<int64_t>& gone)
      : weight_(weight),
        matrix_(matrix),
        first_(group * matrix.outputs),
        sums_(sums),
        size_(matrix.inputs + 1),
        kept_(kept),
        gone_(gone) {}

  /** S_KK with `ridge` times the mean of its diagonal on it; the place of the bias is left free. */
  std::vector<double> system(double ridge) const {
    const size_t n = kept_.size();
    double power = 0;
    for (int64_t k : kept_) power += k < matrix_.inputs ? sum(k, k) : 0.0;
    const double added = power > 0 ? ridge * power / static_cast<double>(n) : 1.0;
    std::vector<double> a(n * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) a[i * n + j] = sum(kept_[i], kept_[j]);
      a[i * n + i] += kept_[i] < matrix_.inputs ? added : 1e-9 * a[i * n + i];
    }
    return a;
  }

  /** W_R S_RK, a row for each output. */
  std::vector<double> lost() const {
    const size_t n = kept_.size();
    std::vector<double> b(static_cast<size_t>(matrix_.outputs) * n, 0.0);
    for (int64_t m = 0; m < matrix_.outputs; ++m) {
      double* row = b.data() + static_cast<size_t>(m) * n;
      for (int64_t r : gone_) {
        const double w = of(m, r);
        if (w == 0) continue;
        for (size_t j = 0; j < n; ++j) row[j] += w * sum(r, kept_[j]);
      }
    }
    return b;
  }

  /** Squared error when the inputs that go are only cut away. */
  double cut() const {
    double total = 0;
    for (int64_t i : gone_) {
      for (int64_t j : gone_) {
        double product = 0;
        for (int64_t m = 0; m < matrix_.outputs; ++m) product += of(m, i) * of(m, j);
        total += sum(i, j) * product;
      }
    }
    return total;
  }

  double of(int64_t m, int64_t k) const { return weight_[matrix_.at(first_ + m, k)]; }

 private:
  double sum(int64_t i, int64_t j) const {
    const auto [low, high] = std::minmax(i, j);
    return sums_[static_cast<size_t>(low * size_ + high)];
  }

  std::span<const float> weight_;
  const LayerMatrix& matrix_;
  int64_t first_;
  std::span<const float> sums_;  // upper triangle of [size, size]
  int64_t size_;
  const std::vector<int64_t>& kept_;
  const std::vector<int64_t>& gone_;
};

}  // namespace

Job rebuild(const CancelFlag& cancel, const Graph& graph, const ReaderLayer& reader,
            const Hessian& statistics, const std::set<int>& removed, double ridge,
            RebuiltLayer& result) {
  const std::string& name = graph.nodes[static_cast<size_t>(reader.node)].name;
  const LayerMatrix& matrix = reader.matrix();
  std::vector<int64_t> kept;
  std::vector<int64_t> gone;
  for (int64_t k = 0; k < matrix.inputs; ++k) {
    const bool goes = removed.contains(reader.classes[static_cast<size_t>(k)]);
    (goes ? gone : kept).push_back(k);
  }
  if (reader.has_bias) {
    kept.push_back(matrix.inputs);
    result.bias_change.assign(static_cast<size_t>(matrix.groups * matrix.outputs), 0.0f);
  }
  result.weight = graph.constant(reader.weight)->clone();
  const std::span<float> rebuilt = result.weight.mutable_data<float>();
  const std::span<const float> weight = graph.constant(reader.weight)->data<float>();
  double cut = 0;
  double won = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const GroupProblem problem(weight, matrix, g, statistics.of_group(g), kept, gone);
    const std::vector<double> lost = problem.lost();
    DampedSystem system;
    system.matrix = [&](double own) { return problem.system(own); };
    system.n = static_cast<int>(kept.size());
    system.right = lost;
    system.rows = static_cast<int>(matrix.outputs);
    std::vector<double> change;
    co_await solve_damped(cancel, name, system, ridge, change);
    if (change.empty()) continue;
    cut += problem.cut();
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      const auto output = static_cast<size_t>(g * matrix.outputs + m);
      for (size_t i = 0; i < kept.size(); ++i) {
        const size_t at = static_cast<size_t>(m) * kept.size() + i;
        won += change[at] * lost[at];
        if (kept[i] == matrix.inputs) {
          result.bias_change[output] = static_cast<float>(change[at]);
        } else {
          const size_t place = matrix.at(static_cast<int64_t>(output), kept[i]);
          rebuilt[place] = static_cast<float>(weight[place] + change[at]);
        }
      }
    }
  }
  result.recovered = cut > 0 ? std::clamp(won / cut, 0.0, 1.0) : 1;
}

}  // namespace whittle
