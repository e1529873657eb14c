#include "core/compress/factorize/support/conv_factorizer.h"

#include <algorithm>
#include <cmath>

#include "core/compress/factorize/support/low_rank.h"
#include "core/linalg/output_basis.h"
#include "core/linalg/refit.h"

namespace whittle {
namespace {

/** last * features, [outputs, inputs * taps]. */
std::vector<float> multiply_out(const ConvKernel& kernel, const std::vector<float>& last,
                                const std::vector<float>& features) {
  LowRank factors;
  factors.rank = static_cast<int>(last.size()) / kernel.outputs;
  factors.second = last;
  factors.first = features;
  return whittle::multiply_out(factors, kernel.outputs, kernel.inputs * kernel.taps());
}

}  // namespace

ConvFactorizer::ConvFactorizer(TechniqueContext& context, std::string technique, std::string given)
    : context_(context), technique_(std::move(technique)), given_(std::move(given)) {}

bool ConvFactorizer::weighted(const FactorTarget& target) const {
  return target.options().text("minimize") == "outputs" && !target.options().given(given_);
}

std::span<const double> ConvFactorizer::moment(const FactorTarget& target, int group) {
  return weighted(target) ? moments_.of(target, group) : std::span<const double>();
}

JobPause ConvFactorizer::breathe(const FactorTarget& target) const {
  context_.cancel.poll();
  return report_progress(technique_, target.layer().name());
}

Job ConvFactorizer::prepare(const std::vector<FactorTarget>& targets) {
  bool wanted = false;
  for (const FactorTarget& target : targets) wanted = wanted || weighted(target);
  if (!wanted) co_return;
  co_await moments_.observe(context_, targets, context_.options.integer("samples"), technique_);
}

double ConvFactorizer::lost(const ConvKernel& kernel, const FactorTarget& target,
                            std::span<const float> other) {
  double worst = -1;
  for (int g = 0; g < kernel.groups; ++g) {
    const std::span<const double> known = moment(target, g);
    if (known.empty()) continue;
    const std::span<const float> group =
        other.subspan(static_cast<size_t>(g * kernel.size()), static_cast<size_t>(kernel.size()));
    worst = std::max(worst, output_error2(kernel.group(g), group, kernel.outputs,
                                          kernel.inputs * kernel.taps(), known));
  }
  return worst;
}

double ConvFactorizer::output_error(const FactorTarget& target, const Tensor& approximation) {
  const ConvKernel kernel = conv_kernel(target.node(), target.weight());
  const double worst = lost(kernel, target, approximation.data<float>());
  return worst < 0 ? -1 : std::sqrt(worst);
}

void ConvFactorizer::refit(const FactorTarget& target, const ConvKernel& kernel,
                           const std::vector<std::vector<float>>& features,
                           std::vector<std::vector<float>>& last, Factorization& result) {
  const size_t count = last[0].size();
  const size_t length = scaled_length(count);
  std::string text;
  if (target.options().given(given_)) {
    text = target.options().text(given_);
  } else {
    for (size_t g = 0; g < last.size(); ++g) {
      const std::span<const double> known = moment(target, static_cast<int>(g));
      if (known.empty()) return;
      text += write_scaled(refit_output(kernel.group(static_cast<int>(g)), kernel.outputs,
                                        kernel.inputs * kernel.taps(), features[g],
                                        static_cast<int>(count) / kernel.outputs, last[g], known));
    }
  }
  const std::string& name = target.layer().name();
  if (text.size() != length * last.size()) {
    fail(Code::INVALID_OPTION, name, "Expected ", length * last.size(), " characters for ", given_,
         " of ", name, " but received ", text.size());
  }
  // What a report repeats without data is what is used.
  std::vector<std::vector<float>> fitted;
  std::vector<float> before;
  std::vector<float> after;
  for (size_t g = 0; g < last.size(); ++g) {
    fitted.push_back(read_scaled(text.substr(g * length, length), count, name));
    const std::vector<float> was = multiply_out(kernel, last[g], features[g]);
    const std::vector<float> is = multiply_out(kernel, fitted[g], features[g]);
    before.insert(before.end(), was.begin(), was.end());
    after.insert(after.end(), is.begin(), is.end());
  }
  if (!target.options().given(given_)) {
    if (lost(kernel, target, after) >= lost(kernel, target, before)) return;
    result.rule[given_] = text;
    result.detail["minimized"] = "outputs";
  }
  last = std::move(fitted);
}

}  // namespace whittle
