#include "core/compress/quantize/support/weights/adaround.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/random.h"

namespace whittle {
namespace {

constexpr float kGamma = -0.1f;  // the rectified sigmoid reaches beyond [0, 1] and is cut there
constexpr float kZeta = 1.1f;
constexpr float kLearningRate = 0.02f;
constexpr float kMomentum = 0.9f;
constexpr float kVelocity = 0.999f;
constexpr float kWarmUp = 0.2f;  // of the iterations without the regulariser
constexpr float kFirstBeta = 20;
constexpr float kLastBeta = 2;
/** Weight of the regulariser for all inputs of an output together, in units of the error of
 * rounding to nearest. */
constexpr float kRegularizer = 1.0f;
constexpr int64_t kBatch = 32;
constexpr int64_t kStepWork = 60'000'000;
constexpr size_t kPiece = 2048;  // weights of one task

/** The weights of a group as [inputs, outputs], with what rounding may do to them. */
class GroupRounding {
 public:
  GroupRounding(const Reconstruction& layer, int64_t group, const KernelTable& kernels,
                ThreadPool& pool)
      : layer_(layer),
        group_(group),
        inputs_(layer.on.matrix.inputs),
        outputs_(layer.on.matrix.outputs),
        kernels_(kernels),
        products_(kernels, pool) {
    const size_t count = static_cast<size_t>(inputs_ * outputs_);
    weight_.resize(count);
    floor_.resize(count);
    step_.resize(count);
    variable_.resize(count);
    momentum_.assign(count, 0.0f);
    velocity_.assign(count, 0.0f);
    sigmoid_.resize(count);
    difference_.resize(count);
    gradient_.resize(count);
    const std::span<const float> w = layer.weight.data<float>();
    const WeightGrid& grid = layer.grid;
    for (int64_t k = 0; k < inputs_; ++k) {
      for (int64_t m = 0; m < outputs_; ++m) {
        const size_t i = static_cast<size_t>(k * outputs_ + m);
        const size_t at = layer.on.matrix.at(group * outputs_ + m, k);
        const size_t g = grid.group_of(at);
        weight_[i] = w[at];
        step_[i] = grid.scale[g];
        const float place = w[at] / grid.scale[g] + static_cast<float>(grid.zero_point[g]);
        const float low = std::clamp(std::floor(place), static_cast<float>(grid.format.min()),
                                     static_cast<float>(grid.format.max() - 1));
        floor_[i] = low - static_cast<float>(grid.zero_point[g]);
        const float share = std::clamp(place - low, 0.01f, 0.99f);
        variable_[i] = -std::log((kZeta - kGamma) / (share - kGamma) - 1);
      }
    }
    precompute_targets();
  }

  /** Operations of one iteration. */
  int64_t work() const { return inputs_ * outputs_ * (2 * kBatch + 40); }

  void iterate(int64_t iteration, int64_t iterations, Random& random) {
    const int64_t rows = layer_.on.rows.rows();
    const auto k = static_cast<size_t>(inputs_);
    const auto n = static_cast<size_t>(outputs_);
    batch_.resize(static_cast<size_t>(kBatch) * k);
    transposed_.resize(static_cast<size_t>(kBatch) * k);
    errors_.resize(static_cast<size_t>(kBatch) * n);
    for (int64_t b = 0; b < kBatch; ++b) {
      const auto picked = static_cast<int64_t>(random.below(static_cast<uint32_t>(rows)));
      picked_[static_cast<size_t>(b)] = picked;
      const float* row = layer_.on.rows.row(picked).data() + group_ * inputs_;
      std::copy_n(row, k, batch_.data() + static_cast<size_t>(b) * k);
      for (size_t i = 0; i < k; ++i) transposed_[i * kBatch + static_cast<size_t>(b)] = row[i];
    }
    soften();
    products_.multiply({batch_.data(), k, 1}, {difference_.data(), n, 1}, errors_.data(), n,
                       static_cast<size_t>(kBatch), n, k);
    correct_errors();
    products_.multiply({transposed_.data(), static_cast<size_t>(kBatch), 1}, {errors_.data(), n, 1},
                       gradient_.data(), n, k, n, static_cast<size_t>(kBatch));
    descend(iteration, iterations);
  }

  void store(std::vector<int8_t>& codes) const {
    const WeightGrid& grid = layer_.grid;
    for (int64_t k = 0; k < inputs_; ++k) {
      for (int64_t m = 0; m < outputs_; ++m) {
        const size_t i = static_cast<size_t>(k * outputs_ + m);
        const size_t at = layer_.on.matrix.at(group_ * outputs_ + m, k);
        const int32_t zero = grid.zero_point[grid.group_of(at)];
        const int32_t up = variable_[i] >= 0 ? 1 : 0;
        codes[at] = static_cast<int8_t>(static_cast<int32_t>(floor_[i]) + zero + up);
      }
    }
  }

 private:
  /** difference_ = softly rounded weights - weights. */
  void soften() {
    each_piece([&](size_t begin, size_t end) {
      const UnaryFn sigmoid = kernels_.unary_for(UnaryKind::sigmoid);
      sigmoid(variable_.data() + begin, sigmoid_.data() + begin, end - begin, {});
      for (size_t i = begin; i < end; ++i) {
        const float wide = sigmoid_[i] * (kZeta - kGamma) + kGamma;
        const float share = wide < 0 ? 0.0f : wide > 1 ? 1.0f : wide;
        difference_[i] = step_[i] * (floor_[i] + share) - weight_[i];
      }
    });
  }

  /** What the activation does to the errors, and the unit they are counted in: from output errors
   * to the gradient by output. */
  void correct_errors() {
    const bool target = !drift_.empty();
    for (int64_t b = 0; b < kBatch; ++b) {
      const int64_t picked = picked_[static_cast<size_t>(b)];
      float* errors = errors_.data() + b * outputs_;
      for (int64_t m = 0; m < outputs_; ++m) {
        const auto at = static_cast<size_t>(m);
        if (target) {
          const size_t place = static_cast<size_t>(picked * outputs_ + m);
          const float wanted = target_[place];
          const float got = wanted + errors[m] + drift_[place];
          const float error = layer_.on.activation(got) - layer_.on.activation(wanted);
          errors[m] = layer_.on.activation.passes(got) ? error : 0.0f;
        }
        errors[m] *= unit_[at];
      }
    }
  }

  /** One step of Adam (Kingma and Ba 2015). */
  void descend(int64_t iteration, int64_t iterations) {
    const float done = static_cast<float>(iteration) / static_cast<float>(iterations);
    const float annealed = std::max(0.0f, (done - kWarmUp) / (1 - kWarmUp));
    const float beta =
        kLastBeta + (kFirstBeta - kLastBeta) * (1 + std::cos(annealed * 3.14159265f)) / 2;
    const float lambda = done < kWarmUp ? 0.0f : kRegularizer / static_cast<float>(inputs_);
    const float t = static_cast<float>(iteration + 1);
    const float rate =
        kLearningRate * std::sqrt(1 - std::pow(kVelocity, t)) / (1 - std::pow(kMomentum, t));
    each_piece([&](size_t begin, size_t end) {
      // |2 h - 1|^(beta - 1), by logarithms of all at once.
      std::array<float, kPiece> powers{};
      for (size_t i = begin; i < end; ++i) {
        powers[i - begin] = std::fabs(2 * (sigmoid_[i] * (kZeta - kGamma) + kGamma) - 1);
      }
      kernels_.unary_for(UnaryKind::log)(powers.data(), powers.data(), end - begin, {});
      for (size_t i = 0; i < end - begin; ++i) powers[i] *= beta - 1;
      kernels_.unary_for(UnaryKind::exp)(powers.data(), powers.data(), end - begin, {});
      for (size_t i = begin; i < end; ++i) {
        const float s = sigmoid_[i];
        const float share = s * (kZeta - kGamma) + kGamma;
        // Where the sigmoid is cut nothing pulls any more.
        const float slope = share <= 0 || share >= 1 ? 0.0f : s * (1 - s) * (kZeta - kGamma);
        const float aside = 2 * beta * (share < 0.5f ? -powers[i - begin] : powers[i - begin]);
        const float pull = gradient_[i] * step_[i] - lambda * aside;
        const float g = slope > 0 ? pull * slope : 0.0f;
        momentum_[i] += (1 - kMomentum) * (g - momentum_[i]);
        velocity_[i] += (1 - kVelocity) * (g * g - velocity_[i]);
        variable_[i] -= rate * momentum_[i] / (std::sqrt(velocity_[i]) + 1e-8f);
      }
    });
  }

  template <typename Body>
  void each_piece(Body body) {
    const auto count = static_cast<size_t>(inputs_ * outputs_);
    const auto pieces = static_cast<int64_t>((count + kPiece - 1) / kPiece);
    products_.pool().run(pieces, [&](int64_t task, int) {
      const size_t begin = static_cast<size_t>(task) * kPiece;
      body(begin, std::min(count, begin + kPiece));
    });
  }

  /** For every row: the float output, how far the changed input moves it, and per output the unit
   * errors are counted in (2 / batch / mean squared error of rounding to nearest). */
  void precompute_targets() {
    const auto rows = static_cast<size_t>(layer_.on.rows.rows());
    const auto k = static_cast<size_t>(inputs_);
    const auto n = static_cast<size_t>(outputs_);
    const auto ld = static_cast<size_t>(layer_.on.rows.row_size());
    const float* x = layer_.on.rows.data() + group_ * inputs_;
    const bool activated =
        std::isfinite(layer_.on.activation.low) || std::isfinite(layer_.on.activation.high);
    if (layer_.on.paired || activated) {
      const float* exact = layer_.on.paired ? x + layer_.on.matrix.row_size() : x;
      target_.resize(rows * n);
      drift_.assign(rows * n, 0.0f);
      products_.multiply({exact, ld, 1}, {weight_.data(), n, 1}, target_.data(), n, rows, n, k);
      if (layer_.on.paired) {
        products_.multiply({x, ld, 1}, {weight_.data(), n, 1}, drift_.data(), n, rows, n, k);
        for (size_t i = 0; i < drift_.size(); ++i) drift_[i] -= target_[i];
      }
      if (!layer_.on.bias.empty()) {
        for (size_t i = 0; i < target_.size(); ++i) {
          target_[i] += layer_.on.bias[static_cast<size_t>(group_) * n + i % n];
        }
      }
    }
    // Uncorrelated inputs and errors of step^2 / 12 would give the same unit; this one holds for
    // these rows.
    for (size_t i = 0; i < weight_.size(); ++i) {
      const float code =
          std::clamp(std::nearbyint(weight_[i] / step_[i]), floor_[i], floor_[i] + 1);
      difference_[i] = step_[i] * code - weight_[i];
    }
    std::vector<float> errors(rows * n);
    products_.multiply({x, ld, 1}, {difference_.data(), n, 1}, errors.data(), n, rows, n, k);
    unit_.resize(n);
    for (size_t m = 0; m < n; ++m) {
      double sum = 0;
      for (size_t r = 0; r < rows; ++r) {
        sum += static_cast<double>(errors[r * n + m]) * errors[r * n + m];
      }
      const double mean = sum / static_cast<double>(rows);
      unit_[m] = mean > 1e-30 ? static_cast<float>(2.0 / kBatch / mean) : 0.0f;
    }
  }

  const Reconstruction& layer_;
  int64_t group_;
  int64_t inputs_;
  int64_t outputs_;
  const KernelTable& kernels_;
  Products products_;
  // All [inputs, outputs].
  std::vector<float> weight_;
  std::vector<float> floor_;  // lower code less the zero point
  std::vector<float> step_;
  std::vector<float> variable_;  // up where positive
  std::vector<float> sigmoid_;   // of the variables
  std::vector<float> momentum_;
  std::vector<float> velocity_;
  std::vector<float> difference_;
  std::vector<float> gradient_;
  // All [rows, outputs]; empty without an activation or changed inputs.
  std::vector<float> target_;
  std::vector<float> drift_;
  std::vector<float> unit_;  // [outputs]
  // Of the minibatch.
  std::vector<float> batch_;
  std::vector<float> transposed_;
  std::vector<float> errors_;
  std::array<int64_t, kBatch> picked_{};
};

}  // namespace

Job adaround(const CancelFlag& cancel, const KernelTable& kernels, ThreadPool& pool,
             const Reconstruction& layer, const AdaRoundOptions& options,
             std::vector<int8_t>& codes) {
  codes.assign(static_cast<size_t>(layer.weight.elements()), 0);
  const int64_t groups = layer.on.matrix.groups;
  if (groups == 1) {
    GroupRounding rounding(layer, 0, kernels, pool);
    Random random(options.seed, 21);
    int64_t work = 0;
    for (int64_t i = 0; i < options.iterations; ++i) {
      rounding.iterate(i, options.iterations, random);
      work += rounding.work();
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("adaround", "", i, options.iterations);
    }
    rounding.store(codes);
    co_return;
  }
  // Many small products: a group is a task.
  const int64_t of_group =
      layer.on.matrix.inputs * layer.on.matrix.outputs * (2 * kBatch + 40) * options.iterations;
  const int64_t together =
      std::clamp<int64_t>(kStepWork / std::max<int64_t>(1, of_group), 1, groups);
  for (int64_t first = 0; first < groups; first += together) {
    const int64_t count = std::min(together, groups - first);
    pool.run(count, [&](int64_t task, int) {
      SerialPool serial;
      GroupRounding rounding(layer, first + task, kernels, serial);
      Random random(options.seed, 21);
      for (int64_t i = 0; i < options.iterations; ++i) {
        rounding.iterate(i, options.iterations, random);
      }
      rounding.store(codes);
    });
    cancel.poll();
    co_await report_progress("adaround", "", first + count, groups);
  }
}

}  // namespace whittle
