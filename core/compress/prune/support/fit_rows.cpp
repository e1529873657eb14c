#include "core/compress/prune/support/fit_rows.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "core/compress/observed_model.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Rows taken out of one sample. */
constexpr int64_t kRowsPerSample = 64;

/** The part of a model that makes a value. */
Model part_for(const Model& model, ValueId target) {
  Model part = model;
  Graph& graph = part.graph;
  std::set<ValueId> needed = {target};
  std::vector<Node> nodes;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool makes = std::any_of(node->outputs.begin(), node->outputs.end(),
                                   [&](ValueId id) { return needed.contains(id); });
    if (!makes) continue;
    for_each_use(*node, [&](ValueId id) { needed.insert(id); });
    nodes.push_back(std::move(*node));
  }
  graph.nodes.assign(std::make_move_iterator(nodes.rbegin()),
                     std::make_move_iterator(nodes.rend()));
  graph.outputs = {target};
  return part;
}

}  // namespace

Job gather_rows(TechniqueContext& context, SampleStore& samples, const Model& smaller,
                FitLayer& layer, Products& products, FitRows& rows) {
  constexpr int64_t kHeldEvery = 4;
  const ValueId input = layer.rows.input();
  Tensor wanted;
  Tensor found;
  Tensor read;
  const auto look_before = [&](ValueId, const Tensor& value) { wanted = value.clone(); };
  const auto look_after = [&](ValueId id, const Tensor& value) {
    (id == input ? read : found) = value.clone();
  };
  ObservedModel before(context, part_for(context.model, layer.target), {layer.target}, look_before);
  ObservedModel after(context, part_for(smaller, layer.target), {input, layer.target}, look_after);
  const LayerMatrix& matrix = layer.matrix();
  std::vector<float> row(static_cast<size_t>(matrix.row_size()));
  std::vector<float> all;
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    before.run(sample, number);
    after.run(sample, number);
    const int64_t count = layer.rows.open(read);
    Random random(context.seed * 7919 + static_cast<uint64_t>(layer.node),
                  static_cast<uint64_t>(number));
    const std::span<const float> expected = wanted.data<float>();
    const std::span<const float> actual = found.data<float>();
    for (int64_t at : spread_positions(count, kRowsPerSample, random)) {
      layer.rows.read(at, row);
      all.clear();
      for (int64_t g = 0; g < matrix.groups; ++g) {
        const auto begin = row.begin() + g * matrix.inputs;
        all.insert(all.end(), begin, begin + matrix.inputs);
        all.push_back(1.0f);
        for (int64_t m = g * matrix.outputs; m < (g + 1) * matrix.outputs; ++m) {
          const int64_t channel = layer.channels[static_cast<size_t>(m)];
          all.push_back(expected[layer.place(wanted, at, channel)] -
                        actual[layer.place(found, at, m)]);
        }
      }
      if (number % kHeldEvery != 0) {
        rows.moments.add(all, products);
      } else if (const std::span<float> place = rows.held.next(); !place.empty()) {
        std::copy(all.begin(), all.end(), place.begin());
      }
    }
  };
  co_await samples.for_each(context, "fit layers", visit);
  rows.moments.flush(products);
}

}  // namespace whittle
