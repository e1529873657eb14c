#include <algorithm>
#include <cmath>

#include "core/compress/factorize/support/conv_chain.h"
#include "core/compress/factorize/support/rank_choice.h"
#include "core/linalg/tucker2.h"
#include "core/linalg/vbmf.h"

namespace whittle {
namespace {

struct Ranks {
  int out = 1;
  int in = 1;
};

/** What each rank of each mode discards, the worst of all groups: they share their ranks. */
struct ModeLoss {
  std::vector<double> out;
  std::vector<double> in;
  std::vector<int> out_candidates;
  std::vector<int> in_candidates;

  int full_out() const { return static_cast<int>(out.size()) - 1; }
  int full_in() const { return static_cast<int>(in.size()) - 1; }
  /** The HOSVD's bound for the squared relative error. */
  double bound(Ranks ranks) const {
    return out[static_cast<size_t>(ranks.out)] + in[static_cast<size_t>(ranks.in)];
  }
};

/** Parameters of a group's chain. A mode at its full rank needs no convolution of its own. */
double parameters(const ConvKernel& kernel, const ModeLoss& loss, Ranks ranks) {
  const bool both_full = ranks.out == loss.full_out() && ranks.in == loss.full_in();
  const bool out = both_full || ranks.out < kernel.outputs;
  const bool in = both_full || ranks.in < kernel.inputs;
  return static_cast<double>(out ? ranks.out : kernel.outputs) * (in ? ranks.in : kernel.inputs) *
             kernel.taps() +
         (out ? static_cast<double>(kernel.outputs) * ranks.out : 0.0) +
         (in ? static_cast<double>(kernel.inputs) * ranks.in : 0.0);
}

/** The fewest parameters whose bound is within `loss`. */
Ranks cheapest_within(const ConvKernel& kernel, const ModeLoss& loss, double allowed) {
  Ranks best{loss.full_out(), loss.full_in()};
  double least = parameters(kernel, loss, best);
  for (int out : loss.out_candidates) {
    for (int in : loss.in_candidates) {
      const double cost = parameters(kernel, loss, {out, in});
      if (loss.bound({out, in}) > allowed || cost >= least) continue;
      best = {out, in};
      least = cost;
    }
  }
  return best;
}

/** The least bound within a number of parameters; the fewest parameters where nothing fits. */
Ranks closest_within(const ConvKernel& kernel, const ModeLoss& loss, double most) {
  Ranks best{loss.out_candidates.front(), loss.in_candidates.front()};
  if (parameters(kernel, loss, best) > most) best = {1, 1};
  double least = loss.bound(best);
  for (int out : loss.out_candidates) {
    for (int in : loss.in_candidates) {
      if (parameters(kernel, loss, {out, in}) > most || loss.bound({out, in}) >= least) continue;
      best = {out, in};
      least = loss.bound(best);
    }
  }
  return best;
}

int vbmf_rank(const std::vector<double>& squares, int rows, int cols) {
  std::vector<double> values;
  for (double square : squares) values.push_back(std::sqrt(square));
  return std::max(1, vbmf(values, rows, cols).rank);
}

/** Each group's kernel = out * core * in, multiplied out. */
void multiply_out(const Tucker2& group, const ConvKernel& kernel, float* to) {
  const int taps = kernel.taps();
  std::vector<double> half(static_cast<size_t>(group.rank_out) *
                           static_cast<size_t>(kernel.inputs * taps));
  for (int a = 0; a < group.rank_out; ++a) {
    for (int b = 0; b < group.rank_in; ++b) {
      const float* core = group.core.data() + (a * group.rank_in + b) * taps;
      for (int c = 0; c < kernel.inputs; ++c) {
        const double factor = group.in[static_cast<size_t>(b * kernel.inputs + c)];
        double* row = half.data() + static_cast<int64_t>(a * kernel.inputs + c) * taps;
        for (int t = 0; t < taps; ++t) row[t] += factor * core[t];
      }
    }
  }
  const int width = kernel.inputs * taps;
  std::vector<double> row(static_cast<size_t>(width));
  for (int o = 0; o < kernel.outputs; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int a = 0; a < group.rank_out; ++a) {
      const double factor = group.out[static_cast<size_t>(o * group.rank_out + a)];
      const double* from = half.data() + static_cast<int64_t>(a) * width;
      for (int i = 0; i < width; ++i) row[static_cast<size_t>(i)] += factor * from[i];
    }
    std::copy(row.begin(), row.end(), to + static_cast<int64_t>(o) * width);
  }
}

class TuckerFactorizer final : public Factorizer {
 public:
  explicit TuckerFactorizer(TechniqueContext& context) : context_(context) {}

  std::string why_not(const Node& node, const Tensor& weight) const override {
    const std::string obstacle = why_no_conv_kernel(node, weight);
    if (!obstacle.empty()) return obstacle;
    return conv_kernel(node, weight).taps() == 1 ? "its kernel is 1x1: svd takes it" : "";
  }

  Job factorize(const FactorTarget& target, Factorization& result) override {
    const ConvKernel kernel = conv_kernel(target.node(), target.weight());
    std::vector<Tucker2Solver> solvers;
    for (int g = 0; g < kernel.groups; ++g) {
      solvers.emplace_back(kernel.group(g), kernel.outputs, kernel.inputs, kernel.taps());
      co_await breathe(target);
    }
    const ModeLoss loss = losses(target.options(), solvers);
    const Ranks ranks = choose(target.options(), kernel, loss, solvers);
    std::vector<Tucker2> groups;
    for (Tucker2Solver& solver : solvers) {
      solver.start(ranks.out, ranks.in);
      while (solver.advance()) co_await breathe(target);
      groups.push_back(solver.result());
    }
    assemble(kernel, loss, ranks, groups, result);
    describe(loss, groups, ranks, result);
  }

 private:
  JobPause breathe(const FactorTarget& target) const {
    context_.cancel.poll();
    return report_progress("tucker", target.layer().name());
  }

  static ModeLoss losses(const Options& options, const std::vector<Tucker2Solver>& solvers) {
    ModeLoss loss;
    for (const Tucker2Solver& solver : solvers) {
      const std::vector<double> out = discarded_shares(solver.out_spectrum());
      const std::vector<double> in = discarded_shares(solver.in_spectrum());
      loss.out.resize(out.size(), 0.0);
      loss.in.resize(in.size(), 0.0);
      for (size_t i = 0; i < out.size(); ++i) loss.out[i] = std::max(loss.out[i], out[i]);
      for (size_t i = 0; i < in.size(); ++i) loss.in[i] = std::max(loss.in[i], in[i]);
    }
    const auto multiple = static_cast<int>(options.integer("multiple"));
    loss.out_candidates = candidate_ranks(loss.full_out(), multiple);
    loss.in_candidates = candidate_ranks(loss.full_in(), multiple);
    return loss;
  }

  static Ranks choose(const Options& options, const ConvKernel& kernel, const ModeLoss& loss,
                      const std::vector<Tucker2Solver>& solvers) {
    const double whole = kernel.size();
    Ranks ranks;
    switch (rank_rule(options)) {
      case RankRule::rank:
        ranks = {static_cast<int>(std::min<int64_t>(options.integer("rank"), loss.full_out())),
                 static_cast<int>(std::min<int64_t>(options.integer("rank"), loss.full_in()))};
        break;
      case RankRule::ratio:
        ranks = closest_within(kernel, loss, options.number("ratio") * whole);
        break;
      case RankRule::vbmf:
        for (const Tucker2Solver& solver : solvers) {
          ranks.out = std::max(ranks.out, vbmf_rank(solver.out_spectrum(), kernel.outputs,
                                                    kernel.inputs * kernel.taps()));
          ranks.in = std::max(ranks.in, vbmf_rank(solver.in_spectrum(), kernel.inputs,
                                                  kernel.outputs * kernel.taps()));
        }
        ranks = {rank_above(ranks.out, loss.out_candidates),
                 rank_above(ranks.in, loss.in_candidates)};
        break;
      case RankRule::error:
      case RankRule::energy:
        ranks = cheapest_within(kernel, loss, allowed_loss(options));
        break;
    }
    // A rank of one mode can be fixed by itself.
    const auto fixed = [&](const char* name, int rank, int full) {
      return options.has(name) ? static_cast<int>(std::min<int64_t>(options.integer(name), full))
                               : rank;
    };
    return {fixed("rankOut", ranks.out, loss.full_out()),
            fixed("rankIn", ranks.in, loss.full_in())};
  }

  static void assemble(const ConvKernel& kernel, const ModeLoss& loss, Ranks ranks,
                       std::vector<Tucker2>& groups, Factorization& result) {
    const std::vector<int> one(kernel.window.size(), 1);
    const bool both_full = ranks.out == loss.full_out() && ranks.in == loss.full_in();
    const bool with_in = both_full || ranks.in < kernel.inputs;
    const bool with_out = both_full || ranks.out < kernel.outputs;
    std::vector<std::vector<float>> in;
    std::vector<std::vector<float>> core;
    std::vector<std::vector<float>> out;
    result.approximation = Tensor::allocate(DType::f32, Shape{kernel.groups, kernel.size()});
    float* to = result.approximation.mutable_data<float>().data();
    for (Tucker2& group : groups) {
      multiply_out(group, kernel, to);
      core.push_back(middle(group, kernel, with_out, with_in, to));
      in.push_back(std::move(group.in));
      out.push_back(std::move(group.out));
      to += kernel.size();
    }
    std::vector<ConvLink> links;
    const std::vector<bool> none(kernel.window.size(), false);
    const std::vector<bool> all(kernel.window.size(), true);
    if (with_in) {
      result.factors.push_back(stack_groups(in, ranks.in, kernel.inputs, one));
      links.push_back({none, kernel.groups});
    }
    result.factors.push_back(stack_groups(core, with_out ? ranks.out : kernel.outputs,
                                          with_in ? ranks.in : kernel.inputs, kernel.window));
    links.push_back({all, kernel.groups});
    if (with_out) {
      result.factors.push_back(stack_groups(out, kernel.outputs, ranks.out, one));
      links.push_back({none, kernel.groups});
    }
    expand_to_chain(result, std::move(links), "tucker");
  }

  /** The core, with the factor of a mode that gets no convolution multiplied into it. */
  static std::vector<float> middle(const Tucker2& group, const ConvKernel& kernel, bool with_out,
                                   bool with_in, const float* whole) {
    if (with_out && with_in) return group.core;
    const int taps = kernel.taps();
    if (!with_out && !with_in) return {whole, whole + kernel.size()};
    if (with_out) {  // [rank_out, inputs, taps] = core times in
      std::vector<float> result(static_cast<size_t>(group.rank_out * kernel.inputs * taps));
      for (int a = 0; a < group.rank_out; ++a) {
        for (int c = 0; c < kernel.inputs; ++c) {
          for (int t = 0; t < taps; ++t) {
            double sum = 0;
            for (int b = 0; b < group.rank_in; ++b) {
              sum += static_cast<double>(
                         group.core[static_cast<size_t>((a * group.rank_in + b) * taps + t)]) *
                     group.in[static_cast<size_t>(b * kernel.inputs + c)];
            }
            result[static_cast<size_t>((a * kernel.inputs + c) * taps + t)] =
                static_cast<float>(sum);
          }
        }
      }
      return result;
    }
    // [outputs, rank_in, taps] = out times core
    const int width = group.rank_in * taps;
    std::vector<float> result(static_cast<size_t>(kernel.outputs * width));
    for (int o = 0; o < kernel.outputs; ++o) {
      for (int i = 0; i < width; ++i) {
        double sum = 0;
        for (int a = 0; a < group.rank_out; ++a) {
          sum += static_cast<double>(group.out[static_cast<size_t>(o * group.rank_out + a)]) *
                 group.core[static_cast<size_t>(a * width + i)];
        }
        result[static_cast<size_t>(o * width + i)] = static_cast<float>(sum);
      }
    }
    return result;
  }

  static void describe(const ModeLoss& loss, const std::vector<Tucker2>& groups, Ranks ranks,
                       Factorization& result) {
    double start = 0;
    int sweeps = 0;
    for (const Tucker2& group : groups) {
      start = std::max(start, group.start_error);
      sweeps = std::max(sweeps, group.sweeps);
    }
    result.detail = {
        {"rankOut", ranks.out},         {"rankIn", ranks.in},  {"fullRankOut", loss.full_out()},
        {"fullRankIn", loss.full_in()}, {"hosvdError", start}, {"sweeps", sweeps}};
    result.rule = {{"rankOut", ranks.out}, {"rankIn", ranks.in}};
  }

  TechniqueContext& context_;
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers({"Conv"});
  TuckerFactorizer factorizer(context);
  co_await factorize_layers(context, "tucker", factorizer, layers);
}

}  // namespace

void register_tucker(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "tucker";
  technique.summary =
      "replace a convolution by three: 1x1 to fewer channels, the window on those, 1x1 back "
      "(Tucker-2)";
  technique.ops = {"Conv"};
  technique.needs_passes = weight_passes();
  technique.needs_passes.push_back("fold-batchnorm");  // what a channel is scaled by counts
  technique.options = rank_options();
  technique.options.push_back({.name = "vbmf",
                               .type = OptionType::boolean,
                               .doc = "ranks that variational Bayes finds in the weights, in place "
                                      "of energy",
                               .default_value = false});
  technique.options.push_back({.name = "rankOut",
                               .type = OptionType::integer,
                               .doc = "fixed rank of the output channels, each group's",
                               .min = 1});
  technique.options.push_back({.name = "rankIn",
                               .type = OptionType::integer,
                               .doc = "fixed rank of the input channels, each group's",
                               .min = 1});
  for (OptionSpec& spec : break_even_options()) technique.options.push_back(std::move(spec));
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize",
                         "round-for-compression"};
  technique.changes_layers = true;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
