#include <algorithm>
#include <cmath>

#include "core/compress/factorize/support/conv_chain.h"
#include "core/compress/factorize/support/factor_technique.h"
#include "core/compress/factorize/support/input_moments.h"
#include "core/compress/factorize/support/low_rank_step.h"
#include "core/compress/factorize/support/product_nodes.h"

namespace whittle {
namespace {

bool is_recurrent(const Node& node) {
  return node.is("LSTM") || node.is("GRU") || node.is("RNN");
}

/** Whether a weight is stored as [inputs, outputs]. */
bool is_transposed(const Node& node) {
  if (node.is("Gemm")) return node.int_attribute("transB", 0) == 0;
  return node.is("MatMul") || node.is("Gather");
}

std::vector<float> transposed(std::span<const float> x, int rows, int cols) {
  std::vector<float> result(x.size());
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      result[static_cast<size_t>(j) * static_cast<size_t>(rows) + static_cast<size_t>(i)] =
          x[static_cast<size_t>(i) * static_cast<size_t>(cols) + static_cast<size_t>(j)];
    }
  }
  return result;
}

GroupedMatrix matrix_of(const Node& node, const Tensor& weight) {
  const Shape& shape = weight.shape();
  const std::span<const float> values = weight.data<float>();
  GroupedMatrix matrix;
  if (node.is("Conv")) {
    matrix.groups = static_cast<int>(node.int_attribute("group", 1));
    matrix.outputs = static_cast<int>(shape[0]) / matrix.groups;
    matrix.inputs = static_cast<int>(shape[1]);
  } else {  // the directions of a recurrent layer share their input, so they share its factor
    const bool turned = is_transposed(node);
    matrix.inputs = static_cast<int>(turned ? shape[0] : shape.back());
    matrix.outputs = static_cast<int>(weight.elements() / matrix.inputs);
    if (turned) {
      matrix.values = transposed(values, matrix.inputs, matrix.outputs);
      return matrix;
    }
  }
  matrix.values.assign(values.begin(), values.end());
  return matrix;
}

class SvdFactorizer final : public Factorizer {
 public:
  explicit SvdFactorizer(TechniqueContext& context) : context_(context) {}

  std::string why_not(const Node& node, const Tensor& weight) const override {
    const Shape& shape = weight.shape();
    if (node.is("Conv")) {
      const std::string obstacle = why_no_conv_kernel(node, weight);
      if (!obstacle.empty()) return obstacle;
      return shape.elements(2, shape.rank()) == 1
                 ? ""
                 : "its kernel is not 1x1: tucker, spatial-svd and cp take it";
    }
    if (is_recurrent(node)) return shape.rank() == 3 ? "" : "its weight is no stack of matrices";
    if (shape.rank() != 2) return "its weight is not a matrix";
    if (node.is("Gather") && node.int_attribute("axis", 0) % 2 != 0) return "it looks up columns";
    return "";
  }

  Job prepare(const std::vector<FactorTarget>& targets) override {
    bool wanted = false;
    for (const FactorTarget& target : targets) wanted = wanted || weighted(target);
    if (!wanted) co_return;
    co_await moments_.observe(context_, targets, context_.options.integer("samples"), "svd");
  }

  Job factorize(const FactorTarget& target, Factorization& result) override {
    const Options& options = target.options();
    const GroupedMatrix matrix = matrix_of(target.node(), target.weight());
    context_.cancel.poll();
    LowRankChoice choice;
    if (options.given("basis")) {
      choice = given_basis(target, matrix);
    } else {
      std::vector<std::span<const double>> moments(static_cast<size_t>(matrix.groups));
      bool by_data = false;
      for (int g = 0; weighted(target) && g < matrix.groups; ++g) {
        moments[static_cast<size_t>(g)] = moments_.of(target, g);
        by_data = by_data || !moments[static_cast<size_t>(g)].empty();
      }
      choice = choose_low_rank(options, matrix, moments, context_.seed);
      result.rule = low_rank_rule(choice);
      if (by_data) {
        // What a report repeats without data is what is used: 16 bits of each direction.
        const std::string text = basis_text(matrix, choice);
        take_basis(text, target, matrix, choice);
        result.rule = {{"rank", choice.rank}, {"basis", text}};
        result.detail["minimized"] = "outputs";
      }
    }
    assemble(target, matrix, choice, result);
    result.detail["rank"] = choice.rank;
    result.detail["fullRank"] = matrix.full_rank();
    if (choice.energy >= 0) result.detail["energy"] = choice.energy;
    co_return;
  }

  double output_error(const FactorTarget& target, const Tensor& approximation) override {
    if (!weighted(target)) return -1;
    const GroupedMatrix before = matrix_of(target.node(), target.weight());
    const GroupedMatrix after = matrix_of(target.node(), approximation);
    double worst = -1;
    for (int g = 0; g < before.groups; ++g) {
      const std::span<const double> moment = moments_.of(target, g);
      if (moment.empty()) continue;
      worst = std::max(worst, output_error2(before.group(g), after.group(g), before.outputs,
                                            before.inputs, moment));
    }
    return worst < 0 ? -1 : std::sqrt(worst);
  }

 private:
  static bool weighted(const FactorTarget& target) {
    return target.options().text("minimize") == "outputs" && !target.options().given("basis");
  }

  static LowRankChoice given_basis(const FactorTarget& target, const GroupedMatrix& matrix) {
    const std::string& name = target.layer().name();
    if (!target.options().has("rank")) {
      fail(Code::INVALID_OPTION, name, "Expected rank beside basis for ", name,
           " but received none");
    }
    LowRankChoice choice;
    choice.rank =
        static_cast<int>(std::min<int64_t>(target.options().integer("rank"), matrix.full_rank()));
    choice.bases.resize(static_cast<size_t>(matrix.groups));
    take_basis(target.options().text("basis"), target, matrix, choice);
    return choice;
  }

  static std::string basis_text(const GroupedMatrix& matrix, const LowRankChoice& choice) {
    std::string text;
    for (const OutputBasis& basis : choice.bases) {
      const auto count = static_cast<size_t>(choice.rank) * static_cast<size_t>(matrix.outputs);
      text += write_basis(std::span<const float>(basis.vectors).first(count));
    }
    return text;
  }

  static void take_basis(const std::string& text, const FactorTarget& target,
                         const GroupedMatrix& matrix, LowRankChoice& choice) {
    const auto count = static_cast<size_t>(choice.rank) * static_cast<size_t>(matrix.outputs);
    const std::vector<float> all =
        read_basis(text, count * choice.bases.size(), target.layer().name());
    for (size_t g = 0; g < choice.bases.size(); ++g) {
      const auto begin = all.begin() + static_cast<int64_t>(g * count);
      std::vector<float>& rows = choice.bases[g].vectors;
      rows.assign(begin, begin + static_cast<int64_t>(count));
      orthonormalize(rows, choice.rank, matrix.outputs);
    }
  }

  static void assemble(const FactorTarget& target, const GroupedMatrix& matrix,
                       const LowRankChoice& choice, Factorization& result) {
    const int rank = choice.rank;
    const Node& node = target.node();
    const Shape& shape = target.weight().shape();
    std::vector<std::vector<float>> first;
    std::vector<std::vector<float>> second;
    std::vector<float> product;
    for (int g = 0; g < matrix.groups; ++g) {
      LowRank parts = project_on(matrix.group(g), matrix.outputs, matrix.inputs,
                                 choice.bases[static_cast<size_t>(g)].vectors, rank);
      const std::vector<float> group = multiply_out(parts, matrix.outputs, matrix.inputs);
      product.insert(product.end(), group.begin(), group.end());
      first.push_back(std::move(parts.first));
      second.push_back(std::move(parts.second));
    }
    if (is_transposed(node)) product = transposed(product, matrix.outputs, matrix.inputs);
    result.approximation = Tensor::of<float>(shape, product);
    if (node.is("Conv")) {
      const std::vector<int> one(static_cast<size_t>(shape.rank() - 2), 1);
      result.factors.push_back(stack_groups(first, rank, matrix.inputs, one));
      result.factors.push_back(stack_groups(second, matrix.outputs, rank, one));
      const std::vector<bool> all(one.size(), true);
      const std::vector<bool> none(one.size(), false);
      expand_to_chain(result, {{all, matrix.groups}, {none, matrix.groups}}, "svd");
      return;
    }
    const bool turn_first = is_transposed(node) || is_recurrent(node);
    if (turn_first) first[0] = transposed(first[0], rank, matrix.inputs);
    if (is_transposed(node)) second[0] = transposed(second[0], matrix.outputs, rank);
    result.factors.push_back(Tensor::of<float>(
        turn_first ? Shape{matrix.inputs, rank} : Shape{rank, matrix.inputs}, first[0]));
    if (is_recurrent(node)) {
      result.factors.push_back(Tensor::of<float>(Shape{shape[0], shape[1], rank}, second[0]));
      result.expand = expand_recurrent;
      return;
    }
    result.factors.push_back(Tensor::of<float>(
        is_transposed(node) ? Shape{rank, matrix.outputs} : Shape{matrix.outputs, rank},
        second[0]));
    result.expand = node.is("Gather") ? expand_embedding : expand_product;
  }

  TechniqueContext& context_;
  InputMoments moments_;
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers =
      context.layers({"Gemm", "MatMul", "Conv", "LSTM", "GRU", "RNN", "Gather"});
  SvdFactorizer factorizer(context);
  co_await factorize_layers(context, "svd", factorizer, layers);
}

int data_passes(const Options& options) {
  return factor_data_passes(options, "basis");
}

}  // namespace

void register_svd(TechniqueTable& table) {
  std::vector<OptionSpec> own = low_rank_options();
  TechniqueDef technique =
      factor_technique("svd", "replace a matrix product by two thinner ones (truncated SVD)",
                       {"Gemm", "MatMul", "Conv", "LSTM", "GRU", "RNN", "Gather"}, std::move(own),
                       "basis", "the directions of the outputs that are kept");
  technique.data_passes = data_passes;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
