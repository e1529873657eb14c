// ai.onnx.ml TreeEnsemble: decision trees whose leaves add up to scores.
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

enum class Mode : int64_t { leq, lt, gte, gt, eq, neq, member, count_ };
enum class Aggregate : int64_t { average, sum, min, max, count_ };
enum class Transform : int64_t { none, softmax, logistic, softmax_zero, probit, count_ };

/** One inner node: where to go when the comparison holds, and when it does not. */
struct Branch {
  int64_t feature = 0;
  Mode mode = Mode::leq;
  double split = 0;
  std::vector<double> members;  // of Mode::member
  bool missing_holds = false;   // NaN goes the way of a comparison that holds
  bool to_leaf[2] = {};         // else, if
  int64_t to[2] = {};

  bool holds(double x) const {
    if (std::isnan(x)) return missing_holds;
    switch (mode) {
      case Mode::leq:
        return x <= split;
      case Mode::lt:
        return x < split;
      case Mode::gte:
        return x >= split;
      case Mode::gt:
        return x > split;
      case Mode::eq:
        return x == split;
      case Mode::neq:
        return x != split;
      default:
        return std::find(members.begin(), members.end(), x) != members.end();
    }
  }
};

std::vector<double> reals(const Node& node, std::string_view attribute) {
  const Tensor tensor = node.tensor_attribute(attribute);
  if (!tensor.defined()) return {};
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  load_block(tensor, 0, 1, tensor.elements(), values.data());
  return values;
}

template <typename E>
E enumeration(const Node& node, std::string_view attribute, int64_t value) {
  if (value < 0 || value >= static_cast<int64_t>(E::count_)) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a value below ",
         static_cast<int64_t>(E::count_), " in attribute '", attribute, "' of ", node.label(),
         " but received ", value);
  }
  return static_cast<E>(value);
}

struct Forest {
  std::vector<Branch> branches;
  std::vector<int64_t> roots;
  std::vector<double> weights;   // of the leaves
  std::vector<int64_t> targets;  // of the leaves
  int64_t features = 0;
  int64_t width = 1;  // targets

  explicit Forest(const Node& node);
};

Forest::Forest(const Node& node) {
  const auto require = [&](bool holds, std::string_view attribute) {
    if (holds) return;
    fail(Code::INVALID_GRAPH, node.label(), "Expected a list of the right length and range for '",
         attribute, "' of ", node.label(), " but received another");
  };
  width = node.int_attribute("n_targets", 1);
  require(width >= 1 && width <= (1 << 24), "n_targets");
  const std::vector<double> modes = reals(node, "nodes_modes");
  const std::vector<double> splits = reals(node, "nodes_splits");
  const std::vector<int64_t> feature = node.ints_attribute("nodes_featureids");
  const std::vector<int64_t> missing = node.ints_attribute("nodes_missing_value_tracks_true");
  const size_t count = modes.size();
  branches.resize(count);
  weights = reals(node, "leaf_weights");
  targets = node.ints_attribute("leaf_targetids");
  require(targets.size() == weights.size(), "leaf_targetids");
  for (int64_t target : targets) require(target >= 0 && target < width, "leaf_targetids");
  require(splits.size() == count, "nodes_splits");
  require(feature.size() == count, "nodes_featureids");
  require(missing.empty() || missing.size() == count, "nodes_missing_value_tracks_true");
  const std::vector<double> members = reals(node, "membership_values");
  size_t member = 0;
  for (size_t i = 0; i < count; ++i) {
    Branch& branch = branches[i];
    branch.mode = enumeration<Mode>(node, "nodes_modes", static_cast<int64_t>(modes[i]));
    branch.split = splits[i];
    branch.feature = feature[i];
    require(feature[i] >= 0, "nodes_featureids");
    features = std::max(features, feature[i] + 1);
    branch.missing_holds = !missing.empty() && missing[i] != 0;
    if (branch.mode != Mode::member) continue;
    for (; member < members.size() && !std::isnan(members[member]); ++member) {
      branch.members.push_back(members[member]);
    }
    ++member;
  }
  for (int way = 0; way < 2; ++way) {
    const std::string prefix = way == 0 ? "nodes_false" : "nodes_true";
    const std::vector<int64_t> ids = node.ints_attribute(prefix + "nodeids");
    const std::vector<int64_t> leafs = node.ints_attribute(prefix + "leafs");
    require(ids.size() == count, prefix + "nodeids");
    require(leafs.size() == count, prefix + "leafs");
    for (size_t i = 0; i < count; ++i) {
      branches[i].to_leaf[way] = leafs[i] != 0;
      branches[i].to[way] = ids[i];
      const size_t end = leafs[i] != 0 ? weights.size() : count;
      require(ids[i] >= 0 && ids[i] < static_cast<int64_t>(end), prefix + "nodeids");
    }
  }
  roots = node.ints_attribute("tree_roots");
  for (int64_t root : roots) {
    require(root >= 0 && root < static_cast<int64_t>(count), "tree_roots");
  }
}

void transform(Transform kind, double* scores, int64_t n) {
  if (kind == Transform::softmax || kind == Transform::softmax_zero) {
    // softmax_zero leaves scores of 0 as they are.
    const bool zeros = kind == Transform::softmax_zero;
    const double greatest = *std::max_element(scores, scores + n);
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (zeros && scores[i] == 0) continue;
      sum += scores[i] = std::exp(scores[i] - greatest);
    }
    for (int64_t i = 0; i < n; ++i) scores[i] = sum == 0 ? scores[i] : scores[i] / sum;
    return;
  }
  if (kind == Transform::logistic) {
    for (int64_t i = 0; i < n; ++i) scores[i] = 1 / (1 + std::exp(-scores[i]));
  }
}

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  std::optional<Dims> dims = context.dims(0);
  if (dims && dims->size() == 2) (*dims)[1] = context.node().int_attribute("n_targets", 1);
  context.set_output(0, context.dtype(0), std::move(dims));
}

// y[n, t] = the weights of the leaves of target t that x[n] ends in, one in each tree, aggregated
//   x [N, features]   y [N, n_targets]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const Forest forest(node);
  if (x.shape().rank() != 2 || x.shape()[1] < forest.features) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [N,", forest.features, "] or wider for ",
         node.label(), " but received ", to_string(x.shape()));
  }
  const auto aggregate = enumeration<Aggregate>(node, "aggregate_function",
                                                node.int_attribute("aggregate_function", 1));
  const auto post =
      enumeration<Transform>(node, "post_transform", node.int_attribute("post_transform", 0));
  if (post == Transform::probit) {
    fail(Code::UNSUPPORTED, node.label(), "Expected another post_transform than PROBIT for ",
         node.label(), " but received it");
  }
  const Shape shape{x.shape()[0], forest.width};
  Tensor& y = context.output(0, x.dtype(), shape);
  std::vector<double> row(static_cast<size_t>(x.shape()[1]));
  std::vector<double> scores(static_cast<size_t>(forest.width));
  std::vector<bool> reached(scores.size());
  for (int64_t n = 0; n < shape[0]; ++n) {
    load_block(x, n * x.shape()[1], 1, x.shape()[1], row.data());
    std::fill(scores.begin(), scores.end(), 0.0);
    std::fill(reached.begin(), reached.end(), false);
    for (int64_t at : forest.roots) {
      int way = 0;
      // A walk longer than the number of nodes goes in circles.
      for (size_t steps = 0;; ++steps) {
        const Branch& branch = forest.branches[static_cast<size_t>(at)];
        way = branch.holds(row[static_cast<size_t>(branch.feature)]) ? 1 : 0;
        at = branch.to[way];
        if (branch.to_leaf[way]) break;
        if (steps > forest.branches.size()) {
          fail(Code::INVALID_GRAPH, node.label(), "Expected trees for ", node.label(),
               " but received nodes that lead to themselves");
        }
      }
      const auto target = static_cast<size_t>(forest.targets[static_cast<size_t>(at)]);
      const double weight = forest.weights[static_cast<size_t>(at)];
      double& score = scores[target];
      const bool first = !reached[target];
      reached[target] = true;
      if (aggregate == Aggregate::min) {
        score = first ? weight : std::min(score, weight);
      } else if (aggregate == Aggregate::max) {
        score = first ? weight : std::max(score, weight);
      } else {
        score += weight;
      }
    }
    if (aggregate == Aggregate::average) {
      for (double& score : scores) score /= static_cast<double>(forest.roots.size());
    }
    transform(post, scores.data(), forest.width);
    store_block(y, n * forest.width, 1, forest.width, scores.data());
  }
}

}  // namespace

void register_ml_tree_ensemble(OpTable& table) {
  table.add({.domain = "ai.onnx.ml", .name = "TreeEnsemble", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
