#include "core/compress/prune/support/removal_error.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/compress/prune/support/damped_solve.h"
#include "core/linalg/block_elimination.h"

namespace whittle {
namespace {

/** One group of a reader with the columns of each class of a candidate. */
struct ReaderPart {
  BlockElimination elimination;
  std::map<int, std::vector<int>> columns;
  double signal = 1;
};

/** S of a reader's group, the place of the bias included where it has one. */
std::vector<double> sums_of(const ReaderLayer& reader, const Hessian& statistics, int64_t group,
                            double ridge) {
  const auto size = static_cast<size_t>(reader.matrix().inputs + 1);
  const size_t n = reader.has_bias ? size : size - 1;
  const std::span<const float> upper = statistics.of_group(group);
  std::vector<double> sums(n * n);
  double power = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) sums[i * n + j] = sums[j * n + i] = upper[j * size + i];
    if (i + 1 < size) power += sums[i * n + i];
  }
  const double added = power > 0 ? ridge * power / static_cast<double>(size - 1) : 1.0;
  for (size_t i = 0; i < n; ++i) sums[i * n + i] += i + 1 < size ? added : 1e-9 * sums[i * n + i];
  return sums;
}

/** [outputs, n] with a zero for the bias. */
std::vector<double> weight_of(const Graph& graph, const ReaderLayer& reader, int64_t group,
                              size_t n) {
  const LayerMatrix& matrix = reader.matrix();
  const std::span<const float> w = graph.constant(reader.weight)->data<float>();
  std::vector<double> weight(static_cast<size_t>(matrix.outputs) * n, 0.0);
  for (int64_t m = 0; m < matrix.outputs; ++m) {
    for (int64_t k = 0; k < matrix.inputs; ++k) {
      weight[static_cast<size_t>(m) * n + static_cast<size_t>(k)] =
          w[matrix.at(group * matrix.outputs + m, k)];
    }
  }
  return weight;
}

/** Squared output over the rows: tr(W S W^T), of every so many-th output where there is much. */
double signal_of(const std::vector<double>& weight, const std::vector<double>& sums, size_t n) {
  constexpr double kMostWork = 1e8;
  const size_t outputs = weight.size() / n;
  const double work = static_cast<double>(outputs) * static_cast<double>(n * n);
  const size_t stride = 1 + static_cast<size_t>(work / kMostWork);
  double total = 0;
  size_t looked_at = 0;
  for (size_t m = 0; m < outputs; m += stride, ++looked_at) {
    const double* row = weight.data() + m * n;
    for (size_t i = 0; i < n; ++i) {
      if (row[i] == 0) continue;
      total += row[i] * std::inner_product(row, row + n, sums.data() + i * n, 0.0);
    }
  }
  return total * static_cast<double>(outputs) / static_cast<double>(std::max<size_t>(looked_at, 1));
}

Job make_parts(TechniqueContext& context, const ReaderLayer& reader, const Hessian& statistics,
               double ridge, const PruneCandidate& candidate, std::vector<ReaderPart>& parts) {
  std::map<int, std::vector<int>> columns;
  for (int root : candidate.classes) columns[root];
  bool reads = false;
  for (size_t k = 0; k < reader.classes.size(); ++k) {
    const auto found = columns.find(reader.classes[k]);
    if (found == columns.end()) continue;
    found->second.push_back(static_cast<int>(k));
    reads = true;
  }
  if (!reads) co_return;
  const Graph& graph = context.model.graph;
  const std::string& name = graph.nodes[static_cast<size_t>(reader.node)].name;
  for (int64_t g = 0; g < reader.matrix().groups; ++g) {
    const size_t n = static_cast<size_t>(reader.matrix().inputs) + (reader.has_bias ? 1 : 0);
    std::vector<double> weight = weight_of(graph, reader, g, n);
    const double signal = signal_of(weight, sums_of(reader, statistics, g, ridge), n);
    DampedSystem system;
    system.matrix = [&](double own) { return sums_of(reader, statistics, g, own); };
    system.n = system.rows = static_cast<int>(n);
    system.right.assign(n * n, 0.0);
    for (size_t i = 0; i < n; ++i) system.right[i * (n + 1)] = 1;
    std::vector<double> inverse;
    co_await solve_damped(context.cancel, name, system, ridge, inverse);
    if (inverse.empty()) continue;
    parts.push_back({BlockElimination(std::move(inverse), system.n, std::move(weight),
                                      static_cast<int>(reader.matrix().outputs)),
                     columns, signal});
  }
}

double cost_of(const std::vector<ReaderPart>& parts, int root) {
  double total = 0;
  for (const ReaderPart& part : parts) {
    const std::vector<int>& columns = part.columns.at(root);
    if (columns.empty() || part.signal <= 0) continue;
    total += std::max(0.0, part.elimination.cost(columns)) / part.signal;
  }
  return total;
}

}  // namespace

Job order_by_error(TechniqueContext& context, const std::vector<ReaderLayer>& readers,
                   const ReaderStatistics& statistics, double ridge,
                   std::vector<PruneCandidate>& candidates) {
  for (PruneCandidate& candidate : candidates) {
    std::vector<ReaderPart> parts;
    for (size_t r = 0; r < readers.size(); ++r) {
      if (!statistics[r]) continue;
      co_await make_parts(context, readers[r], *statistics[r], ridge, candidate, parts);
    }
    if (parts.empty()) {
      candidate.stops.clear();
      continue;
    }
    std::vector<int> left = candidate.classes;
    std::vector<int> order;
    std::vector<double> scores;
    for (size_t s = 1; s < candidate.stops.size(); ++s) {
      co_await report_progress("score channels");
      const auto count = static_cast<size_t>(candidate.stops[s] - candidate.stops[s - 1]);
      std::vector<std::pair<double, int>> costs;
      for (int root : left) costs.emplace_back(cost_of(parts, root), root);
      std::stable_sort(costs.begin(), costs.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = 0; i < count; ++i) {
        context.cancel.poll();
        const int root = costs[i].second;
        // The first of a stop have changed what the others cost.
        scores.push_back(i == 0 ? costs[i].first : cost_of(parts, root));
        order.push_back(root);
        left.erase(std::find(left.begin(), left.end(), root));
        for (ReaderPart& part : parts) {
          const std::vector<int>& columns = part.columns.at(root);
          if (!columns.empty()) part.elimination.eliminate(columns);
        }
      }
    }
    order.insert(order.end(), left.begin(), left.end());
    scores.resize(order.size(), INFINITY);
    candidate.classes = std::move(order);
    candidate.scores = std::move(scores);
  }
}

}  // namespace whittle
