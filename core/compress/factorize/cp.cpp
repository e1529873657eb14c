#include <algorithm>
#include <cmath>

#include "core/compress/factorize/support/conv_factorizer.h"
#include "core/compress/factorize/support/factor_technique.h"
#include "core/compress/factorize/support/low_rank.h"
#include "core/compress/factorize/support/rank_choice.h"
#include "core/linalg/cp_als.h"

namespace whittle {
namespace {

/** Sweeps every start gets before the best goes on alone. */
constexpr int kTrialSweeps = 25;
/** Terms whose squared norms add up to this many times that of their sum cancel each other. */
constexpr double kDegenerate = 1000;

/** A kernel's modes: outputs, inputs, and the axes along which the window has more than one tap. */
struct CpModes {
  std::vector<int> dims;
  std::vector<size_t> axes;  // of dims[2], dims[3] ...

  explicit CpModes(const ConvKernel& kernel) : dims{kernel.outputs, kernel.inputs} {
    for (size_t axis = 0; axis < kernel.window.size(); ++axis) {
      if (kernel.window[axis] == 1) continue;
      dims.push_back(kernel.window[axis]);
      axes.push_back(axis);
    }
  }
  int sum() const {
    int total = 0;
    for (int dim : dims) total += dim;
    return total;
  }
};

/** What each term makes of a patch: the product of all its factors but the first,
 * [rank, inputs * taps]. */
std::vector<float> features_of(const CpDecomposition& parts, const CpModes& modes, int rank) {
  size_t width = 1;
  for (size_t mode = 1; mode < modes.dims.size(); ++mode) {
    width *= static_cast<size_t>(modes.dims[mode]);
  }
  std::vector<float> features(static_cast<size_t>(rank) * width);
  for (int r = 0; r < rank; ++r) {
    for (size_t i = 0; i < width; ++i) {
      double term = 1;
      size_t left = i;
      for (size_t mode = modes.dims.size(); mode-- > 1;) {
        const size_t index = left % static_cast<size_t>(modes.dims[mode]);
        left /= static_cast<size_t>(modes.dims[mode]);
        term *= parts.factors[mode][index * static_cast<size_t>(rank) + static_cast<size_t>(r)];
      }
      features[static_cast<size_t>(r) * width + i] = static_cast<float>(term);
    }
  }
  return features;
}

std::vector<float> transposed(const std::vector<float>& x, int rows, int cols) {
  std::vector<float> result(x.size());
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      result[static_cast<size_t>(j * rows + i)] = x[static_cast<size_t>(i * cols + j)];
    }
  }
  return result;
}

class CpFactorizer final : public ConvFactorizer {
 public:
  explicit CpFactorizer(TechniqueContext& context) : ConvFactorizer(context, "cp", "last") {}

  std::string why_not(const Node& node, const Tensor& weight) const override {
    const std::string obstacle = why_no_conv_kernel(node, weight);
    if (!obstacle.empty()) return obstacle;
    return conv_kernel(node, weight).taps() == 1 ? "its kernel is 1x1: svd takes it" : "";
  }

  Job factorize(const FactorTarget& target, Factorization& result) override {
    const ConvKernel kernel = conv_kernel(target.node(), target.weight());
    const CpModes modes(kernel);
    const int rank = choose_rank(target.options(), kernel, modes);
    std::vector<CpDecomposition> groups(static_cast<size_t>(kernel.groups));
    std::vector<int> starts(groups.size(), 0);
    for (size_t g = 0; g < groups.size(); ++g) {
      const std::span<const float> values = kernel.group(static_cast<int>(g));
      co_await solve(target, values, modes, rank, static_cast<int>(g), groups[g], starts[g]);
    }
    describe(target, rank, groups, starts, result);
    assemble(target, kernel, modes, rank, groups, result);
  }

 private:
  static int choose_rank(const Options& options, const ConvKernel& kernel, const CpModes& modes) {
    if (options.has("rank")) return static_cast<int>(options.integer("rank"));
    const double numbers = options.number("ratio") * kernel.size();
    const auto most = static_cast<int>(numbers / modes.sum());
    const auto multiple = static_cast<int>(options.integer("multiple"));
    return std::max(1, most < multiple ? most : most - most % multiple);
  }

  /** Several starts, of which the best goes on to where it stands still. A start whose terms
   * cancel each other is taken only when all do. */
  Job solve(const FactorTarget& target, std::span<const float> kernel, const CpModes& modes,
            int rank, int group, CpDecomposition& best, int& best_start) {
    const Options& options = target.options();
    const bool given = options.has("start");
    const auto first = static_cast<int>(given ? options.integer("start") : 0);
    const auto last = static_cast<int>(given ? first + 1 : options.integer("starts"));
    const uint64_t seed = context_.seed + static_cast<uint64_t>(group);
    std::optional<CpSolver> leader;
    bool leader_moves = false;
    bool leader_cancels = false;
    for (int start = first; start < last; ++start) {
      CpSolver solver(kernel, modes.dims, rank, seed, start);
      bool moves = true;
      while (moves && solver.sweeps() < kTrialSweeps) {
        moves = solver.advance();
        context_.cancel.poll();
        co_await report_progress("cp", target.layer().name(), start, last);
      }
      const bool cancels = solver.result().cancellation > kDegenerate;
      const bool better = !leader || (leader_cancels && !cancels) ||
                          (leader_cancels == cancels && solver.error() < leader->error());
      if (!better) continue;
      leader = std::move(solver);
      leader_moves = moves;
      leader_cancels = cancels;
      best_start = start;
    }
    while (leader_moves) {
      leader_moves = leader->advance();
      context_.cancel.poll();
      co_await report_progress("cp", target.layer().name(), last, last);
    }
    best = leader->result();
  }

  void assemble(const FactorTarget& target, const ConvKernel& kernel, const CpModes& modes,
                int rank, const std::vector<CpDecomposition>& groups, Factorization& result) {
    const size_t spatial = kernel.window.size();
    const std::vector<int> one(spatial, 1);
    const std::vector<bool> none(spatial, false);
    std::vector<std::vector<float>> in;
    std::vector<std::vector<float>> out;
    std::vector<std::vector<float>> features;
    for (const CpDecomposition& parts : groups) {
      features.push_back(features_of(parts, modes, rank));
      in.push_back(transposed(parts.factors[1], kernel.inputs, rank));
      out.push_back(parts.factors[0]);
    }
    refit(target, kernel, features, out, result);
    result.approximation = Tensor::allocate(DType::f32, Shape{kernel.groups, kernel.size()});
    auto to = result.approximation.mutable_data<float>().begin();
    for (size_t g = 0; g < out.size(); ++g) {
      const LowRank factors{rank, features[g], out[g]};
      const std::vector<float> product =
          multiply_out(factors, kernel.outputs, kernel.inputs * kernel.taps());
      to = std::copy(product.begin(), product.end(), to);
    }
    std::vector<ConvLink> links = {{none, kernel.groups}};
    result.factors.push_back(stack_groups(in, rank, kernel.inputs, one));
    for (size_t i = 0; i < modes.axes.size(); ++i) {
      std::vector<std::vector<float>> window;
      for (const CpDecomposition& parts : groups) {
        window.push_back(transposed(parts.factors[i + 2], modes.dims[i + 2], rank));
      }
      std::vector<int> taps = one;
      taps[modes.axes[i]] = modes.dims[i + 2];
      result.factors.push_back(stack_groups(window, rank, 1, taps));
      // An axis of one tap may have a stride or padding too: it goes with the first that slides.
      ConvLink link{none, static_cast<int64_t>(kernel.groups) * rank};
      for (size_t axis = 0; axis < spatial; ++axis) {
        link.axes[axis] = axis == modes.axes[i] || (i == 0 && kernel.window[axis] == 1);
      }
      links.push_back(std::move(link));
    }
    links.push_back({none, kernel.groups});
    result.factors.push_back(stack_groups(out, kernel.outputs, rank, one));
    expand_to_chain(result, std::move(links), "cp");
  }

  static void describe(const FactorTarget& target, int rank,
                       const std::vector<CpDecomposition>& groups, const std::vector<int>& starts,
                       Factorization& result) {
    double cancellation = 0;
    int sweeps = 0;
    for (const CpDecomposition& parts : groups) {
      cancellation = std::max(cancellation, parts.cancellation);
      sweeps = std::max(sweeps, parts.sweeps);
    }
    result.detail = {{"rank", rank},
                     {"sweeps", sweeps},
                     {"cancellation", cancellation},
                     {"degenerate", cancellation > kDegenerate}};
    result.rule = {{"rank", rank}};
    // With several groups each has a best start of its own, so all are tried again.
    if (starts.size() == 1) {
      result.rule["start"] = starts[0];
      result.detail["start"] = starts[0];
    } else {
      result.rule["starts"] = target.options().integer("starts");
    }
    if (cancellation > kDegenerate) {
      result.warning =
          concat(target.layer().name(), ": the terms of its decomposition cancel each other (",
                 std::lround(cancellation),
                 " times the energy of their sum): no best one of this rank exists, and rounding "
                 "its factors later will hurt");
    }
  }
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers({"Conv"});
  CpFactorizer factorizer(context);
  co_await factorize_layers(context, "cp", factorizer, layers);
}

int data_passes(const Options& options) {
  return factor_data_passes(options, "last");
}

}  // namespace

void register_cp(TechniqueTable& table) {
  std::vector<OptionSpec> own;
  own.push_back({.name = "ratio",
                 .doc = "share of the layer's parameters to keep; chooses the rank",
                 .default_value = 0.5,
                 .min = 0,
                 .max = 1});
  own.push_back({.name = "rank",
                 .type = OptionType::integer,
                 .doc = "fixed rank of each group, in place of ratio",
                 .min = 1,
                 .max = 4096});
  for (OptionSpec& spec : rank_options()) {
    if (spec.name == "multiple") own.push_back(std::move(spec));
  }
  own.push_back({.name = "starts",
                 .type = OptionType::integer,
                 .doc = "starting points that are tried; the best one goes on",
                 .default_value = 3,
                 .min = 1,
                 .max = 64});
  own.push_back({.name = "start",
                 .type = OptionType::integer,
                 .doc = "the only starting point to use, as a report writes it",
                 .min = 0,
                 .max = 63,
                 .advanced = true});
  TechniqueDef technique = factor_technique(
      "cp",
      "replace a convolution by 1x1, one depthwise along each axis of its window, and 1x1 (CP "
      "decomposition)",
      {"Conv"}, std::move(own), "last", "the last convolution as found on data");
  technique.data_passes = data_passes;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
