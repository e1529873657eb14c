#include "core/compress/layer_error/hessian.h"

#include <algorithm>

namespace whittle {

Hessian::Hessian(const LayerMatrix& matrix)
    : matrix_(matrix),
      sums_(static_cast<size_t>(matrix.groups * matrix.inputs * matrix.inputs), 0.0f),
      batch_(static_cast<size_t>(matrix.row_size() * kBatch)) {}

int64_t Hessian::bytes(const LayerMatrix& matrix) {
  return 4 * (matrix.groups * matrix.inputs * matrix.inputs + matrix.row_size() * kBatch);
}

void Hessian::add(std::span<const float> row, Products& products) {
  for (size_t i = 0; i < row.size(); ++i) {
    batch_[i * kBatch + static_cast<size_t>(filled_)] = row[i];
  }
  if (++filled_ == kBatch) flush(products);
}

void Hessian::flush(Products& products) {
  if (filled_ == 0) return;
  const int64_t n = matrix_.inputs;
  for (int64_t g = 0; g < matrix_.groups; ++g) {
    products.add_gram(batch_.data() + g * n * kBatch, static_cast<size_t>(kBatch),
                      sums_.data() + g * n * n, static_cast<size_t>(n),
                      static_cast<size_t>(filled_));
  }
  filled_ = 0;
}

std::span<const float> Hessian::of_group(int64_t group) const {
  const auto size = static_cast<size_t>(matrix_.inputs * matrix_.inputs);
  return std::span<const float>(sums_).subspan(static_cast<size_t>(group) * size, size);
}

float Hessian::addend(int64_t group, float damping) const {
  const std::span<const float> h = of_group(group);
  const int64_t n = matrix_.inputs;
  double power = 0;
  for (int64_t i = 0; i < n; ++i) power += h[static_cast<size_t>(i * n + i)];
  return power > 0 ? static_cast<float>(damping * power / static_cast<double>(n)) : 1.0f;
}

std::vector<float> Hessian::damped(int64_t group, std::span<const int64_t> order,
                                   float damping) const {
  const std::span<const float> h = of_group(group);
  const auto n = static_cast<int64_t>(order.size());
  const float added = addend(group, damping);
  std::vector<float> result(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < n; ++j) {
      const auto [row, column] =
          std::minmax(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
      const float value = h[static_cast<size_t>(row * n + column)];
      result[static_cast<size_t>(i * n + j)] = value;
      result[static_cast<size_t>(j * n + i)] = value;
    }
    result[static_cast<size_t>(i * n + i)] += added;
  }
  return result;
}

}  // namespace whittle
