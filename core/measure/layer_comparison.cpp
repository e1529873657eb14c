#include "core/measure/layer_comparison.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/measure/layer_pairing.h"
#include "core/measure/layer_stats.h"
#include "core/measure/matching.h"

namespace whittle {
namespace {

using nlohmann::json;

/** A tensor of the original that waits for its counterpart. */
struct Kept {
  std::vector<float> values;
  Shape shape;
};

/** What is known of one pair of layers. */
struct Compared {
  LayerPair pair;
  LayerStats stats;
  int64_t samples = 0;
  std::string obstacle;  // why it cannot be compared; "": it can
  bool is_layer = true;  // arithmetic on shapes and indices is none
};

/** `index` counts the layers in the order of the original. */
json to_json(const Compared& layer, size_t index) {
  const LayerPair& pair = layer.pair;
  json out = {{"name", pair.name}, {"op", pair.op}, {"output", pair.output}, {"index", index}};
  out.update(layer.stats.to_json());
  out["macs"] = pair.macs;
  out["bytes"] = pair.bytes;
  out["compressed"] = {
      {"op", pair.compressed_op},
      {"output", pair.compressed_output},
      {"macs", pair.compressed_macs},
      {"bytes", pair.compressed_bytes},
      {"weights",
       pair.weights == DType::undefined ? json(nullptr) : json(dtype_name(pair.weights))}};
  return out;
}

}  // namespace

struct LayerComparisonJob::Impl {
  std::shared_ptr<const Model> original;
  std::shared_ptr<const Model> compressed;
  LayerComparisonOptions options;
  CancelFlag never;
  std::vector<Compared> layers;
  std::vector<LoneLayer> alone;
  std::map<std::string, size_t> by_output;             // the original's tensors
  std::map<std::string, size_t> by_compressed_output;  // the compressed model's
  std::map<std::string, std::string> input_names;
  std::optional<Session> first;
  std::optional<Session> second;
  std::set<size_t> waiting;     // layers of the sample at work that are still to be compared
  std::map<size_t, Kept> kept;  // by layer
  int64_t kept_bytes = 0;
  int64_t samples = 0;
  Job job;

  Impl(std::shared_ptr<const Model> a, std::shared_ptr<const Model> b, LayerComparisonOptions given)
      : original(std::move(a)), compressed(std::move(b)), options(given) {
    const Graph& from = original->graph;
    const Graph& to = compressed->graph;
    input_names = match_names(from, from.inputs, to, to.inputs, "input");
    match_names(from, from.outputs, to, to.outputs, "output");
    job = run();
  }

  const CancelFlag& cancel() const { return options.cancel ? *options.cancel : never; }

  void pair(const Feeds& feeds) {
    std::map<std::string, Shape> shapes;
    for (const auto& [name, tensor] : feeds) shapes.emplace(name, tensor.shape());
    LayerPairing pairing = pair_layers(original->graph, compressed->graph, all_ops(), shapes);
    alone = std::move(pairing.alone);
    for (LayerPair& each : pairing.pairs) {
      by_output.emplace(each.output, layers.size());
      by_compressed_output.emplace(each.compressed_output, layers.size());
      layers.push_back({std::move(each), {}, 0, "", true});
    }
  }

  /** A session that shows the given tensors, which go by the names they have now. */
  Session observed(const std::shared_ptr<const Model>& model,
                   const std::map<std::string, size_t>& names) const {
    auto copy = std::make_shared<Model>(*model);
    for (Value& value : copy->graph.values) value.origin.clear();
    SessionOptions session;
    session.kernels = options.kernels;
    session.pool = options.pool;
    for (const auto& [name, layer] : names) session.observe.push_back(name);
    return Session(copy, session);
  }

  void keep(const std::string& name, const Tensor& value) {
    const size_t layer = by_output.at(name);
    if (!waiting.contains(layer)) return;
    if (!is_float(value.dtype())) {
      waiting.erase(layer);
      layers[layer].obstacle = concat("its output is ", dtype_name(value.dtype()));
      layers[layer].is_layer = layers[layer].pair.macs > 0;
      return;
    }
    const int64_t bytes = value.elements() * static_cast<int64_t>(sizeof(float));
    if (!kept.empty() && kept_bytes + bytes > options.memory) return;
    kept_bytes += bytes;
    kept[layer] = {to_floats(value, name), value.shape()};
  }

  void compare(const std::string& name, const Tensor& value) {
    const size_t at = by_compressed_output.at(name);
    const auto found = kept.find(at);
    if (found == kept.end()) return;
    Compared& layer = layers[at];
    const Shape& shape = found->second.shape;
    if (!is_float(value.dtype())) {
      layer.obstacle = concat("in the compressed model its output is ", dtype_name(value.dtype()));
    } else if (!(value.shape() == shape)) {
      layer.obstacle = concat("its output has shape ", to_string(shape),
                              ", in the compressed model ", to_string(value.shape()));
    } else {
      const bool first_axis = layer.pair.channels_first || shape.rank() >= 4;
      layer.stats.add(found->second.values, to_floats(value, name), shape,
                      first_axis ? 1 : shape.rank() - 1);
      ++layer.samples;
    }
    kept.erase(found);
    waiting.erase(at);
  }

  Feeds renamed(const Feeds& feeds) const {
    Feeds out;
    for (const auto& [name, tensor] : feeds) {
      const auto known = input_names.find(name);
      out[known == input_names.end() ? name : known->second] = tensor;
    }
    return out;
  }

  Job run() {
    while (true) {
      const std::optional<Sample> sample = co_await next_sample("layers", "", samples, -1);
      if (!sample) break;
      cancel().poll();
      if (samples == 0) {
        pair(sample->feeds);
        first.emplace(observed(original, by_output));
        first->set_observer([this](const auto& name, const auto& value) { keep(name, value); });
        co_await report_progress("layers", "", 0, -1);
        second.emplace(observed(compressed, by_compressed_output));
        second->set_observer([this](const auto& name, const auto& value) { compare(name, value); });
      }
      ++samples;
      const Feeds feeds = renamed(sample->feeds);
      for (size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].obstacle.empty()) waiting.insert(i);
      }
      while (!waiting.empty()) {
        first->run(sample->feeds);
        co_await report_progress("layers", "", samples, -1);
        const size_t before = waiting.size();
        second->run(feeds);
        kept.clear();
        kept_bytes = 0;
        // What neither run shows lies in a branch that was not taken.
        if (waiting.size() == before) waiting.clear();
        co_await report_progress("layers", "", samples, -1);
        cancel().poll();
      }
    }
    if (samples == 0) {
      fail(Code::EMPTY_DATA, "layers",
           "Expected at least one sample for the comparison of layers but received an empty "
           "dataset");
    }
  }

  json result() const {
    std::vector<size_t> order;
    json list_alone = json::array();
    const auto add_alone = [&](const LoneLayer& layer) {
      list_alone.push_back({{"name", layer.name},
                            {"op", layer.op},
                            {"in", layer.in_original ? "original" : "compressed"},
                            {"reason", layer.reason}});
    };
    for (size_t i = 0; i < layers.size(); ++i) {
      const Compared& layer = layers[i];
      if (layer.obstacle.empty() && layer.samples > 0) {
        order.push_back(i);
      } else if (layer.is_layer) {
        const char* unseen = "no sample made both models compute it";
        add_alone({layer.pair.name, layer.pair.op, true,
                   layer.obstacle.empty() ? unseen : layer.obstacle});
      }
    }
    for (const LoneLayer& layer : alone) add_alone(layer);
    std::vector<double> badness(layers.size());
    for (size_t i : order) badness[i] = layers[i].stats.badness_db();
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t x, size_t y) { return badness[x] < badness[y]; });
    json list = json::array();
    for (size_t i : order) list.push_back(to_json(layers[i], i));
    return {{"samples", samples}, {"layers", std::move(list)}, {"alone", std::move(list_alone)}};
  }
};

LayerComparisonJob::LayerComparisonJob(std::shared_ptr<const Model> original,
                                       std::shared_ptr<const Model> compressed,
                                       LayerComparisonOptions options)
    : impl_(std::make_unique<Impl>(std::move(original), std::move(compressed), options)) {}
LayerComparisonJob::~LayerComparisonJob() = default;
LayerComparisonJob::LayerComparisonJob(LayerComparisonJob&&) noexcept = default;
LayerComparisonJob& LayerComparisonJob::operator=(LayerComparisonJob&&) noexcept = default;

JobStatus LayerComparisonJob::step(std::optional<Sample> input) {
  return impl_->job.step(std::move(input));
}
nlohmann::json LayerComparisonJob::result() const {
  return impl_->result();
}

}  // namespace whittle
