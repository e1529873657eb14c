#include "core/compress/factorize/support/conv_chain.h"
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

/** A product [(m, j), (c, i)] back in the kernel's layout. */
void fold(const std::vector<float>& product, const ConvKernel& kernel, float* to) {
  const int tall = kernel.window[0];
  const int wide = kernel.window[1];
  for (int m = 0; m < kernel.outputs; ++m) {
    for (int c = 0; c < kernel.inputs; ++c) {
      for (int i = 0; i < tall; ++i) {
        for (int j = 0; j < wide; ++j) {
          *to++ = product[static_cast<size_t>(((m * wide + j) * kernel.inputs + c) * tall + i)];
        }
      }
    }
  }
}

class SpatialFactorizer final : public Factorizer {
 public:
  explicit SpatialFactorizer(TechniqueContext& context) : context_(context) {}

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
    assemble(kernel, matrix, choice.bases, choice.rank, result);
    result.detail = {{"rank", choice.rank}, {"fullRank", matrix.full_rank()}};
    result.rule = low_rank_rule(choice);
    co_return;
  }

 private:
  static void assemble(const ConvKernel& kernel, const GroupedMatrix& matrix,
                       const std::vector<OutputBasis>& bases, int rank, Factorization& result) {
    const int wide = kernel.window[1];
    std::vector<std::vector<float>> vertical;    // [rank, inputs, tall, 1]
    std::vector<std::vector<float>> horizontal;  // [outputs, rank, 1, wide]
    result.approximation = Tensor::allocate(DType::f32, Shape{kernel.groups, kernel.size()});
    float* to = result.approximation.mutable_data<float>().data();
    for (int g = 0; g < kernel.groups; ++g) {
      LowRank parts = project_on(matrix.group(g), matrix.outputs, matrix.inputs,
                                 bases[static_cast<size_t>(g)].vectors, rank);
      fold(multiply_out(parts, matrix.outputs, matrix.inputs), kernel, to);
      to += kernel.size();
      std::vector<float> across(parts.second.size());
      for (int m = 0; m < kernel.outputs; ++m) {
        for (int j = 0; j < wide; ++j) {
          for (int r = 0; r < rank; ++r) {
            across[static_cast<size_t>((m * rank + r) * wide + j)] =
                parts.second[static_cast<size_t>((m * wide + j) * rank + r)];
          }
        }
      }
      vertical.push_back(std::move(parts.first));
      horizontal.push_back(std::move(across));
    }
    result.factors.push_back(stack_groups(vertical, rank, kernel.inputs, {kernel.window[0], 1}));
    result.factors.push_back(stack_groups(horizontal, kernel.outputs, rank, {1, wide}));
    expand_to_chain(result, {{{true, false}, kernel.groups}, {{false, true}, kernel.groups}},
                    "spatial");
  }

  TechniqueContext& context_;
};

Job run(TechniqueContext& context) {
  const std::vector<Layer> layers = context.layers({"Conv"});
  SpatialFactorizer factorizer(context);
  co_await factorize_layers(context, "spatial-svd", factorizer, layers);
}

}  // namespace

void register_spatial_svd(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "spatial-svd";
  technique.summary =
      "replace a convolution by two, one with its window's height and one with its width";
  technique.ops = {"Conv"};
  technique.needs_passes = weight_passes();
  technique.needs_passes.push_back("fold-batchnorm");  // what a channel is scaled by counts
  technique.options = low_rank_options();
  for (OptionSpec& spec : break_even_options()) technique.options.push_back(std::move(spec));
  technique.not_after = {"fp16", "quantize-*", "mixed-precision", "palettize",
                         "round-for-compression"};
  technique.changes_layers = true;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
