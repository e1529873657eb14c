#include "core/compress/cluster/support/learn_palette.h"

#include <map>
#include <memory>

#include "core/compress/cluster/support/fit_codebook.h"
#include "core/compress/cluster/support/output_importance.h"
#include "core/compress/layer_error/coordinate_descent.h"
#include "core/compress/layer_error/output_error.h"

namespace whittle {
namespace {

constexpr float kDamping = 0.01f;
/** Turns of fitting codebooks and descending over codes; what later ones gain is lost in noise. */
constexpr int kTurns = 4;
constexpr int kSweeps = 2;

/** By how much an error of each weight costs output error on its own. */
std::vector<float> diagonal_of(const LayerMatrix& matrix, const Hessian& hessian,
                               std::span<const float> outputs, size_t elements) {
  // No weight is free, whatever the samples did not show.
  constexpr float kLeast = 0.01f;
  std::vector<float> importance(elements, 1.0f);
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const std::span<const float> h = hessian.of_group(g);
    double power = 0;
    for (int64_t k = 0; k < matrix.inputs; ++k) {
      power += h[static_cast<size_t>(k * matrix.inputs + k)];
    }
    if (!(power > 0)) continue;
    const double mean = power / static_cast<double>(matrix.inputs);
    for (int64_t k = 0; k < matrix.inputs; ++k) {
      const auto own =
          static_cast<float>(h[static_cast<size_t>(k * matrix.inputs + k)] / mean) + kLeast;
      for (int64_t m = g * matrix.outputs; m < (g + 1) * matrix.outputs; ++m) {
        importance[matrix.at(m, k)] = outputs.empty() ? own : own * outputs[static_cast<size_t>(m)];
      }
    }
  }
  return importance;
}

/** Codes, and codebooks where they are free, of least output error. */
Job learn(TechniqueContext& context, const PaletteToLearn& target,
          const LayerStatistics& statistics, std::span<const float> outputs, Products& products,
          Palette& palette) {
  const LayerMatrix& matrix = statistics.matrix();
  const Hessian& hessian = statistics.hessian();
  const std::span<const float> weight = target.weight->data<float>();
  if (target.free_codebooks) {
    palette.codebooks = cluster_groups(*target.weight, palette.groups,
                                       diagonal_of(matrix, hessian, outputs, weight.size()),
                                       target.cluster, context.cancel);
  }
  const auto to_book = [&](float value, size_t at) {
    return palette.value_of(palette.nearest(value, at), at);
  };
  const NearestValue nearest = to_book;
  const auto take_codes = [&](std::span<const float> rounded) {
    for (size_t i = 0; i < rounded.size(); ++i) palette.codes[i] = palette.nearest(rounded[i], i);
  };
  std::vector<float> rounded;
  const GptqOptions options{.damping = kDamping};
  co_await gptq(context.cancel, products, weight, matrix, hessian, nearest, options, rounded);
  take_codes(rounded);
  const DescentOptions descent{.damping = kDamping, .sweeps = kSweeps};
  for (int turn = 0; turn < kTurns; ++turn) {
    if (target.free_codebooks) {
      co_await fit_codebooks(context.cancel, context.pool, weight, matrix, hessian, outputs,
                             kDamping, palette);
      rounded = palette.values();
    }
    co_await descend_coordinates(context.cancel, products, weight, matrix, hessian, nearest,
                                 descent, rounded);
    take_codes(rounded);
  }
}

/** Learns and keeps what wins. */
Job solve(TechniqueContext& context, PaletteToLearn& target, const LayerStatistics& statistics,
          Products& products) {
  Palette learned = *target.palette;
  const LayerMatrix& matrix = statistics.matrix();
  const std::vector<float> importance =
      output_importance(context.model.graph, target.readers, matrix.groups * matrix.outputs);
  co_await learn(context, target, statistics, importance, products, learned);
  const OutputRows judged{.matrix = matrix, .rows = statistics.held(), .importance = importance};
  const std::span<const float> weight = target.weight->data<float>();
  const OutputError nearest = output_error(products, judged, weight, target.palette->values());
  context.cancel.poll();
  const OutputError found = output_error(products, judged, weight, learned.values());
  target.report = {{"rounding", "gptq"},
                   {"outputSqnrDb", found.sqnr_db()},
                   {"nearestOutputSqnrDb", nearest.sqnr_db()}};
  if (found.noise < nearest.noise) {
    learned.compare(*target.weight);
    *target.palette = std::move(learned);
  } else {
    target.report["rounding"] = "nearest";
    target.report["why"] = "gptq does not win on rows held out";
  }
}

}  // namespace

Job learn_palettes(TechniqueContext& context, int64_t samples,
                   std::vector<PaletteToLearn>& palettes) {
  std::map<const LayerStatistics*, size_t> target_of;
  std::vector<std::unique_ptr<LayerStatistics>> owned;
  std::vector<LayerStatistics*> statistics;
  for (size_t i = 0; i < palettes.size(); ++i) {
    PaletteToLearn& target = palettes[i];
    auto gathered = std::make_unique<LayerStatistics>(Learning::hessian, static_cast<int64_t>(i));
    const std::string obstacle = gathered->set_readers(target.readers, target.weight->shape());
    if (!obstacle.empty()) {
      target.report = {{"rounding", "nearest"}, {"why", obstacle}};
      continue;
    }
    target_of[gathered.get()] = i;
    statistics.push_back(gathered.get());
    owned.push_back(std::move(gathered));
  }
  if (statistics.empty()) co_return;
  const std::vector<std::vector<LayerStatistics*>> batches = statistics_batches(statistics);
  SampleStore store(samples, batches.size() > 1);
  Products products(context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier()),
                    context.pool);
  for (const std::vector<LayerStatistics*>& batch : batches) {
    co_await gather_statistics(context, store, batch, products);
    for (LayerStatistics* one : batch) {
      co_await solve(context, palettes[target_of.at(one)], *one, products);
      one->close();
    }
  }
}

}  // namespace whittle
