#include "core/compress/factorize/support/factor_work.h"

#include <algorithm>

#include "core/measure/cost.h"
#include "core/ops/shape_inference.h"

namespace whittle {
namespace {

constexpr double kDepthwise = 4;
constexpr double kElement = 4;

bool is_depthwise(const Graph& graph, const Node& node) {
  if (!node.is("Conv")) return false;
  const Tensor* weight = graph.constant(node.input(1));
  return node.int_attribute("group", 1) > 1 && weight != nullptr && weight->shape()[1] == 1;
}

}  // namespace

FactorWork& FactorWork::operator+=(const FactorWork& other) {
  known = known && other.known;
  macs += other.macs;
  time += other.time;
  return *this;
}

FactorWorkModel::FactorWorkModel(const Graph& graph, const OpTable& ops)
    : original_(&graph), ops_(ops), shaped_(graph) {
  InferenceOptions options;
  options.input_shapes = model_cost(graph, ops).input_shapes;
  if (options.input_shapes.empty()) return;
  infer_shapes(shaped_, ops, options);
  known_ = true;
}

FactorWork FactorWorkModel::of(const Node& reader, const std::vector<Node>& nodes,
                               const std::vector<Value>& values) const {
  FactorWork work;
  if (!known_) return work;
  Graph scratch;
  scratch.values = values;
  std::map<std::string, Shape> shapes;
  for (ValueId id : reader.inputs) {
    if (id == kNoValue || scratch.value(id).is_constant()) continue;
    const Value& known = shaped_.value(id);
    const std::optional<Shape> shape = known.dims ? concrete(*known.dims) : std::nullopt;
    if (!shape) return work;
    scratch.value(id).dims = known.dims;
    scratch.value(id).dtype = known.dtype;
    if (shapes.emplace(known.name, *shape).second) scratch.inputs.push_back(id);
  }
  for (ValueId id : reader.outputs) {
    if (id == kNoValue) continue;
    scratch.value(id).dims.reset();
    scratch.outputs.push_back(id);
  }
  scratch.nodes = nodes;
  const ModelCost cost = model_cost(scratch, ops_, shapes);
  if (!cost.macs_known) return work;
  InferenceOptions options;
  options.input_shapes = shapes;
  infer_shapes(scratch, ops_, options);
  work.known = true;
  for (size_t i = 0; i < scratch.nodes.size(); ++i) {
    const Node& node = scratch.nodes[i];
    const auto macs = static_cast<double>(cost.layers[i].macs);
    work.macs += macs;
    work.time += macs * (is_depthwise(scratch, node) ? kDepthwise : 1);
    std::vector<ValueId> touched = node.inputs;
    touched.insert(touched.end(), node.outputs.begin(), node.outputs.end());
    for (ValueId id : touched) {
      if (id == kNoValue || scratch.value(id).is_constant()) continue;
      const auto& dims = scratch.value(id).dims;
      const std::optional<Shape> shape = dims ? concrete(*dims) : std::nullopt;
      if (shape) work.time += kElement * static_cast<double>(shape->elements());
    }
  }
  return work;
}

}  // namespace whittle
