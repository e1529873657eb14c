#include "core/compress/quantize/support/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "core/base/error.h"
#include "core/compress/layer_error/code_changes.h"
#include "core/compress/layer_error/gptq.h"
#include "core/compress/layer_error/sample_store.h"
#include "core/compress/observed_model.h"
#include "core/compress/quantize/support/adaround.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** Rows taken out of one sample for one layer. */
constexpr int64_t kRowsPerSample = 64;
/** Every so many-th row is held out to judge by. */
constexpr int64_t kHeldOut = 5;
constexpr int64_t kMostHeldRows = 256;
constexpr int64_t kMostRows = 2048;
constexpr int64_t kMostRowBytes = 48 << 20;

const KernelTable& kernels_of(const TechniqueContext& context) {
  return context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier());
}

/** One weight while its statistics are gathered. */
struct Task {
  RoundedWeight* weight = nullptr;
  std::vector<LayerRows> readers;
  int64_t index = 0;  // decides its random numbers
  int64_t seen = 0;
  std::unique_ptr<Hessian> hessian;
  std::unique_ptr<RowReservoir> rows;  // learned from; AdaRound's
  std::unique_ptr<RowReservoir> held;

  const LayerMatrix& matrix() const { return readers.front().matrix(); }
  bool sequential() const { return weight->method == Rounding::adaround_sequential; }
  int64_t row_size() const { return matrix().row_size() * (sequential() ? 2 : 1); }
  int64_t capacity() const {
    return std::clamp<int64_t>(kMostRowBytes / (4 * row_size()), kMostHeldRows, kMostRows);
  }
  int64_t bytes() const {
    const int64_t learned =
        weight->method == Rounding::gptq ? Hessian::bytes(matrix()) : capacity() * row_size() * 4;
    return learned + kMostHeldRows * row_size() * 4;
  }

  void open(uint64_t seed) {
    const uint64_t own = seed * 7919 + static_cast<uint64_t>(index);
    held = std::make_unique<RowReservoir>(kMostHeldRows, row_size(), own + 1);
    if (weight->method == Rounding::gptq) {
      hessian = std::make_unique<Hessian>(matrix());
    } else {
      rows = std::make_unique<RowReservoir>(capacity(), row_size(), own + 2);
    }
  }
  void close() {
    hessian.reset();
    rows.reset();
    held.reset();
  }
  std::vector<int64_t> positions(int64_t count, uint64_t seed, int64_t sample) const {
    Random random(seed + static_cast<uint64_t>(sample), static_cast<uint64_t>(index));
    return spread_positions(count, kRowsPerSample, random);
  }
  /** Where the next row of the layer's input belongs; an empty span: to the Hessian or nowhere. */
  std::span<float> next_place(bool& learned) {
    learned = ++seen % kHeldOut != 0;
    if (!learned) return held->next();
    return rows ? rows->next() : std::span<float>();
  }
};

/** Why a weight is rounded to nearest whatever its method, or "". */
std::string obstacle_of(const RoundedWeight& weight, Task& task) {
  std::string reason = "no layer of the graph itself reads it";
  for (const RoundedWeight::Reader& reader : weight.readers) {
    const Shape& shape = weight.weight->shape();
    std::string why = LayerRows::why_not(*reader.node, reader.input, shape);
    if (why.empty()) {
      LayerRows rows(*reader.node, reader.input, shape);
      if (task.readers.empty() || task.readers.front().matrix() == rows.matrix()) {
        task.readers.push_back(std::move(rows));
      }
    } else {
      reason = std::move(why);
    }
  }
  if (task.readers.empty()) return reason;
  if (task.bytes() > kRoundingBytes) {
    return concat("its statistics take ", task.bytes() >> 20, " MB");
  }
  return "";
}

double decibels(const OutputError& error) {
  if (error.noise <= 0 || error.signal <= 0) return 300;
  return 10 * std::log10(error.signal / error.noise);
}

/** The values that the layers of some tasks read. */
std::vector<ValueId> inputs_of(const std::vector<Task*>& tasks) {
  std::vector<ValueId> values;
  for (const Task* task : tasks) {
    for (const LayerRows& reader : task->readers) values.push_back(reader.input());
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/** Rows of every task of a batch out of one pass over the samples. */
Job gather(TechniqueContext& context, SampleStore& samples, const std::vector<Task*>& batch,
           Products& products) {
  for (Task* task : batch) task->open(context.seed);
  int64_t sample_number = 0;
  std::vector<float> row;
  const ObservedModel::Look look = [&](ValueId id, const Tensor& tensor) {
    for (Task* task : batch) {
      for (LayerRows& reader : task->readers) {
        if (reader.input() != id) continue;
        const int64_t count = reader.open(tensor);
        row.resize(static_cast<size_t>(task->matrix().row_size()));
        for (int64_t at : task->positions(count, context.seed, sample_number)) {
          bool learned = false;
          const std::span<float> place = task->next_place(learned);
          if (!place.empty()) reader.read(at, place);
          if (!learned || !task->hessian) continue;
          reader.read(at, row);
          task->hessian->add(row, products);
        }
      }
    }
  };
  ObservedModel model(context, context.model, inputs_of(batch), look);
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    sample_number = number;
    model.run(sample, number);
  };
  co_await samples.for_each(context, "calibrate rounding", visit);
  for (Task* task : batch) {
    if (task->hessian) task->hessian->flush(products);
  }
}

/** The part of a model that makes one value. */
Model up_to(const Model& model, ValueId value) {
  Model part = model;
  const std::vector<ValueId>& inputs = part.graph.inputs;
  if (std::find(inputs.begin(), inputs.end(), value) == inputs.end()) {
    part.graph.outputs = {value};
  }
  return part;
}

/** Pairs of rows: from the model whose earlier weights are rounded, and from the float model. */
Job gather_pairs(TechniqueContext& context, SampleStore& samples, const Model& rounded,
                 Task& task) {
  task.open(context.seed);
  LayerRows& reader = task.readers.front();
  const ValueId value = reader.input();
  const auto size = static_cast<size_t>(task.matrix().row_size());
  int64_t sample_number = 0;
  std::vector<int64_t> positions;
  std::vector<float> exact;
  const Model float_part = up_to(context.model, value);
  ObservedModel float_model(context, float_part, {value}, [&](ValueId, const Tensor& tensor) {
    positions = task.positions(reader.open(tensor), context.seed, sample_number);
    exact.resize(positions.size() * size);
    for (size_t i = 0; i < positions.size(); ++i) {
      reader.read(positions[i], std::span<float>(exact).subspan(i * size, size));
    }
  });
  const Model rounded_part = up_to(rounded, value);
  ObservedModel rounded_model(context, rounded_part, {value}, [&](ValueId, const Tensor& tensor) {
    reader.open(tensor);
    for (size_t i = 0; i < positions.size(); ++i) {
      bool learned = false;
      const std::span<float> place = task.next_place(learned);
      if (place.empty()) continue;
      reader.read(positions[i], place.first(size));
      std::copy_n(exact.begin() + static_cast<std::ptrdiff_t>(i * size), size,
                  place.subspan(size).begin());
    }
  });
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    sample_number = number;
    float_model.run(sample, number);
    rounded_model.run(sample, number);
  };
  co_await samples.for_each(context, "calibrate rounding", visit);
}

/** The bias of every output, where it is one constant each. */
std::vector<float> bias_of(const Graph& graph, const Node& node, int64_t outputs) {
  const Tensor* bias = node.is("MatMul") ? nullptr : graph.constant(node.input(2));
  if (bias == nullptr || bias->dtype() != DType::f32 || bias->elements() != outputs) return {};
  const std::span<const float> values = bias->data<float>();
  return {values.begin(), values.end()};
}

bool has_plain_bias(const Graph& graph, const Node& node, int64_t outputs) {
  if (node.is("Gemm") &&
      (node.float_attribute("alpha", 1) != 1 || node.float_attribute("beta", 1) != 1)) {
    return false;
  }
  return node.is("MatMul") || node.input(2) == kNoValue || !bias_of(graph, node, outputs).empty();
}

/** The Relu or Clip right behind a layer, where nothing else reads the layer's output. */
ClampActivation activation_of(const Graph& graph, const Node& node) {
  ClampActivation none;
  const ValueId output = node.output(0);
  if (std::count(graph.outputs.begin(), graph.outputs.end(), output) > 0) return none;
  const Node* behind = nullptr;
  for (const Node& other : graph.nodes) {
    bool reads = false;
    for_each_use(other, [&](ValueId id) { reads = reads || id == output; });
    if (!reads) continue;
    if (behind != nullptr) return none;
    behind = &other;
  }
  if (behind == nullptr) return none;
  if (behind->is("Relu")) return {0.0f, none.high};
  if (!behind->is("Clip")) return none;
  ClampActivation clip;
  for (size_t i : {size_t{1}, size_t{2}}) {
    if (behind->input(i) == kNoValue) continue;
    const Tensor* bound = graph.constant(behind->input(i));
    if (bound == nullptr || bound->dtype() != DType::f32 || bound->elements() != 1) return none;
    (i == 1 ? clip.low : clip.high) = bound->data<float>()[0];
  }
  return clip;
}

/** Lets the method of a weight choose its codes and keeps them where they win. */
Job solve(TechniqueContext& context, Task& task, Products& products) {
  RoundedWeight& weight = *task.weight;
  const RowReservoir& judged = task.held->rows() > 0 || !task.rows ? *task.held : *task.rows;
  std::vector<float> bias;
  Reconstruction layer{*weight.weight, task.matrix(), *weight.grid, judged};
  if (task.sequential()) {
    const Node& node = *weight.readers.front().node;
    const int64_t outputs = task.matrix().groups * task.matrix().outputs;
    layer.paired = true;
    if (task.readers.size() == 1 && has_plain_bias(context.model.graph, node, outputs)) {
      bias = bias_of(context.model.graph, node, outputs);
      layer.bias = bias;
      layer.activation = activation_of(context.model.graph, node);
    }
  }
  std::vector<int8_t> codes;
  if (weight.method == Rounding::gptq) {
    const GptqOptions options{.act_order = weight.act_order};
    co_await gptq(context.cancel, products, *weight.weight, task.matrix(), *weight.grid,
                  *task.hessian, options, codes);
  } else {
    const Reconstruction learned{*weight.weight, task.matrix(), *weight.grid,    *task.rows,
                                 layer.paired,   layer.bias,    layer.activation};
    const AdaRoundOptions options{weight.iterations,
                                  context.seed + static_cast<uint64_t>(task.index)};
    co_await adaround(context.cancel, kernels_of(context), context.pool, learned, options, codes);
  }
  const OutputError nearest = output_error(products, layer, weight.codes);
  context.cancel.poll();
  const OutputError found = output_error(products, layer, codes);
  weight.report = {{"rounding", rounding_name(weight.method)},
                   {"outputSqnrDb", decibels(found)},
                   {"nearestOutputSqnrDb", decibels(nearest)}};
  if (found.noise < nearest.noise) {
    weight.codes = std::move(codes);
  } else {
    weight.report["rounding"] = "nearest";
    weight.report["why"] = concat(rounding_name(weight.method), " does not win on rows held out");
  }
}

/** Batches whose statistics fit into memory together. */
std::vector<std::vector<Task*>> batches_of(std::vector<Task>& tasks) {
  std::vector<std::vector<Task*>> batches;
  int64_t bytes = 0;
  for (Task& task : tasks) {
    if (task.sequential()) continue;
    if (batches.empty() || bytes + task.bytes() > kRoundingBytes) {
      batches.emplace_back();
      bytes = 0;
    }
    bytes += task.bytes();
    batches.back().push_back(&task);
  }
  return batches;
}

void replay(const TechniqueContext& context, std::vector<RoundedWeight>& weights) {
  const nlohmann::json changes = context.options.texts("codes");
  for (RoundedWeight& weight : weights) {
    const std::string& name = context.model.graph.value(weight.id).name;
    const auto found = changes.find(name);
    if (found == changes.end()) continue;
    apply_changes(found->get<std::string>(), weight.codes, "codes." + name);
    weight.report = {{"rounding", "codes of the recipe"}};
  }
}

/** Puts the rounded weight into a model in the place of its constant. */
void put_rounded(Model& model, const RoundedWeight& weight) {
  model.graph.value(weight.id).constant =
      store_codes(*weight.weight, *weight.grid, weight.codes).dequantized();
}

Job round_sequentially(TechniqueContext& context, SampleStore& samples,
                       std::vector<RoundedWeight>& weights, std::vector<Task>& tasks,
                       Products& products) {
  Model rounded = context.model;
  for (const RoundedWeight& weight : weights) {
    if (weight.method != Rounding::adaround_sequential) put_rounded(rounded, weight);
  }
  for (Task& task : tasks) {
    if (!task.sequential()) continue;
    co_await gather_pairs(context, samples, rounded, task);
    co_await solve(context, task, products);
    task.close();
    put_rounded(rounded, *task.weight);
  }
}

}  // namespace

Job round_weights(TechniqueContext& context, std::vector<RoundedWeight>& weights) {
  std::vector<Task> tasks;
  for (size_t i = 0; i < weights.size(); ++i) {
    RoundedWeight& weight = weights[i];
    co_await report_progress("round weights", context.model.graph.value(weight.id).name,
                             static_cast<int64_t>(i), static_cast<int64_t>(weights.size()));
    context.cancel.poll();
    weight.codes = round_to_nearest(*weight.weight, *weight.grid);
    if (weight.method == Rounding::nearest) continue;
    Task task;
    task.weight = &weight;
    task.index = static_cast<int64_t>(i);
    const std::string obstacle = obstacle_of(weight, task);
    if (obstacle.empty()) {
      tasks.push_back(std::move(task));
    } else {
      weight.report = {{"rounding", "nearest"}, {"why", obstacle}};
    }
  }
  if (context.options.has("codes")) {
    replay(context, weights);
    co_return;
  }
  if (tasks.empty()) co_return;
  const std::vector<std::vector<Task*>> batches = batches_of(tasks);
  const bool sequential =
      std::any_of(tasks.begin(), tasks.end(), [](const Task& task) { return task.sequential(); });
  SampleStore samples(context.options.integer("roundingSamples"), batches.size() > 1 || sequential);
  Products products(kernels_of(context), context.pool);
  for (const std::vector<Task*>& batch : batches) {
    co_await gather(context, samples, batch, products);
    for (Task* task : batch) {
      co_await solve(context, *task, products);
      task->close();
    }
  }
  if (sequential) co_await round_sequentially(context, samples, weights, tasks, products);
}

nlohmann::json changes_of(const Graph& graph, const std::vector<RoundedWeight>& weights) {
  nlohmann::json changes = nlohmann::json::object();
  for (const RoundedWeight& weight : weights) {
    std::string text = encode_changes(round_to_nearest(*weight.weight, *weight.grid), weight.codes);
    if (!text.empty()) changes[graph.value(weight.id).name] = std::move(text);
  }
  return changes;
}

}  // namespace whittle
