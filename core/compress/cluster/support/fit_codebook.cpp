#include "core/compress/cluster/support/fit_codebook.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace whittle {
namespace {

/** Operations after which a job takes a breath: some 20 ms. */
constexpr int64_t kStepWork = 60'000'000;

/** A x = b for the entries of one codebook. */
struct NormalEquations {
  std::vector<double> a;  // [entries, entries]
  std::vector<double> b;  // [entries]

  explicit NormalEquations(size_t entries) : a(entries * entries, 0.0), b(entries, 0.0) {}
  void add(const NormalEquations& other, double factor) {
    for (size_t i = 0; i < a.size(); ++i) a[i] += factor * other.a[i];
    for (size_t i = 0; i < b.size(); ++i) b[i] += factor * other.b[i];
  }

  /** Solves for the entries that `free` lists by Cholesky; the others of `x` are given. False, with
   * `x` as it was, when the equations say too little. */
  bool solve(const std::vector<size_t>& free, std::span<float> x) const {
    const size_t entries = b.size();
    const size_t n = free.size();
    std::vector<double> lower(n * n, 0.0);
    std::vector<double> right(n);
    for (size_t i = 0; i < n; ++i) {
      right[i] = b[free[i]];
      for (size_t j = 0; j < entries; ++j) {
        if (std::find(free.begin(), free.end(), j) == free.end()) {
          right[i] -= a[free[i] * entries + j] * x[j];
        }
      }
      for (size_t j = 0; j <= i; ++j) {
        double sum = a[free[i] * entries + free[j]];
        for (size_t k = 0; k < j; ++k) sum -= lower[i * n + k] * lower[j * n + k];
        if (i == j && !(sum > 1e-9 * a[free[i] * entries + free[i]])) return false;
        lower[i * n + j] = i == j ? std::sqrt(sum) : sum / lower[j * n + j];
      }
    }
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) right[i] -= lower[i * n + k] * right[k];
      right[i] /= lower[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; ++k) right[i] -= lower[k * n + i] * right[k];
      right[i] /= lower[i * n + i];
    }
    if (!std::all_of(right.begin(), right.end(), [](double v) { return std::isfinite(v); })) {
      return false;
    }
    for (size_t i = 0; i < n; ++i) x[free[i]] = static_cast<float>(right[i]);
    return true;
  }
};

/** What one output says about the codebook it uses: with S the choice of entries, w = S x has the
 * error (w - S x)^T H (w - S x), so A = S^T H S and b = S^T H w. */
NormalEquations equations_of(std::span<const float> weight, const LayerMatrix& matrix,
                             int64_t output, std::span<const float> hessian,
                             const Palette& palette) {
  const auto n = static_cast<size_t>(matrix.inputs);
  const size_t entries = palette.entries;
  std::vector<float> chosen(entries * n, 0.0f);  // S^T H
  std::vector<uint8_t> codes(n);
  std::vector<float> w(n);
  for (size_t k = 0; k < n; ++k) {
    const size_t at = matrix.at(output, static_cast<int64_t>(k));
    codes[k] = palette.codes[at];
    w[k] = weight[at];
    float* sum = chosen.data() + codes[k] * n;
    const float* row = hessian.data() + k * n;
    for (size_t j = 0; j < n; ++j) sum[j] += row[j];
  }
  NormalEquations equations(entries);
  for (size_t e = 0; e < entries; ++e) {
    const float* row = chosen.data() + e * n;
    for (size_t k = 0; k < n; ++k) {
      equations.a[e * entries + codes[k]] += row[k];
      equations.b[e] += static_cast<double>(row[k]) * w[k];
    }
  }
  return equations;
}

/** The outputs (of all groups of the layer) of every codebook; empty when one output uses more than
 * one. */
std::vector<std::vector<int64_t>> outputs_by_book(const LayerMatrix& matrix,
                                                  const Palette& palette) {
  std::vector<std::vector<int64_t>> outputs(palette.groups.count());
  for (int64_t m = 0; m < matrix.groups * matrix.outputs; ++m) {
    const size_t book = palette.groups.of(matrix.at(m, 0));
    for (int64_t k = 1; k < matrix.inputs; ++k) {
      if (palette.groups.of(matrix.at(m, k)) != book) return {};
    }
    outputs[book].push_back(m);
  }
  return outputs;
}

/** Moves the entries of one codebook to the solution. */
void move_entries(const NormalEquations& equations, std::span<float> book) {
  std::vector<size_t> free;
  for (size_t e = 0; e < book.size(); ++e) {
    const bool used = equations.a[e * book.size() + e] > 0;
    if (used && book[e] != 0) free.push_back(e);
  }
  if (!free.empty()) equations.solve(free, book);
}

/** Puts every codebook into ascending order and the codes with it. */
void sort_entries(Palette& palette) {
  const size_t entries = palette.entries;
  std::vector<uint8_t> places(palette.codebooks.size());
  for (size_t first = 0; first < palette.codebooks.size(); first += entries) {
    const std::span<float> book = std::span<float>(palette.codebooks).subspan(first, entries);
    std::vector<size_t> order(entries);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return book[a] < book[b]; });
    std::vector<float> sorted;
    for (size_t place = 0; place < entries; ++place) {
      sorted.push_back(book[order[place]]);
      places[first + order[place]] = static_cast<uint8_t>(place);
    }
    std::copy(sorted.begin(), sorted.end(), book.begin());
  }
  for (size_t i = 0; i < palette.codes.size(); ++i) {
    palette.codes[i] = places[palette.groups.of(i) * entries + palette.codes[i]];
  }
}

}  // namespace

Job fit_codebooks(const CancelFlag& cancel, ThreadPool& pool, std::span<const float> weight,
                  const LayerMatrix& matrix, const Hessian& hessian,
                  std::span<const float> importance, float damping, Palette& palette) {
  if (!palette.scales.empty() ||
      palette.codebooks.size() != palette.entries * palette.groups.count()) {
    co_return;
  }
  const std::vector<std::vector<int64_t>> outputs = outputs_by_book(matrix, palette);
  std::vector<int64_t> order(static_cast<size_t>(matrix.inputs));
  std::iota(order.begin(), order.end(), int64_t{0});
  constexpr size_t kTogether = 8;
  int64_t group = -1;
  std::vector<float> h;
  int64_t work = 0;
  for (size_t book = 0; book < outputs.size(); ++book) {
    NormalEquations sum(palette.entries);
    for (size_t at = 0; at < outputs[book].size();) {
      // Outputs of one group of the layer, which have their Hessian in common.
      const int64_t own = outputs[book][at] / matrix.outputs;
      if (own != group) {
        group = own;
        h = hessian.damped(group, order, damping);
      }
      size_t end = at + 1;
      while (end < outputs[book].size() && end < at + kTogether &&
             outputs[book][end] / matrix.outputs == group) {
        ++end;
      }
      std::vector<NormalEquations> parts(end - at, NormalEquations(palette.entries));
      pool.run(static_cast<int64_t>(parts.size()), [&](int64_t task, int) {
        const auto i = static_cast<size_t>(task);
        parts[i] = equations_of(weight, matrix, outputs[book][at + i], h, palette);
      });
      for (size_t i = 0; i < parts.size(); ++i) {
        const auto output = static_cast<size_t>(outputs[book][at + i]);
        sum.add(parts[i], importance.empty() ? 1.0 : importance[output]);
      }
      work += static_cast<int64_t>(parts.size()) * matrix.inputs *
              (matrix.inputs + 4 * static_cast<int64_t>(palette.entries));
      at = end;
      if (work < kStepWork) continue;
      work = 0;
      cancel.poll();
      co_await report_progress("fit codebooks", "", static_cast<int64_t>(book),
                               static_cast<int64_t>(outputs.size()));
    }
    move_entries(
        sum, std::span<float>(palette.codebooks).subspan(book * palette.entries, palette.entries));
  }
  sort_entries(palette);
}

}  // namespace whittle
