#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "core/compress/prune/support/float_text.h"
#include "core/compress/prune/support/sparse_weights.h"
#include "core/linalg/inverse_cholesky.h"

namespace whittle {
namespace {

constexpr float kDamping = 0.01f;

/** |w| times the root mean square of its input, up to a factor that a layer has in common. */
std::vector<float> wanda(const Tensor& weight, const LayerMatrix& matrix, const Hessian& hessian) {
  const std::span<const float> w = weight.data<float>();
  std::vector<float> result(w.size());
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const std::span<const float> sums = hessian.of_group(g);
    for (int64_t k = 0; k < matrix.inputs; ++k) {
      const float norm = std::sqrt(sums[static_cast<size_t>(k * matrix.inputs + k)]);
      for (int64_t m = 0; m < matrix.outputs; ++m) {
        const size_t at = matrix.at(g * matrix.outputs + m, k);
        result[at] = std::fabs(w[at]) * norm;
      }
    }
  }
  return result;
}

/** w^2 / U_kk^2 with H^-1 = U^T U: what removing w costs when all before it is settled. */
Job surgeon(const CancelFlag& cancel, const Tensor& weight, const LayerMatrix& matrix,
            const Hessian& hessian, std::vector<float>& result) {
  const std::span<const float> w = weight.data<float>();
  result.assign(w.size(), 0.0f);
  std::vector<int64_t> order(static_cast<size_t>(matrix.inputs));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t g = 0; g < matrix.groups; ++g) {
    InverseCholesky inverse(hessian.damped(g, order, kDamping), static_cast<int>(matrix.inputs));
    while (inverse.advance()) {
      cancel.poll();
      co_await report_progress("score weights", "", g, matrix.groups);
    }
    for (int64_t k = 0; k < matrix.inputs; ++k) {
      const float root = inverse.upper()[static_cast<size_t>(k * matrix.inputs + k)];
      for (int64_t m = 0; m < matrix.outputs; ++m) {
        const size_t at = matrix.at(g * matrix.outputs + m, k);
        result[at] = w[at] * w[at] / (root * root);
      }
    }
  }
}

/** Columns whose mask is chosen together, when all before them have been settled. */
int64_t mask_block(int64_t inputs) {
  return std::clamp<int64_t>((inputs + 7) / 8, 1, 128);
}

/** One group of a layer on its way through SparseGPT. */
class SparseSolver {
 public:
  SparseSolver(SparseWeight& weight, const LayerMatrix& matrix, int64_t group,
               std::span<const float> upper, double sparsity)
      : weight_(weight),
        matrix_(matrix),
        first_(group * matrix.outputs),
        upper_(upper),
        sparsity_(sparsity) {
    const std::span<const float> w = weight.tensor().data<float>();
    for (int64_t m = 0; m < matrix.outputs; ++m) {
      for (int64_t k = 0; k < matrix.inputs; ++k) left_.push_back(w[matrix.at(first_ + m, k)]);
    }
  }

  /** Chooses what goes in columns [begin, end), by what the weights are now. */
  void choose(int64_t begin, int64_t end) {
    struct Unit {
      float score;
      int64_t row;
      int64_t column;
    };
    const int64_t block = weight_.units.block;
    std::vector<Unit> units;
    for (int64_t row = 0; row < matrix_.outputs; row += block) {
      for (int64_t k = begin; k < end; ++k) {
        Unit unit{0, row, k};
        for (int64_t m = row; m < std::min(row + block, matrix_.outputs); ++m) {
          const float value = left(m, k) / root(k);
          unit.score += value * value;
        }
        units.push_back(unit);
      }
    }
    const auto count =
        static_cast<std::ptrdiff_t>(std::llround(sparsity_ * static_cast<double>(units.size())));
    std::nth_element(
        units.begin(), units.begin() + count, units.end(), [](const Unit& a, const Unit& b) {
          return std::tie(a.score, a.row, a.column) < std::tie(b.score, b.row, b.column);
        });
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      const Unit& unit = units[static_cast<size_t>(i)];
      for (int64_t m = unit.row; m < std::min(unit.row + block, matrix_.outputs); ++m) {
        weight_.mask[matrix_.at(first_ + m, unit.column)] = true;
      }
    }
  }

  /** Settles columns [begin, end) of one output; all behind them make up for it. */
  void settle(int64_t m, int64_t begin, int64_t end) {
    const int64_t n = matrix_.inputs;
    float* row = left_.data() + m * n;
    const std::span<float> result = weight_.result.mutable_data<float>();
    for (int64_t k = begin; k < end; ++k) {
      const size_t at = matrix_.at(first_ + m, k);
      result[at] = weight_.mask[at] ? 0.0f : text_rounded(row[k]);
      const float error = (result[at] - row[k]) / root(k);
      const float* factors = upper_.data() + k * n;
      for (int64_t j = k + 1; j < n; ++j) row[j] += error * factors[j];
    }
  }

 private:
  float left(int64_t m, int64_t k) const {
    return left_[static_cast<size_t>(m * matrix_.inputs + k)];
  }
  float root(int64_t k) const { return upper_[static_cast<size_t>(k * matrix_.inputs + k)]; }

  SparseWeight& weight_;
  const LayerMatrix& matrix_;
  int64_t first_;
  std::span<const float> upper_;
  double sparsity_;
  std::vector<float> left_;  // [outputs, inputs]
};

Job compensate(TechniqueContext& context, SparseWeight& weight, const LayerStatistics& statistics,
               double sparsity) {
  const LayerMatrix& matrix = statistics.matrix();
  weight.mask.assign(static_cast<size_t>(weight.tensor().elements()), false);
  weight.result = Tensor::zeros(DType::f32, weight.tensor().shape());
  std::vector<int64_t> order(static_cast<size_t>(matrix.inputs));
  std::iota(order.begin(), order.end(), int64_t{0});
  const int64_t block = mask_block(matrix.inputs);
  constexpr int64_t kStepWork = 30'000'000;
  int64_t work = 0;
  for (int64_t g = 0; g < matrix.groups; ++g) {
    InverseCholesky inverse(statistics.hessian().damped(g, order, kDamping),
                            static_cast<int>(matrix.inputs));
    while (inverse.advance()) {
      context.cancel.poll();
      co_await report_progress("sparsegpt", weight.name(), g, matrix.groups);
    }
    SparseSolver solver(weight, matrix, g, inverse.upper(), sparsity);
    for (int64_t begin = 0; begin < matrix.inputs; begin += block) {
      const int64_t end = std::min(begin + block, matrix.inputs);
      solver.choose(begin, end);
      for (int64_t m = 0; m < matrix.outputs; ++m) {
        solver.settle(m, begin, end);
        work += (end - begin) * (matrix.inputs - begin);
        if (work < kStepWork) continue;
        work = 0;
        context.cancel.poll();
        co_await report_progress("sparsegpt", weight.name(), g, matrix.groups);
      }
    }
  }
}

/** Share of the elements that a mask takes. */
double share_of(const WeightMask& mask) {
  const auto zeros = std::count(mask.begin(), mask.end(), true);
  return mask.empty() ? 0 : static_cast<double>(zeros) / static_cast<double>(mask.size());
}

}  // namespace

Job sparsify_on_data(TechniqueContext& context, std::vector<SparseWeight>& weights,
                     bool compensates, bool global) {
  std::vector<std::unique_ptr<LayerStatistics>> owned;
  std::vector<LayerStatistics*> statistics;
  std::map<const LayerStatistics*, size_t> weight_of;
  for (size_t i = 0; i < weights.size(); ++i) {
    auto gathered = std::make_unique<LayerStatistics>(Learning::hessian, static_cast<int64_t>(i));
    weights[i].obstacle = gathered->set_readers(weights[i].readers, weights[i].tensor().shape());
    if (!weights[i].obstacle.empty()) continue;
    weight_of[gathered.get()] = i;
    statistics.push_back(gathered.get());
    owned.push_back(std::move(gathered));
  }
  const auto batches = statistics_batches(statistics);
  // A threshold for all needs every score before the first weight can be moved.
  const bool twice = compensates && global;
  SampleStore samples(context.options.integer("samples"), batches.size() > 1 || twice);
  Products products(context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier()),
                    context.pool);
  for (const std::vector<LayerStatistics*>& batch : batches) {
    co_await gather_statistics(context, samples, batch, products);
    for (LayerStatistics* one : batch) {
      SparseWeight& weight = weights[weight_of.at(one)];
      if (compensates && !global) {
        co_await compensate(context, weight, *one, weight.sparsity);
        one->close();
        continue;
      }
      std::vector<float> scores;
      if (compensates) {
        co_await surgeon(context.cancel, weight.tensor(), one->matrix(), one->hessian(), scores);
      } else {
        scores = wanda(weight.tensor(), one->matrix(), one->hessian());
      }
      weight.scores = unit_scores(weight.units, scores);
      if (!global && !compensates) {
        weight.mask = lowest(weight.units, weight.scores, weight.sparsity, true);
      }
      one->close();
    }
  }
  if (!global) co_return;
  choose_masks(weights, true, context.options.number("sparsity"), false);
  if (!compensates) co_return;
  for (const std::vector<LayerStatistics*>& batch : batches) {
    co_await gather_statistics(context, samples, batch, products);
    for (LayerStatistics* one : batch) {
      SparseWeight& weight = weights[weight_of.at(one)];
      co_await compensate(context, weight, *one, share_of(weight.mask));
      one->close();
    }
  }
}

}  // namespace whittle
