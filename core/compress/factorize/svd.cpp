#include "core/linalg/svd.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/compress/graph_edit.h"
#include "core/compress/technique.h"
#include "core/graph/traversal.h"

namespace whittle {
namespace {

/** A constant weight as the [k, n] matrix that multiplies from the right. */
struct Matrix {
  ConstantRef constant;
  bool transposed = false;  // stored as [n, k]
  int k = 0;
  int n = 0;
};

/** W = first * second, with first [k, rank] and second [rank, n], stored as W was. */
struct Factors {
  Tensor first;
  Tensor second;
  int rank = 0;
  double kept_energy = 1;
};

std::string find_matrix(const Layer& layer, const ConstantFinder& finder, Matrix& matrix) {
  const Node& node = *layer.node;
  matrix.constant = finder.find(*layer.graph, node.input(1));
  if (!matrix.constant.found()) return "its weight is computed at run time";
  const Tensor& tensor = matrix.constant.tensor();
  if (tensor.dtype() != DType::f32) {
    return concat("its weight is ", dtype_name(tensor.dtype()), ", not float32");
  }
  if (tensor.shape().rank() != 2) return "its weight is not a matrix";
  if (tensor.elements() == 0) return "its weight is empty";
  matrix.transposed = node.is("Gemm") && node.int_attribute("transB", 0) != 0;
  matrix.k = static_cast<int>(tensor.shape()[matrix.transposed ? 1 : 0]);
  matrix.n = static_cast<int>(tensor.shape()[matrix.transposed ? 0 : 1]);
  return "";
}

/** The least rank whose squared singular values hold `energy` of their sum. */
int rank_of_energy(const std::vector<float>& s, double energy) {
  double total = 0;
  for (float value : s) total += static_cast<double>(value) * value;
  if (total == 0) return 1;
  double kept = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    kept += static_cast<double>(s[i]) * s[i];
    // The sum of all of them may fall short of `total * energy` by rounding only.
    if (kept >= energy * total) return static_cast<int>(i + 1);
  }
  return static_cast<int>(s.size());
}

int wanted_rank(const Options& options, const Matrix& matrix, const std::vector<float>& s) {
  const int full = static_cast<int>(s.size());
  int rank = full;
  if (options.has("rank")) {
    rank = static_cast<int>(std::min<int64_t>(options.integer("rank"), full));
  } else if (options.has("ratio")) {
    const double numbers = options.number("ratio") * matrix.k * matrix.n;
    rank = static_cast<int>(numbers / (matrix.k + matrix.n));
  } else {
    rank = rank_of_energy(s, options.number("energy"));
  }
  return std::clamp(rank, 1, full);
}

/** Both factors get the square root of the singular values, so that neither has a wide range. */
Factors cut(const Svd& svd, const Matrix& matrix, int rank) {
  const auto r = static_cast<size_t>(rank);
  const size_t full = svd.s.size();
  std::vector<float> root(r);
  double kept = 0;
  double total = 0;
  for (size_t i = 0; i < full; ++i) {
    const double squared = static_cast<double>(svd.s[i]) * svd.s[i];
    total += squared;
    if (i >= r) continue;
    kept += squared;
    root[i] = std::sqrt(svd.s[i]);
  }
  const auto scaled = [&](const std::vector<float>& basis, int count, bool components_first) {
    Tensor out =
        Tensor::allocate(DType::f32, components_first ? Shape{rank, count} : Shape{count, rank});
    const std::span<float> to = out.mutable_data<float>();
    for (size_t row = 0; row < static_cast<size_t>(count); ++row) {
      for (size_t i = 0; i < r; ++i) {
        const float value = basis[row * full + i] * root[i];
        to[components_first ? i * static_cast<size_t>(count) + row : row * r + i] = value;
      }
    }
    return out;
  };
  Factors factors;
  factors.rank = rank;
  factors.kept_energy = total > 0 ? kept / total : 1;
  if (matrix.transposed) {  // W^T = U S V^T is [n, k]: first is stored [rank, k], second [n, rank]
    factors.first = scaled(svd.v, matrix.k, true);
    factors.second = scaled(svd.u, matrix.n, false);
  } else {
    factors.first = scaled(svd.u, matrix.k, false);
    factors.second = scaled(svd.v, matrix.n, true);
  }
  return factors;
}

/** Whether something reads a layer's weight that is not going to read its factors. */
bool is_shared_with_others(const ConstantRef& constant, const std::vector<Layer>& layers) {
  size_t replaced = 0;
  for (const Layer& layer : layers) {
    const bool reads = layer.graph == constant.owner && layer.node->input(1) == constant.id;
    replaced += layer.selected && reads ? 1 : 0;
  }
  const GraphIndex index(*constant.owner);
  return index.is_output(constant.id) || index.consumers(constant.id).size() > replaced;
}

struct Replacement {
  Factors factors;
  ValueId first = kNoValue;  // once placed, by the graph that owns the weight
  ValueId second = kNoValue;
};

/** x -> x W becomes x -> (x W1) W2; the bias and the node's name stay with the second. */
void split_node(Graph& graph, NameMaker& names, Node& node, ValueId first, ValueId second,
                std::vector<Node>& added) {
  Node inner;
  inner.op = node.op;
  inner.name = names.fresh(node.name + "_svd");
  inner.inputs = {node.input(0), first};
  const ValueId between = graph.add_value(names.fresh("v"), DType::f32);
  inner.outputs = {between};
  if (node.is("Gemm")) {
    for (const char* name : {"transA", "transB"}) {
      if (node.has(name)) inner.attributes[name] = node.attributes.find(name)->second;
    }
    node.attributes.erase("transA");
  }
  node.inputs[0] = between;
  node.inputs[1] = second;
  added.push_back(std::move(inner));
}

nlohmann::json explicit_step(const nlohmann::json& rules, bool break_even) {
  return {{"technique", "svd"}, {"breakEven", break_even}, {"layers", rules}};
}

Job run(TechniqueContext& context) {
  Graph& graph = context.model.graph;
  const ConstantFinder finder(graph);
  const std::vector<Layer> layers = context.layers({"Gemm", "MatMul"});
  std::map<ConstantRef, Replacement> replacements;
  std::map<const Graph*, std::map<std::string, ConstantRef>> nodes;  // node name -> its weight
  nlohmann::json rules = nlohmann::json::array();
  int64_t done = 0;
  for (const Layer& layer : layers) {
    ++done;
    Matrix matrix;
    if (!layer.selected) {
      context.report.leave(*layer.node, "not selected");
      continue;
    }
    const std::string obstacle = find_matrix(layer, finder, matrix);
    if (!obstacle.empty()) {
      context.report.leave(*layer.node, obstacle);
      continue;
    }
    if (matrix.constant.owner != layer.graph) {
      context.report.leave(*layer.node, "its weight belongs to an enclosing graph");
      continue;
    }
    if (is_shared_with_others(matrix.constant, layers)) {
      context.report.leave(*layer.node, "its weight is shared with a layer that keeps it");
      continue;
    }
    co_await report_progress("svd", layer.name(), done, static_cast<int64_t>(layers.size()));
    context.cancel.poll();
    if (!replacements.contains(matrix.constant)) {
      const Tensor& weight = matrix.constant.tensor();
      const Svd decomposed = svd(weight.data<float>(), static_cast<int>(weight.shape()[0]),
                                 static_cast<int>(weight.shape()[1]));
      const int rank = wanted_rank(layer.options, matrix, decomposed.s);
      const double even = static_cast<double>(matrix.k) * matrix.n / (matrix.k + matrix.n);
      if (layer.options.boolean("breakEven") && rank >= even) {
        context.report.leave(*layer.node, "rank past break-even");
        continue;
      }
      replacements.emplace(matrix.constant, Replacement{cut(decomposed, matrix, rank)});
    }
    const Factors& factors = replacements.at(matrix.constant).factors;
    nodes[layer.graph][layer.name()] = matrix.constant;
    context.report.touch(
        *layer.node, {{"rank", factors.rank},
                      {"fullRank", std::min(matrix.k, matrix.n)},
                      {"energy", factors.kept_energy},
                      {"relativeError", std::sqrt(std::max(0.0, 1 - factors.kept_energy))},
                      {"parameterRatio", static_cast<double>(factors.rank) * (matrix.k + matrix.n) /
                                             (static_cast<double>(matrix.k) * matrix.n)}});
    rules.push_back({{"name", layer.name()}, {"rank", factors.rank}});
  }
  if (!rules.empty()) {
    context.report.explicit_step = explicit_step(rules, context.options.boolean("breakEven"));
  }
  NameMaker names(graph);
  edit_graphs(graph, [&](Graph& edited, const Graph* before) {
    const auto found = nodes.find(before);
    if (found == nodes.end()) return;
    for (auto& [constant, replacement] : replacements) {
      if (constant.owner != before) continue;
      replacement.first = edited.add_constant(names.fresh("u"), replacement.factors.first);
      replacement.second = edited.add_constant(names.fresh("u"), replacement.factors.second);
    }
    std::vector<Node> all;
    for (Node& node : edited.nodes) {
      if (const auto entry = found->second.find(node.name); entry != found->second.end()) {
        const Replacement& replacement = replacements.at(entry->second);
        split_node(edited, names, node, replacement.first, replacement.second, all);
      }
      all.push_back(std::move(node));
    }
    edited.nodes = std::move(all);
  });
}

}  // namespace

void register_svd(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "svd";
  technique.summary = "replace a matrix product by two thinner ones (truncated SVD)";
  technique.ops = {"Gemm", "MatMul"};
  technique.needs_passes = weight_passes();
  OptionSpec energy;
  energy.name = "energy";
  energy.doc = "share of the squared singular values to keep; chooses the rank of each layer";
  energy.default_value = 0.95;
  energy.min = 0;
  energy.max = 1;
  OptionSpec rank;
  rank.name = "rank";
  rank.type = OptionType::integer;
  rank.doc = "fixed rank, in place of energy";
  rank.min = 1;
  OptionSpec ratio;
  ratio.name = "ratio";
  ratio.doc = "share of the layer's parameters to keep, in place of energy";
  ratio.min = 0;
  ratio.max = 1;
  OptionSpec break_even;
  break_even.name = "breakEven";
  break_even.type = OptionType::boolean;
  break_even.doc = "leave a layer alone when two factors would hold as many numbers as one";
  break_even.default_value = true;
  technique.options = {energy, rank, ratio, break_even};
  technique.not_after = {"fp16", "quantize-*", "palettize", "round-for-compression"};
  technique.changes_layers = true;
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
