#include "core/compress/quantize/support/weights/rounding.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "core/base/error.h"
#include "core/compress/layer_error/code_changes.h"
#include "core/compress/layer_error/coordinate_descent.h"
#include "core/compress/layer_error/gptq.h"
#include "core/compress/layer_error/paired_target.h"
#include "core/compress/quantize/support/weights/adaround.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

const KernelTable& kernels_of(const TechniqueContext& context) {
  return context.kernels != nullptr ? *context.kernels : *kernels_for(best_tier());
}

/** One weight whose codes are learned. */
struct Task {
  RoundedWeight* weight = nullptr;
  std::unique_ptr<LayerStatistics> statistics;

  bool sequential() const { return is_sequential(weight->method); }
};

Learning learning_of(Rounding method) {
  switch (method) {
    case Rounding::gptq:
      return Learning::hessian;
    case Rounding::gptq_sequential:
      return Learning::hessian_of_pairs;
    case Rounding::adaround_sequential:
      return Learning::pairs;
    default:
      return Learning::rows;
  }
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

/** What the output of a sequential layer is looked at on knows what comes behind the layer. */
struct Behind {
  std::vector<float> bias;
  ClampActivation activation;
};
Behind behind_of(const Graph& graph, const Task& task) {
  const LayerMatrix& matrix = task.statistics->matrix();
  const Node& node = *task.weight->readers.front().node;
  const int64_t outputs = matrix.groups * matrix.outputs;
  if (task.statistics->readers() > 1 || !has_plain_bias(graph, node, outputs)) return {};
  return {bias_of(graph, node, outputs), activation_of(graph, node)};
}

/** GPTQ on the grid of a weight. */
Job solve_gptq(TechniqueContext& context, const Task& task, Products& products,
               std::vector<int8_t>& codes) {
  const RoundedWeight& weight = *task.weight;
  const WeightGrid& grid = *weight.grid;
  const LayerStatistics& statistics = *task.statistics;
  const LayerMatrix& matrix = statistics.matrix();
  const std::span<const float> exact = weight.weight->data<float>();
  std::span<const float> values = exact;
  const GptqOptions options{.act_order = weight.act_order};
  std::optional<Hessian> paired;
  std::vector<float> target;
  if (task.sequential()) {
    paired.emplace(matrix);
    co_await paired_target(context.cancel, products, values, matrix, statistics.rows(),
                           options.damping, *paired, target);
    values = target;
  }
  const Hessian& hessian = paired ? *paired : statistics.hessian();
  const auto to_grid = [&](float value, size_t at) {
    if (exact[at] == 0) return 0.0f;  // pruned weights stay so
    const size_t group = grid.group_of(at);
    return grid.value_of(grid.nearest(value, group), group);
  };
  const NearestValue nearest = to_grid;
  std::vector<float> rounded;
  co_await gptq(context.cancel, products, values, matrix, hessian, nearest, options, rounded);
  const DescentOptions descent{.sweeps = static_cast<int>(weight.sweeps)};
  co_await descend_coordinates(context.cancel, products, values, matrix, hessian, nearest, descent,
                               rounded);
  codes.resize(rounded.size());
  for (size_t i = 0; i < rounded.size(); ++i) {
    codes[i] = static_cast<int8_t>(grid.nearest(rounded[i], grid.group_of(i)));
  }
}

/** Lets the method of a weight choose its codes and keeps them where they win. */
Job solve(TechniqueContext& context, Task& task, Products& products) {
  RoundedWeight& weight = *task.weight;
  const LayerStatistics& statistics = *task.statistics;
  Behind behind;
  if (task.sequential()) behind = behind_of(context.model.graph, task);
  std::vector<int8_t> codes;
  if (weight.method == Rounding::gptq || weight.method == Rounding::gptq_sequential) {
    co_await solve_gptq(context, task, products, codes);
  } else {
    const Reconstruction learned{*weight.weight, *weight.grid,
                                 OutputRows{statistics.matrix(), statistics.rows(),
                                            task.sequential(), behind.bias, behind.activation}};
    const AdaRoundOptions options{weight.iterations,
                                  context.seed + static_cast<uint64_t>(statistics.index())};
    co_await adaround(context.cancel, kernels_of(context), context.pool, learned, options, codes);
  }
  const OutputRows judged{statistics.matrix(), statistics.held(), task.sequential(), behind.bias,
                          behind.activation};
  const std::span<const float> exact = weight.weight->data<float>();
  const OutputError nearest =
      output_error(products, judged, exact, values_of_codes(*weight.grid, weight.codes));
  context.cancel.poll();
  const OutputError found =
      output_error(products, judged, exact, values_of_codes(*weight.grid, codes));
  weight.report = {{"rounding", rounding_name(weight.method)},
                   {"outputSqnrDb", found.sqnr_db()},
                   {"nearestOutputSqnrDb", nearest.sqnr_db()}};
  if (found.noise < nearest.noise) {
    weight.codes = std::move(codes);
  } else {
    weight.report["rounding"] = "nearest";
    weight.report["why"] = concat(rounding_name(weight.method), " does not win on rows held out");
  }
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
  Tensor values = Tensor::allocate(DType::f32, weight.weight->shape());
  const std::vector<float> rounded = values_of_codes(*weight.grid, weight.codes);
  std::copy(rounded.begin(), rounded.end(), values.mutable_data<float>().begin());
  model.graph.value(weight.id).constant = std::move(values);
}

/** The tasks of some statistics. */
using TaskOf = std::map<const LayerStatistics*, Task*>;

Job round_sequentially(TechniqueContext& context, SampleStore& samples,
                       const std::vector<RoundedWeight>& weights,
                       const std::vector<std::vector<LayerStatistics*>>& waves,
                       const TaskOf& task_of, Products& products) {
  Model rounded = context.model;
  for (const RoundedWeight& weight : weights) {
    const bool waits = is_sequential(weight.method) && weight.report.is_null();
    if (!waits) put_rounded(rounded, weight);
  }
  for (const std::vector<LayerStatistics*>& wave : waves) {
    co_await gather_pairs(context, samples, rounded, wave);
    for (LayerStatistics* one : wave) {
      Task& task = *task_of.at(one);
      co_await solve(context, task, products);
      one->close();
      put_rounded(rounded, *task.weight);
    }
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
    auto gathered =
        std::make_unique<LayerStatistics>(learning_of(weight.method), static_cast<int64_t>(i));
    const std::string obstacle = gathered->set_readers(weight.readers, weight.weight->shape());
    if (obstacle.empty()) {
      tasks.push_back({&weight, std::move(gathered)});
    } else {
      weight.report = {{"rounding", "nearest"}, {"why", obstacle}};
    }
  }
  if (context.options.has("codes")) {
    replay(context, weights);
    co_return;
  }
  if (tasks.empty()) co_return;
  TaskOf task_of;
  std::vector<LayerStatistics*> statistics;
  for (Task& task : tasks) {
    task_of[task.statistics.get()] = &task;
    statistics.push_back(task.statistics.get());
  }
  const std::vector<std::vector<LayerStatistics*>> batches = statistics_batches(statistics);
  const std::vector<std::vector<LayerStatistics*>> waves = statistics_waves(statistics);
  SampleStore samples(context.options.integer("roundingSamples"),
                      batches.size() + waves.size() > 1);
  Products products(kernels_of(context), context.pool);
  for (const std::vector<LayerStatistics*>& batch : batches) {
    co_await gather_statistics(context, samples, batch, products);
    for (LayerStatistics* one : batch) {
      co_await solve(context, *task_of.at(one), products);
      one->close();
    }
  }
  if (waves.empty()) co_return;
  co_await round_sequentially(context, samples, weights, waves, task_of, products);
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
