#include <algorithm>
#include <cmath>

#include "core/compress/factorize/support/conv_factorizer.h"
#include "core/compress/factorize/support/factor_technique.h"
#include "core/compress/factorize/support/tucker_bases.h"
#include "core/compress/factorize/support/tucker_chain.h"

namespace whittle {
namespace {

class TuckerFactorizer final : public ConvFactorizer {
 public:
  explicit TuckerFactorizer(TechniqueContext& context)
      : ConvFactorizer(context, "tucker", "bases") {}

  std::string why_not(const Node& node, const Tensor& weight) const override {
    const std::string obstacle = why_no_conv_kernel(node, weight);
    if (!obstacle.empty()) return obstacle;
    return conv_kernel(node, weight).taps() == 1 ? "its kernel is 1x1: svd takes it" : "";
  }

  Job factorize(const FactorTarget& target, Factorization& result) override {
    const ConvKernel kernel = conv_kernel(target.node(), target.weight());
    std::vector<Tucker2Solver> solvers;
    std::vector<ModeSpectra> plain;
    for (int g = 0; g < kernel.groups; ++g) {
      solvers.emplace_back(kernel.group(g), kernel.outputs, kernel.inputs, kernel.taps());
      plain.push_back({solvers.back().out_spectrum(), solvers.back().in_spectrum()});
      co_await breathe(target);
    }
    std::vector<TuckerBases> bases;
    for (int g = 0; g < kernel.groups; ++g) {
      const std::span<const double> known = moment(target, g);
      if (known.empty()) break;
      bases.push_back(data_bases(kernel, g, known));
      co_await breathe(target);
    }
    const bool by_data = !bases.empty();
    const ModeLoss loss(by_data ? spectra_of(bases) : plain);
    const TuckerRanks full = {loss.full_out(), loss.full_in()};
    const TuckerRanks ranks = choose_tucker_ranks(target.options(), kernel, loss, plain);
    std::vector<Tucker2> groups;
    for (Tucker2Solver& solver : solvers) {
      solver.start(ranks.out, ranks.in);
      while (solver.advance()) co_await breathe(target);
      groups.push_back(solver.result());
    }
    describe(full, groups, ranks, result);
    if (target.options().given("bases")) {
      groups = from_text(target.options().text("bases"), kernel, ranks, target.layer().name());
    } else if (by_data && (ranks.out < full.out || ranks.in < full.in)) {
      take_data(target, kernel, ranks, bases, groups, result);
    }
    assemble_tucker(kernel, TuckerLinks(kernel, ranks, full), ranks, groups, result);
  }

 private:
  /** The bases found on data take the place of the iteration's where they lose less of the
   * outputs. */
  void take_data(const FactorTarget& target, const ConvKernel& kernel, TuckerRanks ranks,
                 const std::vector<TuckerBases>& bases, std::vector<Tucker2>& groups,
                 Factorization& result) {
    std::string text;
    for (const TuckerBases& each : bases) text += write_bases(kernel, ranks, each);
    // What a report repeats without data is what is used.
    std::vector<Tucker2> other = from_text(text, kernel, ranks, target.layer().name());
    const auto product = [&](const std::vector<Tucker2>& all) {
      std::vector<float> values;
      for (const Tucker2& group : all) {
        const std::vector<float> part = multiply_out(group, kernel);
        values.insert(values.end(), part.begin(), part.end());
      }
      return values;
    };
    if (lost(kernel, target, product(other)) >= lost(kernel, target, product(groups))) return;
    groups = std::move(other);
    result.rule["bases"] = text;
    result.detail["minimized"] = "outputs";
  }

  static std::vector<Tucker2> from_text(const std::string& text, const ConvKernel& kernel,
                                        TuckerRanks ranks, const std::string& where) {
    const size_t length = bases_length(kernel, ranks);
    if (text.size() != length * static_cast<size_t>(kernel.groups)) {
      fail(Code::INVALID_OPTION, where, "Expected ", length * static_cast<size_t>(kernel.groups),
           " characters for bases of ", where, " but received ", text.size());
    }
    std::vector<Tucker2> groups;
    for (int g = 0; g < kernel.groups; ++g) {
      const std::string part = text.substr(static_cast<size_t>(g) * length, length);
      groups.push_back(read_bases(part, kernel, g, ranks, where));
    }
    return groups;
  }

  static void describe(TuckerRanks full, const std::vector<Tucker2>& groups, TuckerRanks ranks,
                       Factorization& result) {
    double start = 0;
    int sweeps = 0;
    for (const Tucker2& group : groups) {
      start = std::max(start, group.start_error);
      sweeps = std::max(sweeps, group.sweeps);
    }
    result.detail = {{"rankOut", ranks.out},  {"rankIn", ranks.in},  {"fullRankOut", full.out},
                     {"fullRankIn", full.in}, {"hosvdError", start}, {"sweeps", sweeps}};
    result.rule = {{"rankOut", ranks.out}, {"rankIn", ranks.in}};
  }
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers({"Conv"});
  TuckerFactorizer factorizer(context);
  co_await factorize_layers(context, "tucker", factorizer, layers);
}

int data_passes(const Options& options) {
  return factor_data_passes(options, "bases");
}

}  // namespace

void register_tucker(TechniqueTable& table) {
  std::vector<OptionSpec> own = rank_options();
  own.push_back({.name = "vbmf",
                 .type = OptionType::boolean,
                 .doc = "ranks that variational Bayes finds in the weights, in place "
                        "of energy",
                 .default_value = false});
  own.push_back({.name = "rankOut",
                 .type = OptionType::integer,
                 .doc = "fixed rank of the output channels, each group's",
                 .min = 1});
  own.push_back({.name = "rankIn",
                 .type = OptionType::integer,
                 .doc = "fixed rank of the input channels, each group's",
                 .min = 1});
  TechniqueDef technique = factor_technique(
      "tucker",
      "replace a convolution by three: 1x1 to fewer channels, the window on those, 1x1 back "
      "(Tucker-2)",
      {"Conv"}, std::move(own), "bases", "the directions of outputs and inputs that are kept");
  technique.data_passes = data_passes;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
