#include <algorithm>

#include "core/base/error.h"
#include "core/compress/cluster/support/learn_palette.h"
#include "core/compress/cluster/support/palette_plan.h"
#include "core/compress/layer_error/code_changes.h"

namespace whittle {

/** Whether a reader reads the weight of the graph itself as it is stored. */
bool PalettePlan::is_direct(const Target& target, const Reader& reader) const {
  const Graph* graph = &context_.model.graph;
  return target.constant.owner == graph && reader.layer->graph == graph &&
         reader.layer->node->input(reader.input) == target.constant.id;
}

bool PalettePlan::has_direct_reader(const Target& target) const {
  return std::any_of(target.readers.begin(), target.readers.end(),
                     [&](const Reader& reader) { return is_direct(target, reader); });
}

Job PalettePlan::choose_codes() {
  if (context_.options.has("codes")) {
    const nlohmann::json changes = context_.options.texts("codes");
    for (Target& target : targets_) {
      const std::string& name = target.constant.value().name;
      const auto found = changes.find(name);
      if (found == changes.end() || !has_direct_reader(target)) continue;
      std::vector<int8_t> codes(target.palette.codes.begin(), target.palette.codes.end());
      apply_changes(found->get<std::string>(), codes, "codes." + name);
      for (size_t i = 0; i < codes.size(); ++i) {
        const auto code = static_cast<uint8_t>(codes[i]);
        if (code >= target.palette.entries) {
          fail(Code::INVALID_OPTION, "codes." + name, "Expected codes below ",
               target.palette.entries, " for codes.", name, " but received ", int{code},
               ". They belong to another model or recipe");
        }
        target.palette.codes[i] = code;
      }
      target.palette.compare(target.constant.tensor());
      target.rounding = {{"rounding", "codes of the recipe"}};
    }
    learned_ = true;
    co_return;
  }
  std::vector<PaletteToLearn> palettes;
  std::vector<Target*> targets;
  for (Target& target : targets_) {
    const PaletteRounding method = palette_rounding(target.options());
    learned_ = learned_ || method != PaletteRounding::nearest;
    if (!has_direct_reader(target)) {
      if (method == PaletteRounding::nearest) continue;
      target.rounding = {{"rounding", "nearest"}, {"why", "no layer of the graph itself reads it"}};
      continue;
    }
    PaletteToLearn& one = palettes.emplace_back();
    one.id = target.constant.id;
    one.method = method;
    one.weight = &target.constant.tensor();
    for (const Reader& reader : target.readers) {
      if (is_direct(target, reader)) one.readers.push_back({reader.layer->node, reader.input});
    }
    one.cluster = target.cluster;
    one.free_codebooks = !shared_ && !target.given;
    one.palette = &target.palette;
    targets.push_back(&target);
  }
  if (!learned_) co_return;
  if (weighted_) co_await rewind_data("palettize");
  co_await learn_palettes(context_, context_.options.integer("roundingSamples"), palettes);
  for (size_t i = 0; i < palettes.size(); ++i) targets[i]->rounding = std::move(palettes[i].report);
}

nlohmann::json PalettePlan::code_changes() const {
  nlohmann::json changes = nlohmann::json::object();
  for (const Target& target : targets_) {
    if (target.rounding.is_null()) continue;
    const Palette& palette = target.palette;
    const Palette nearest = assign_codes(target.constant.tensor(), palette.groups,
                                         palette.codebooks, palette.entries, palette.scales);
    const std::vector<int8_t> from(nearest.codes.begin(), nearest.codes.end());
    const std::vector<int8_t> to(palette.codes.begin(), palette.codes.end());
    std::string text = encode_changes(from, to);
    if (!text.empty()) changes[target.constant.value().name] = std::move(text);
  }
  return changes;
}

}  // namespace whittle
