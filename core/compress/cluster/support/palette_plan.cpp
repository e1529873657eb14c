#include "core/compress/cluster/support/palette_plan.h"

#include <algorithm>
#include <set>

#include "core/compress/name_seed.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Names, types and attributes of the nodes around a palette, in a file. */
constexpr int64_t kNodeBytes = 200;

CodeStorage storage_of(const Options& options, int bits, int64_t elements) {
  if (bits > 4) return CodeStorage::u8;
  if (options.text("storage") == "uint4") return CodeStorage::u4;
  return elements % 2 == 0 ? CodeStorage::nibbles : CodeStorage::u8;
}

/** Output channels that share a codebook unless the recipe says how many: the fewest, in eights,
 * that leave it an eighth of what their codes take. Channels differ more than their number hides.
 */
int64_t usual_group(const PaletteGroups& groups, CodeStorage storage, int64_t entries) {
  constexpr int64_t kShare = 8;
  constexpr int64_t kChannels = 8;
  const int64_t per_channel = groups.shape.elements() / groups.shape[groups.axis];
  const int64_t eight = kChannels * per_channel / (storage == CodeStorage::u8 ? 1 : 2);
  const int64_t book = 4 * entries * kShare;
  return kChannels * std::max<int64_t>(1, (book + eight - 1) / eight);
}

std::string_view storage_name(CodeStorage storage) {
  return storage == CodeStorage::u4 ? "uint4" : storage == CodeStorage::u8 ? "uint8" : "nibbles";
}

}  // namespace

PalettePlan::PalettePlan(TechniqueContext& context)
    : context_(context),
      finder_(context.model.graph),
      shared_(context.options.boolean("shared")),
      weighted_(context.options.text("weighting") == "activations") {}

std::string PalettePlan::why_not(const Layer& layer, size_t input, Target& target) const {
  if (!target.constant.found()) return "its weights are computed at run time";
  const Tensor& tensor = target.constant.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weights are ", dtype_name(tensor.dtype()), ", not float32");
  }
  const std::optional<int> axis = channel_axis(*layer.node, input, tensor.shape());
  if (!axis || tensor.elements() == 0) return "its weight is not a matrix";
  target.cluster.bits = static_cast<int>(layer.options.integer("bits"));
  target.cluster.optimal = layer.options.text("method") == "optimal";
  target.cluster.seed = context_.seed ^ name_seed(target.constant.value().name);
  target.storage = storage_of(layer.options, target.cluster.bits, tensor.elements());
  target.groups.shape = tensor.shape();
  target.groups.axis = *axis;
  const auto entries = static_cast<int64_t>(target.cluster.entries());
  if (layer.options.has("groupSize")) {
    target.groups.group = layer.options.integer("groupSize");
  } else if (!shared_) {
    target.groups.group = usual_group(target.groups, target.storage, entries);
  }
  if (target.groups.group >= tensor.shape()[*axis]) target.groups.group = 0;
  const auto groups = static_cast<int64_t>(target.groups.count());
  const int64_t codes =
      target.storage == CodeStorage::u8 ? tensor.elements() : tensor.elements() / 2;
  const int64_t books = shared_ ? groups : entries * groups;
  if (4 * tensor.elements() <= codes + 4 * books + kNodeBytes) {
    return "too small to gain from a codebook";
  }
  return "";
}

void PalettePlan::collect(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    if (!layer.selected) continue;
    for (size_t input : weight_inputs(*layer.node)) {
      Target target;
      target.constant = finder_.find_weight(*layer.graph, layer.node->input(input));
      if (const auto known = known_.find(target.constant); known != known_.end()) {
        targets_[known->second].readers.push_back({&layer, input});
        continue;
      }
      std::string obstacle = why_not(layer, input, target);
      if (!obstacle.empty()) {
        obstacles_.try_emplace(layer.node, std::move(obstacle));
        continue;
      }
      require_finite(target.constant.tensor(), target.constant.value().name);
      target.readers.push_back({&layer, input});
      known_[target.constant] = targets_.size();
      targets_.push_back(std::move(target));
    }
    if (layer.options.has("codebook")) take_given_codebook(layer);
  }
}

/** A layer's given codebook holds those of its weights one after the other. */
void PalettePlan::take_given_codebook(const Layer& layer) {
  const std::vector<float> given = layer.options.numbers("codebook");
  size_t at = 0;
  for (Target& target : targets_) {
    if (target.readers[0].layer != &layer) continue;
    const size_t entries = target.cluster.entries();
    const size_t count = shared_ ? entries : entries * target.groups.count();
    const size_t end = std::min(at + count, given.size());
    target.codebooks.assign(given.begin() + static_cast<std::ptrdiff_t>(at),
                            given.begin() + static_cast<std::ptrdiff_t>(end));
    target.given = true;
    bool good = target.codebooks.size() == count;
    for (size_t i = 1; good && i < count; ++i) {
      good = i % entries == 0 || target.codebooks[i - 1] <= target.codebooks[i];
    }
    if (!good) {
      fail(Code::INVALID_OPTION, layer.name(), "Expected ascending values, ", entries,
           " for each codebook, for the codebook of \"", layer.name(), "\" but received ",
           given.size(), " values");
    }
    at = end;
  }
  if (at != given.size()) {
    fail(Code::INVALID_OPTION, layer.name(), "Expected ", at, " values for the codebook of \"",
         layer.name(), "\" but received ", given.size());
  }
}

/** One entry per element: by how much an error there counts. Empty: all the same. */
std::vector<float> PalettePlan::importance(const Target& target) const {
  // No weight is free, whatever the samples did not show.
  constexpr float kLeast = 0.01f;
  if (!weighted_) return {};
  std::vector<float> entries(static_cast<size_t>(target.groups.shape.elements()), kLeast);
  bool known = false;
  for (const Reader& reader : target.readers) {
    const bool direct =
        !reader.layer->in_subgraph &&
        finder_.find(*reader.layer->graph, reader.layer->node->input(reader.input)).found();
    if (!direct) continue;
    known |=
        energy_.add_importance(*reader.layer->node, reader.input, target.groups.shape, entries);
  }
  return known ? entries : std::vector<float>{};
}

/** One codebook for the weights of `bits` bits, each group divided by its root mean square. */
void PalettePlan::cluster_together(int bits) {
  // Enough to know where the values lie; the stride spreads them over every weight.
  constexpr int64_t kMostPoints = int64_t{1} << 22;
  int64_t total = 0;
  const auto takes_part = [&](const Target& target) {
    return target.cluster.bits == bits && target.codebooks.empty();
  };
  for (const Target& target : targets_) {
    if (takes_part(target)) total += target.groups.shape.elements();
  }
  const auto stride = static_cast<size_t>(1 + (total - 1) / kMostPoints);
  std::vector<float> values;
  std::vector<float> weights;
  ClusterOptions options;
  for (const Target& target : targets_) {
    if (!takes_part(target)) continue;
    options = target.cluster;
    const std::vector<float> entries = importance(target);
    const std::span<const float> w = target.constant.tensor().data<float>();
    for (size_t i = 0; i < w.size(); i += stride) {
      values.push_back(w[i] / target.scales[target.groups.of(i)]);
      if (weighted_) weights.push_back(entries.empty() ? 1.0f : entries[i]);
    }
  }
  if (values.empty()) return;
  options.seed = context_.seed;
  const std::vector<float> book = cluster_values(values, weights, options, context_.cancel);
  for (Target& target : targets_) {
    if (takes_part(target)) target.codebooks = book;
  }
}

Job PalettePlan::make(const std::vector<Layer>& layers) {
  collect(layers);
  if (weighted_) co_await energy_.observe(context_, layers);
  if (shared_) {
    std::set<int> widths;
    for (Target& target : targets_) {
      target.scales = group_scales(target.constant.tensor(), target.groups);
      widths.insert(target.cluster.bits);
    }
    for (int bits : widths) {
      co_await report_progress("palettize", "all layers together");
      cluster_together(bits);
    }
  }
  for (size_t i = 0; i < targets_.size(); ++i) {
    Target& target = targets_[i];
    co_await report_progress("palettize", target.readers[0].layer->name(), static_cast<int64_t>(i),
                             static_cast<int64_t>(targets_.size()));
    context_.cancel.poll();
    const Tensor& weight = target.constant.tensor();
    if (target.codebooks.empty()) {
      const std::vector<float> entries = importance(target);
      target.codebooks =
          cluster_groups(weight, target.groups, entries, target.cluster, context_.cancel);
    }
    target.palette = assign_codes(weight, target.groups, target.codebooks, target.cluster.entries(),
                                  target.scales);
  }
  co_await choose_codes();
}

void PalettePlan::report(const std::vector<Layer>& layers) {
  StepReport& report = context_.report;
  nlohmann::json rules = nlohmann::json::array();
  for (const Layer& layer : layers) {
    if (!layer.selected) {
      report.leave(*layer.node, "not selected");
      continue;
    }
    nlohmann::json detail;
    nlohmann::json codebook = nlohmann::json::array();
    double worst = 300;
    int64_t bytes = 0;
    int64_t float_bytes = 0;
    for (const Target& target : targets_) {
      for (const Reader& reader : target.readers) {
        if (reader.layer != &layer) continue;
        const bool first = &reader == target.readers.data();
        worst = std::min(worst, target.palette.sqnr_db());
        if (first) {
          bytes += target.palette.stored_bytes(target.storage);
          float_bytes += target.constant.tensor().bytes();
          for (float value : target.palette.codebooks) codebook.push_back(value);
        }
        detail = {{"weightSqnrDb", worst},
                  {"bits", target.cluster.bits},
                  {"storage", storage_name(target.storage)},
                  {"codebooks", target.palette.codebooks.size() / target.cluster.entries()},
                  {"keepsZero", target.palette.keeps_zero()},
                  {"floatBytes", float_bytes},
                  {"storedBytes", bytes}};
        if (!target.rounding.is_null()) detail.update(target.rounding);
      }
    }
    if (detail.is_null()) {
      const auto obstacle = obstacles_.find(layer.node);
      const bool has_weight =
          obstacle == obstacles_.end() || obstacle->second.starts_with("too small");
      if (obstacle != obstacles_.end() && (has_weight || is_always_a_layer(*layer.node))) {
        report.leave(*layer.node, obstacle->second);
      }
      continue;
    }
    report.touch(*layer.node, detail);
    nlohmann::json rule = {{"name", layer.name()}};
    for (const char* key : {"bits", "groupSize", "storage"}) {
      if (layer.options.given(key)) rule[key] = layer.options.given().at(key);
    }
    if (!codebook.empty()) rule["codebook"] = std::move(codebook);
    rules.push_back(std::move(rule));
  }
  // Without data the step as it was given does the same again.
  if (!(weighted_ || learned_) || rules.empty()) return;
  report.explicit_step = {{"technique", "palettize"}, {"shared", shared_}, {"layers", rules}};
  if (learned_) report.explicit_step["codes"] = code_changes();
}

void PalettePlan::apply(Graph& graph, const Graph* before, NameMaker& names,
                        ConstantPool& pool) const {
  for (const Target& target : targets_) {
    if (target.constant.owner != before) continue;
    store_palette(graph, names, pool, target.constant.id, target.palette, target.storage);
  }
}

}  // namespace whittle
