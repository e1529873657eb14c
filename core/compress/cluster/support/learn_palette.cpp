#include "core/compress/cluster/support/learn_palette.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "core/compress/cluster/support/fit_codebook.h"
#include "core/compress/cluster/support/output_importance.h"
#include "core/compress/layer_error/coordinate_descent.h"
#include "core/compress/layer_error/output_error.h"
#include "core/compress/layer_error/paired_target.h"

namespace whittle {
namespace {

constexpr float kDamping = 0.01f;
/** Turns of fitting codebooks and descending over codes; what later ones gain is lost in noise. */
constexpr int kTurns = 2;
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

/** What a palette is learned from. */
struct Aim {
  const LayerMatrix& matrix;
  const Hessian& hessian;
  const Tensor& target;            // the weight, or what to aim at in its place
  std::span<const float> outputs;  // their importance, or empty
};

/** Codes, and codebooks where they are free, of least output error. */
Job learn(TechniqueContext& context, const PaletteToLearn& one, const Aim& aim, Products& products,
          Palette& palette) {
  const std::span<const float> target = aim.target.data<float>();
  const std::span<const float> weight = one.weight->data<float>();
  if (one.free_codebooks) {
    palette.codebooks =
        cluster_groups(aim.target, palette.groups,
                       diagonal_of(aim.matrix, aim.hessian, aim.outputs, weight.size()),
                       one.cluster, context.cancel);
  }
  const auto to_book = [&](float value, size_t at) {
    const float found = palette.value_of(palette.nearest(value, at), at);
    if (weight[at] != 0 || found == 0) return found;
    // Pruned weights stay so.
    return palette.value_of(palette.nearest(0, at), at);
  };
  const NearestValue nearest = to_book;
  const auto take_codes = [&](std::span<const float> rounded) {
    for (size_t i = 0; i < rounded.size(); ++i) palette.codes[i] = palette.nearest(rounded[i], i);
  };
  std::vector<float> rounded;
  const GptqOptions options{.damping = kDamping};
  co_await gptq(context.cancel, products, target, aim.matrix, aim.hessian, nearest, options,
                rounded);
  take_codes(rounded);
  const DescentOptions descent{.damping = kDamping, .sweeps = kSweeps};
  for (int turn = 0; turn < kTurns; ++turn) {
    if (one.free_codebooks) {
      co_await fit_codebooks(context.cancel, context.pool, target, aim.matrix, aim.hessian,
                             aim.outputs, kDamping, palette);
      rounded = palette.values();
    }
    co_await descend_coordinates(context.cancel, products, target, aim.matrix, aim.hessian, nearest,
                                 descent, rounded);
    take_codes(rounded);
  }
}

/** Learns and keeps what wins. */
Job solve(TechniqueContext& context, PaletteToLearn& one, const LayerStatistics& statistics,
          Products& products) {
  const LayerMatrix& matrix = statistics.matrix();
  const std::span<const float> weight = one.weight->data<float>();
  const std::vector<float> importance =
      output_importance(context.model.graph, one.readers, matrix.groups * matrix.outputs);
  std::optional<Hessian> paired;
  Tensor target = *one.weight;
  if (statistics.paired()) {
    paired.emplace(matrix);
    std::vector<float> values;
    co_await paired_target(context.cancel, products, weight, matrix, statistics.rows(), kDamping,
                           *paired, values);
    target = Tensor::of<float>(one.weight->shape(), std::span<const float>(values));
  }
  const Aim aim{matrix, paired ? *paired : statistics.hessian(), target, importance};
  Palette learned = *one.palette;
  co_await learn(context, one, aim, products, learned);
  const OutputRows judged{.matrix = matrix,
                          .rows = statistics.held(),
                          .paired = statistics.paired(),
                          .importance = importance};
  const OutputError nearest = output_error(products, judged, weight, one.palette->values());
  context.cancel.poll();
  const OutputError found = output_error(products, judged, weight, learned.values());
  const std::string& name = palette_rounding_name(one.method);
  one.report = {{"rounding", name},
                {"outputSqnrDb", found.sqnr_db()},
                {"nearestOutputSqnrDb", nearest.sqnr_db()}};
  if (found.noise < nearest.noise) {
    learned.compare(*one.weight);
    *one.palette = std::move(learned);
  } else {
    one.report["rounding"] = "nearest";
    one.report["why"] = name + " does not win on rows held out";
  }
}

/** Puts a palette's values into a model in the place of its weight. */
void put_palette(Model& model, const PaletteToLearn& one) {
  const std::vector<float> values = one.palette->values();
  model.graph.value(one.id).constant =
      Tensor::of<float>(one.weight->shape(), std::span<const float>(values));
}

}  // namespace

const std::vector<std::string>& palette_rounding_names() {
  static const std::vector<std::string> names = {"nearest", "gptq", "gptq-sequential"};
  return names;
}

const std::string& palette_rounding_name(PaletteRounding method) {
  return palette_rounding_names()[static_cast<size_t>(method)];
}

PaletteRounding palette_rounding(const Options& options) {
  const auto& names = palette_rounding_names();
  const auto found = std::find(names.begin(), names.end(), options.text("rounding"));
  return static_cast<PaletteRounding>(found - names.begin());
}

Job learn_palettes(TechniqueContext& context, int64_t samples,
                   std::vector<PaletteToLearn>& palettes) {
  std::map<const LayerStatistics*, size_t> target_of;
  std::vector<std::unique_ptr<LayerStatistics>> owned;
  std::vector<LayerStatistics*> statistics;
  bool sequential = false;
  for (size_t i = 0; i < palettes.size(); ++i) {
    PaletteToLearn& one = palettes[i];
    if (one.method == PaletteRounding::nearest) continue;
    const bool behind = one.method == PaletteRounding::gptq_sequential;
    auto gathered = std::make_unique<LayerStatistics>(
        behind ? Learning::hessian_of_pairs : Learning::hessian, static_cast<int64_t>(i));
    const std::string obstacle = gathered->set_readers(one.readers, one.weight->shape());
    if (!obstacle.empty()) {
      one.report = {{"rounding", "nearest"}, {"why", obstacle}};
      continue;
    }
    sequential = sequential || behind;
    target_of[gathered.get()] = i;
    statistics.push_back(gathered.get());
    owned.push_back(std::move(gathered));
  }
  if (statistics.empty()) co_return;
  const std::vector<std::vector<LayerStatistics*>> batches = statistics_batches(statistics);
  SampleStore store(samples, batches.size() > 1 || sequential);
  Products products(context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier()),
                    context.pool);
  for (const std::vector<LayerStatistics*>& batch : batches) {
    co_await gather_statistics(context, store, batch, products);
    for (LayerStatistics* one : batch) {
      co_await solve(context, palettes[target_of.at(one)], *one, products);
      one->close();
    }
  }
  if (!sequential) co_return;
  Model model = context.model;
  for (const PaletteToLearn& one : palettes) {
    const bool waits = one.report.is_null() && one.method == PaletteRounding::gptq_sequential;
    if (!waits) put_palette(model, one);
  }
  const std::vector<std::vector<LayerStatistics*>> waves = statistics_waves(statistics);
  for (const std::vector<LayerStatistics*>& wave : waves) {
    co_await gather_pairs(context, store, model, wave);
    for (LayerStatistics* one : wave) {
      co_await solve(context, palettes[target_of.at(one)], *one, products);
      one->close();
      put_palette(model, palettes[target_of.at(one)]);
    }
  }
}

}  // namespace whittle
