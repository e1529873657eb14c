#include "core/compress/prune/support/channel_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/base/random.h"
#include "core/compress/observed_model.h"

namespace whittle {
namespace {

/** Calls visit(channel, values) for every run of neighbouring values of one channel. */
void for_each_run(const Graph& graph, const ChannelWeight& weight,
                  const std::function<void(size_t, std::span<const float>)>& visit) {
  const Tensor& tensor = *graph.constant(weight.weight);
  const Shape& shape = tensor.shape();
  const auto extent = static_cast<size_t>(shape[weight.axis]);
  const auto inner = static_cast<size_t>(shape.elements(weight.axis + 1, shape.rank()));
  const std::span<const float> w = tensor.data<float>();
  for (size_t at = 0, row = 0; at < w.size(); at += inner, ++row) {
    visit(row % extent % static_cast<size_t>(weight.channels), w.subspan(at, inner));
  }
}

std::vector<double> sums(const Graph& graph, const ChannelLayerPlace& layer,
                         double (*of)(float value)) {
  std::vector<double> result(static_cast<size_t>(layer.weights.front().channels), 0.0);
  for (const ChannelWeight& weight : layer.weights) {
    for_each_run(graph, weight, [&](size_t channel, std::span<const float> values) {
      for (float value : values) result[channel] += of(value);
    });
  }
  return result;
}

/** All that makes a channel, one row a channel. */
std::vector<std::vector<float>> filters(const Graph& graph, const ChannelLayerPlace& layer) {
  std::vector<std::vector<float>> rows(static_cast<size_t>(layer.weights.front().channels));
  for (const ChannelWeight& weight : layer.weights) {
    for_each_run(graph, weight, [&](size_t channel, std::span<const float> values) {
      rows[channel].insert(rows[channel].end(), values.begin(), values.end());
    });
  }
  return rows;
}

void normalise(std::vector<double>& scores) {
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  if (!(sum > 0)) return;
  const double mean = sum / static_cast<double>(scores.size());
  for (double& score : scores) score /= mean;
}

/** Means of |a| by channel over samples. */
Job activation_scores(TechniqueContext& context, SampleStore& samples, const GraphIndex& index,
                      const std::vector<ChannelLayerPlace>& layers, LayerScores& scores) {
  const Graph& graph = context.model.graph;
  std::map<ValueId, std::vector<std::pair<size_t, int>>> wanted;  // layer and axis
  std::vector<ValueId> values;
  for (size_t l = 0; l < layers.size(); ++l) {
    if (!layers[l].obstacle.empty()) continue;
    const ValueAxis at = activated(graph, index, context.ops, layers[l]);
    if (at.value == kNoValue) continue;
    if (wanted[at.value].empty()) values.push_back(at.value);
    wanted[at.value].emplace_back(l, at.axis);
  }
  ObservedModel model(context, context.model, values, [&](ValueId id, const Tensor& tensor) {
    if (tensor.dtype() != DType::f32) return;
    const std::span<const float> a = tensor.data<float>();
    const Shape& shape = tensor.shape();
    for (const auto& [layer, axis] : wanted.at(id)) {
      const auto channels = static_cast<size_t>(shape[axis]);
      const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
      std::vector<double>& sum = scores[layer];
      sum.resize(channels, 0.0);
      for (size_t at = 0, row = 0; at < a.size(); at += inner, ++row) {
        for (float value : a.subspan(at, inner)) sum[row % channels] += std::fabs(value);
      }
    }
  });
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    model.run(sample, number);
  };
  co_await samples.for_each(context, "look at activations", visit);
}

}  // namespace

std::vector<double> l1_scores(const Graph& graph, const ChannelLayerPlace& layer) {
  return sums(graph, layer, [](float value) { return static_cast<double>(std::fabs(value)); });
}

std::vector<double> l2_scores(const Graph& graph, const ChannelLayerPlace& layer) {
  std::vector<double> scores =
      sums(graph, layer, [](float value) { return static_cast<double>(value) * value; });
  for (double& score : scores) score = std::sqrt(score);
  return scores;
}

std::vector<double> fpgm_scores(const Graph& graph, const ChannelLayerPlace& layer) {
  const std::vector<std::vector<float>> rows = filters(graph, layer);
  std::vector<double> scores(rows.size(), 0.0);
  for (size_t a = 0; a < rows.size(); ++a) {
    for (size_t b = a + 1; b < rows.size(); ++b) {
      double sum = 0;
      for (size_t i = 0; i < rows[a].size(); ++i) {
        const double difference = static_cast<double>(rows[a][i]) - rows[b][i];
        sum += difference * difference;
      }
      scores[a] += std::sqrt(sum);
      scores[b] += std::sqrt(sum);
    }
  }
  return scores;
}

std::vector<double> batchnorm_scores(const Graph& graph, const GraphIndex& index,
                                     const ChannelLayerPlace& layer) {
  const Node* reader = index.only_consumer(layer.output.value);
  if (reader == nullptr || !reader->is("BatchNormalization")) return {};
  const Tensor* scale = graph.constant(reader->input(1));
  if (scale == nullptr || scale->dtype() != DType::f32) return {};
  std::vector<double> scores;
  for (float value : scale->data<float>()) scores.push_back(std::fabs(value));
  return scores;
}

ValueAxis activated(const Graph& graph, const GraphIndex& index, const OpTable& ops,
                    const ChannelLayerPlace& layer) {
  const Node& node = graph.nodes[static_cast<size_t>(layer.node)];
  ValueAxis at{node.output(0), layer.output.axis};
  if (at.value != layer.output.value) {  // recurrent: Y [steps, directions, batch, units]
    at.axis = 3;
    return at;
  }
  while (const Node* reader = index.only_consumer(at.value)) {
    const OpDef* op = ops.find(*reader);
    const bool passes = op != nullptr && (op->has(Trait::elementwise) || reader->is("Add") ||
                                          reader->is("BatchNormalization"));
    if (!passes || reader->outputs.size() != 1) break;
    const bool alone = std::all_of(reader->inputs.begin(), reader->inputs.end(), [&](ValueId id) {
      return id == kNoValue || id == at.value || graph.value(id).is_constant();
    });
    const auto& from = graph.value(at.value).dims;
    const auto& to = graph.value(reader->output(0)).dims;
    if (!alone || !from || !to || from->size() != to->size()) break;
    if (graph.value(reader->output(0)).dtype != DType::f32) break;
    at.value = reader->output(0);
  }
  return at;
}

Job score_layers(TechniqueContext& context, SampleStore& samples, const GraphIndex& index,
                 const std::vector<ChannelLayerPlace>& layers, LayerScores& scores) {
  const Graph& graph = context.model.graph;
  const std::string criterion = context.options.text("criterion");
  scores.assign(layers.size(), {});
  if (criterion == "activation")
    co_await activation_scores(context, samples, index, layers, scores);
  for (size_t l = 0; l < layers.size(); ++l) {
    const ChannelLayerPlace& layer = layers[l];
    if (!layer.obstacle.empty()) continue;
    const auto& name = graph.nodes[static_cast<size_t>(layer.node)].name;
    co_await report_progress("score channels", name, static_cast<int64_t>(l),
                             static_cast<int64_t>(layers.size()));
    if (criterion == "l1") scores[l] = l1_scores(graph, layer);
    if (criterion == "l2") scores[l] = l2_scores(graph, layer);
    if (criterion == "fpgm") scores[l] = fpgm_scores(graph, layer);
    if (criterion == "batchnorm") scores[l] = batchnorm_scores(graph, index, layer);
    if (criterion == "random") {
      Random random(context.seed, l);
      scores[l].resize(static_cast<size_t>(layer.weights.front().channels));
      for (double& score : scores[l]) score = random.uniform();
    }
    normalise(scores[l]);
  }
}

std::vector<double> class_scores(const ChannelSlots& slots, const CoupledChannels& group,
                                 const std::vector<ChannelLayerPlace>& layers,
                                 const LayerScores& scores) {
  std::map<int, double> sum;
  bool any = false;
  for (int l : group.layers) {
    const auto at = static_cast<size_t>(l);
    if (scores[at].empty()) continue;
    any = true;
    for (size_t c = 0; c < scores[at].size(); ++c) {
      const int root = slots.class_of(layers[at].output, static_cast<int64_t>(c));
      sum[root] += scores[at][c];
    }
  }
  std::vector<double> result;
  for (int root : group.classes) result.push_back(sum[root]);
  if (!any) result.clear();
  normalise(result);
  return result;
}

}  // namespace whittle
