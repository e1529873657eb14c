#include "core/compress/factorize/support/conv_factorizer.h"
#include "core/compress/factorize/support/factor_technique.h"
#include "core/compress/factorize/support/low_rank_step.h"

namespace whittle {
namespace {

/** K[m, c, i, j] as the matrix [(m, j), (c, i)]: what the vertical filters make of the input, and
 * what the horizontal ones make of that (Jaderberg et al. 2014, scheme 2). */
GroupedMatrix unfold(const ConvKernel& kernel) {
  const int tall = kernel.window[0];
  const int wide = kernel.window[1];
  GroupedMatrix matrix;
  matrix.groups = kernel.groups;
  matrix.outputs = kernel.outputs * wide;
  matrix.inputs = kernel.inputs * tall;
  matrix.values.resize(kernel.values.size());
  float* to = matrix.values.data();
  for (int g = 0; g < kernel.groups; ++g) {
    const std::span<const float> from = kernel.group(g);
    for (int m = 0; m < kernel.outputs; ++m) {
      for (int j = 0; j < wide; ++j) {
        for (int c = 0; c < kernel.inputs; ++c) {
          for (int i = 0; i < tall; ++i) {
            *to++ = from[static_cast<size_t>(((m * kernel.inputs + c) * tall + i) * wide + j)];
          }
        }
      }
    }
  }
  return matrix;
}

/** [(m, j), rank] as the horizontal filters [m, rank, j]. */
std::vector<float> across(const std::vector<float>& second, const ConvKernel& kernel, int rank) {
  const int wide = kernel.window[1];
  std::vector<float> result(second.size());
  for (int m = 0; m < kernel.outputs; ++m) {
    for (int j = 0; j < wide; ++j) {
      for (int r = 0; r < rank; ++r) {
        result[static_cast<size_t>((m * rank + r) * wide + j)] =
            second[static_cast<size_t>((m * wide + j) * rank + r)];
      }
    }
  }
  return result;
}

/** The vertical filters [rank, (c, i)] in each column j of the window: what each tap (r, j) of a
 * horizontal filter sees of a patch, [(r, j), (c, i, j)]. */
std::vector<float> shifted(const std::vector<float>& first, const ConvKernel& kernel, int rank) {
  const int wide = kernel.window[1];
  const int rows = kernel.inputs * kernel.window[0];
  std::vector<float> result(first.size() * static_cast<size_t>(wide * wide), 0.0f);
  for (int r = 0; r < rank; ++r) {
    for (int j = 0; j < wide; ++j) {
      for (int i = 0; i < rows; ++i) {
        result[static_cast<size_t>(((r * wide + j) * rows + i) * wide + j)] =
            first[static_cast<size_t>(r * rows + i)];
      }
    }
  }
  return result;
}

class SpatialFactorizer final : public ConvFactorizer {
 public:
  explicit SpatialFactorizer(TechniqueContext& context)
      : ConvFactorizer(context, "spatial-svd", "last") {}

  std::string why_not(const Node& node, const Tensor& weight) const override {
    const std::string obstacle = why_no_conv_kernel(node, weight);
    if (!obstacle.empty()) return obstacle;
    const ConvKernel kernel = conv_kernel(node, weight);
    if (kernel.window.size() != 2) return "its window has not two axes";
    return kernel.window[0] == 1 || kernel.window[1] == 1 ? "its window lies along one axis" : "";
  }

  Job factorize(const FactorTarget& target, Factorization& result) override {
    const ConvKernel kernel = conv_kernel(target.node(), target.weight());
    const GroupedMatrix matrix = unfold(kernel);
    context_.cancel.poll();
    const std::vector<std::span<const double>> moments(static_cast<size_t>(kernel.groups));
    const LowRankChoice choice = choose_low_rank(target.options(), matrix, moments, context_.seed);
    result.detail = {{"rank", choice.rank}, {"fullRank", matrix.full_rank()}};
    result.rule = low_rank_rule(choice);
    assemble(target, kernel, matrix, choice, result);
    co_return;
  }

 private:
  void assemble(const FactorTarget& target, const ConvKernel& kernel, const GroupedMatrix& matrix,
                const LowRankChoice& choice, Factorization& result) {
    const int wide = kernel.window[1];
    std::vector<std::vector<float>> vertical;    // [rank, inputs, tall, 1]
    std::vector<std::vector<float>> horizontal;  // [outputs, rank, 1, wide]
    std::vector<std::vector<float>> features;    // [rank * wide, inputs * tall * wide]
    for (int g = 0; g < kernel.groups; ++g) {
      LowRank parts = project_on(matrix.group(g), matrix.outputs, matrix.inputs,
                                 choice.bases[static_cast<size_t>(g)].vectors, choice.rank);
      horizontal.push_back(across(parts.second, kernel, choice.rank));
      features.push_back(shifted(parts.first, kernel, choice.rank));
      vertical.push_back(std::move(parts.first));
    }
    refit(target, kernel, features, horizontal, result);
    result.approximation = Tensor::allocate(DType::f32, Shape{kernel.groups, kernel.size()});
    auto to = result.approximation.mutable_data<float>().begin();
    for (size_t g = 0; g < horizontal.size(); ++g) {
      const LowRank parts{choice.rank * wide, features[g], horizontal[g]};
      const std::vector<float> product =
          multiply_out(parts, kernel.outputs, kernel.inputs * kernel.taps());
      to = std::copy(product.begin(), product.end(), to);
    }
    result.factors.push_back(
        stack_groups(vertical, choice.rank, kernel.inputs, {kernel.window[0], 1}));
    result.factors.push_back(stack_groups(horizontal, kernel.outputs, choice.rank, {1, wide}));
    expand_to_chain(result, {{{true, false}, kernel.groups}, {{false, true}, kernel.groups}},
                    "spatial");
  }
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers({"Conv"});
  SpatialFactorizer factorizer(context);
  co_await factorize_layers(context, "spatial-svd", factorizer, layers);
}

int data_passes(const Options& options) {
  return factor_data_passes(options, "last");
}

}  // namespace

void register_spatial_svd(TechniqueTable& table) {
  std::vector<OptionSpec> own = low_rank_options();
  TechniqueDef technique = factor_technique(
      "spatial-svd",
      "replace a convolution by two, one with its window's height and one with its width", {"Conv"},
      std::move(own), "last", "the horizontal filters as found on data");
  technique.data_passes = data_passes;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
