#include "core/compress/prune/support/reader_layers.h"

#include <algorithm>

#include "core/compress/observed_model.h"
#include "core/compress/prune/support/fit_layers.h"
#include "core/compress/weights.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Rows taken out of one sample for one layer. */
constexpr int64_t kRowsPerSample = 64;
/** Of one layer, and of all together. */
constexpr int64_t kMostBytes = 256 << 20;
constexpr int64_t kMostBytesOfAll = 768 << 20;

}  // namespace

LayerMatrix ReaderLayer::extended() const {
  LayerMatrix matrix = rows.matrix();
  ++matrix.inputs;
  return matrix;
}

std::vector<ReaderLayer> reader_layers(const Graph& graph, const ChannelSlots& slots) {
  const GraphIndex index(graph);
  std::vector<ReaderLayer> readers;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!node.is("Conv") && !node.is("Gemm") && !node.is("MatMul")) continue;
    if (node.float_attribute("alpha", 1) != 1) continue;
    for (size_t input : weight_inputs(node)) {
      const ValueId id = node.input(input);
      const Tensor* weight = graph.constant(id);
      if (weight == nullptr || weight->dtype() != DType::f32) continue;
      if (!LayerRows::why_not(node, input, weight->shape()).empty()) continue;
      const auto axes = weight_axes(node, input, weight->shape());
      const bool shared = index.consumers(id).size() != 1 || index.is_output(id);
      if (shared || !axes || !slots.is_open({id, axes->input})) continue;
      ReaderLayer reader{
          static_cast<int>(i), input, id, false, LayerRows(node, input, weight->shape()), {}};
      const LayerMatrix& matrix = reader.matrix();
      const int64_t channels = weight->shape()[axes->input];
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        reader.classes.push_back(slots.class_of({id, axes->input}, k / (matrix.inputs / channels)));
      }
      reader.has_bias = may_set_bias(graph, node, matrix.groups * matrix.outputs);
      readers.push_back(std::move(reader));
      break;
    }
  }
  return readers;
}

Job Readers::gather(TechniqueContext& context, SampleStore& samples) {
  if (!statistics.empty()) co_return;
  const KernelTable& kernels = context.kernels ? *context.kernels : *kernels_for(best_tier());
  Products products(kernels, context.pool);
  std::vector<ValueId> values;
  statistics.resize(layers.size());
  int64_t bytes = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const int64_t own = Hessian::bytes(layers[i].extended());
    if (own > kMostBytes || bytes + own > kMostBytesOfAll) continue;
    bytes += own;
    statistics[i] = std::make_unique<Hessian>(layers[i].extended());
    values.push_back(layers[i].rows.input());
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  int64_t sample_number = 0;
  std::vector<float> row;
  std::vector<float> extended;
  const ObservedModel::Look look = [&](ValueId id, const Tensor& tensor) {
    for (size_t i = 0; i < layers.size(); ++i) {
      ReaderLayer& reader = layers[i];
      if (!statistics[i] || reader.rows.input() != id) continue;
      const LayerMatrix& matrix = reader.matrix();
      const auto inputs = static_cast<size_t>(matrix.inputs);
      row.resize(static_cast<size_t>(matrix.row_size()));
      const int64_t count = reader.rows.open(tensor);
      Random random(context.seed * 7919 + i, static_cast<uint64_t>(sample_number));
      for (int64_t at : spread_positions(count, kRowsPerSample, random)) {
        reader.rows.read(at, row);
        extended.clear();
        for (size_t g = 0; g < static_cast<size_t>(matrix.groups); ++g) {
          const auto begin = row.begin() + static_cast<std::ptrdiff_t>(g * inputs);
          extended.insert(extended.end(), begin, begin + static_cast<std::ptrdiff_t>(inputs));
          extended.push_back(1.0f);
        }
        statistics[i]->add(extended, products);
      }
    }
  };
  ObservedModel model(context, context.model, values, look);
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    sample_number = number;
    model.run(sample, number);
  };
  co_await samples.for_each(context, "look at activations", visit);
  for (auto& each : statistics) {
    if (each) each->flush(products);
  }
}

}  // namespace whittle
