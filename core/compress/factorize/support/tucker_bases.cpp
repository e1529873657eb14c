#include "core/compress/factorize/support/tucker_bases.h"

#include "core/compress/factorize/support/low_rank.h"

namespace whittle {
namespace {

size_t numbers(int rank, int channels) {
  return static_cast<size_t>(rank) * static_cast<size_t>(channels);
}

}  // namespace

TuckerBases data_bases(const ConvKernel& kernel, int group, std::span<const double> moment) {
  const int taps = kernel.taps();
  const auto width = static_cast<size_t>(kernel.inputs * taps);
  const auto inputs = static_cast<size_t>(kernel.inputs);
  TuckerBases bases;
  bases.channels.assign(inputs * inputs, 0.0);
  for (size_t a = 0; a < inputs; ++a) {
    for (size_t b = 0; b < inputs; ++b) {
      for (size_t t = 0; t < static_cast<size_t>(taps); ++t) {
        bases.channels[a * inputs + b] +=
            moment[(a * static_cast<size_t>(taps) + t) * width + b * static_cast<size_t>(taps) + t];
      }
    }
  }
  const std::span<const float> values = kernel.group(group);
  bases.out = output_basis(values, kernel.outputs, kernel.inputs * taps, moment);
  std::vector<float> by_input(values.size());  // [outputs, taps, inputs]
  for (int o = 0; o < kernel.outputs; ++o) {
    for (int c = 0; c < kernel.inputs; ++c) {
      for (int t = 0; t < taps; ++t) {
        by_input[static_cast<size_t>((o * taps + t) * kernel.inputs + c)] =
            values[static_cast<size_t>((o * kernel.inputs + c) * taps + t)];
      }
    }
  }
  bases.in = input_subspace(by_input, kernel.outputs * taps, kernel.inputs, bases.channels);
  return bases;
}

std::vector<ModeSpectra> spectra_of(const std::vector<TuckerBases>& groups) {
  std::vector<ModeSpectra> spectra;
  for (const TuckerBases& bases : groups) spectra.push_back({bases.out.energy, bases.in.energy});
  return spectra;
}

size_t bases_length(const ConvKernel& kernel, TuckerRanks ranks) {
  return 3 * (numbers(ranks.out, kernel.outputs) + numbers(ranks.in, kernel.inputs)) +
         scaled_length(numbers(ranks.in, kernel.inputs));
}

std::string write_bases(const ConvKernel& kernel, TuckerRanks ranks, const TuckerBases& bases) {
  const std::span<const float> out(bases.out.vectors);
  const std::span<const float> in =
      std::span<const float>(bases.in.rows).first(numbers(ranks.in, kernel.inputs));
  const std::vector<float> decoder = input_decoder(in, ranks.in, kernel.inputs, bases.channels);
  return write_basis(out.first(numbers(ranks.out, kernel.outputs))) + write_basis(in) +
         write_scaled(decoder);
}

Tucker2 read_bases(const std::string& text, const ConvKernel& kernel, int group, TuckerRanks ranks,
                   const std::string& where) {
  const size_t outs = numbers(ranks.out, kernel.outputs);
  const size_t ins = numbers(ranks.in, kernel.inputs);
  std::vector<float> out = read_basis(text.substr(0, 3 * outs), outs, where);
  std::vector<float> in = read_basis(text.substr(3 * outs, 3 * ins), ins, where);
  const std::vector<float> decoder = read_scaled(text.substr(3 * (outs + ins)), ins, where);
  orthonormalize(out, ranks.out, kernel.outputs);
  orthonormalize(in, ranks.in, kernel.inputs);
  return tucker2_of(kernel.group(group), kernel.outputs, kernel.inputs, kernel.taps(), out,
                    ranks.out, in, decoder, ranks.in);
}

}  // namespace whittle
