#include "core/compress/factorize/support/tucker_chain.h"

#include <algorithm>

namespace whittle {
namespace {

/** The core, with the factor of a mode that gets no convolution multiplied into it. */
std::vector<float> middle(const Tucker2& group, const ConvKernel& kernel, TuckerLinks with,
                          std::span<const float> whole) {
  if (with.out && with.in) return group.core;
  const int taps = kernel.taps();
  if (!with.out && !with.in) return {whole.begin(), whole.end()};
  if (with.out) {  // [rank_out, inputs, taps] = core times in
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
          result[static_cast<size_t>((a * kernel.inputs + c) * taps + t)] = static_cast<float>(sum);
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

}  // namespace

std::vector<float> multiply_out(const Tucker2& group, const ConvKernel& kernel) {
  std::vector<float> product(static_cast<size_t>(kernel.size()));
  float* to = product.data();
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
  return product;
}

void assemble_tucker(const ConvKernel& kernel, TuckerLinks with, TuckerRanks ranks,
                     const std::vector<Tucker2>& groups, Factorization& result) {
  const std::vector<int> one(kernel.window.size(), 1);
  std::vector<std::vector<float>> in;
  std::vector<std::vector<float>> core;
  std::vector<std::vector<float>> out;
  result.approximation = Tensor::allocate(DType::f32, Shape{kernel.groups, kernel.size()});
  auto to = result.approximation.mutable_data<float>().begin();
  for (const Tucker2& group : groups) {
    const std::vector<float> product = multiply_out(group, kernel);
    to = std::copy(product.begin(), product.end(), to);
    core.push_back(middle(group, kernel, with, product));
    in.push_back(group.in);
    out.push_back(group.out);
  }
  std::vector<ConvLink> links;
  const std::vector<bool> none(kernel.window.size(), false);
  const std::vector<bool> all(kernel.window.size(), true);
  if (with.in) {
    result.factors.push_back(stack_groups(in, ranks.in, kernel.inputs, one));
    links.push_back({none, kernel.groups});
  }
  result.factors.push_back(stack_groups(core, with.out ? ranks.out : kernel.outputs,
                                        with.in ? ranks.in : kernel.inputs, kernel.window));
  links.push_back({all, kernel.groups});
  if (with.out) {
    result.factors.push_back(stack_groups(out, kernel.outputs, ranks.out, one));
    links.push_back({none, kernel.groups});
  }
  expand_to_chain(result, std::move(links), "tucker");
}

}  // namespace whittle
