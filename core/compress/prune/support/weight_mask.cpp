#include "core/compress/prune/support/weight_mask.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"

namespace whittle {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

WeightMask mask_of(const MaskUnits& units, const std::vector<bool>& zero) {
  WeightMask mask(static_cast<size_t>(units.shape.elements()));
  for (size_t i = 0; i < mask.size(); ++i) {
    mask[i] = zero[static_cast<size_t>(units.unit_of(static_cast<int64_t>(i)))];
  }
  return mask;
}

}  // namespace

// Units lie as the elements would, with the channel axis `block` times shorter.

int64_t MaskUnits::rows() const {
  return (shape[channel_axis] + block - 1) / block;
}

int64_t MaskUnits::count() const {
  return shape.elements() / shape[channel_axis] * rows();
}

int64_t MaskUnits::unit_of(int64_t element) const {
  const int64_t inner = shape.elements(channel_axis + 1, shape.rank());
  const int64_t outer = element / inner / shape[channel_axis];
  const int64_t channel = element / inner % shape[channel_axis];
  return (outer * rows() + channel / block) * inner + element % inner;
}

int64_t MaskUnits::row_of(int64_t unit) const {
  return unit / shape.elements(channel_axis + 1, shape.rank()) % rows();
}

std::vector<float> unit_scores(const MaskUnits& units, std::span<const float> elements) {
  std::vector<float> scores(static_cast<size_t>(units.count()), 0.0f);
  for (size_t i = 0; i < elements.size(); ++i) {
    scores[static_cast<size_t>(units.unit_of(static_cast<int64_t>(i)))] += elements[i];
  }
  return scores;
}

WeightMask lowest(const MaskUnits& units, std::span<const float> scores, double sparsity,
                  bool by_row) {
  std::vector<std::vector<size_t>> parts(by_row ? static_cast<size_t>(units.rows()) : 1);
  for (size_t u = 0; u < scores.size(); ++u) {
    const int64_t row = by_row ? units.row_of(static_cast<int64_t>(u)) : 0;
    parts[static_cast<size_t>(row)].push_back(u);
  }
  std::vector<bool> zero(scores.size(), false);
  for (std::vector<size_t>& part : parts) {
    const auto count =
        static_cast<size_t>(std::llround(sparsity * static_cast<double>(part.size())));
    std::nth_element(
        part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count), part.end(),
        [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] < scores[b] : a < b; });
    for (size_t i = 0; i < count; ++i) zero[part[i]] = true;
  }
  return mask_of(units, zero);
}

WeightMask below(const MaskUnits& units, std::span<const float> scores, float threshold) {
  std::vector<bool> zero(scores.size());
  for (size_t u = 0; u < scores.size(); ++u) zero[u] = scores[u] < threshold;
  return mask_of(units, zero);
}

std::string write_mask(const WeightMask& mask) {
  std::string text;
  for (size_t at = 0; at < mask.size(); at += 6) {
    size_t bits = 0;
    for (size_t i = at; i < at + 6; ++i) bits = bits << 1 | (i < mask.size() && mask[i] ? 1u : 0u);
    text += kLetters[bits];
  }
  return text;
}

WeightMask read_mask(std::string_view text, size_t count, const std::string& where) {
  const auto refuse = [&] {
    fail(Code::INVALID_OPTION, where, "Expected the mask of ", count, " elements for ", where,
         " but received ", text.size(), " letters: \"", text.substr(0, 20), "\"");
  };
  if (text.size() != (count + 5) / 6) refuse();
  WeightMask mask(count);
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t bits = kLetters.find(text[i]);
    if (bits == std::string_view::npos) refuse();
    for (size_t b = 0; b < 6 && i * 6 + b < count; ++b)
      mask[i * 6 + b] = (bits >> (5 - b) & 1) != 0;
  }
  return mask;
}

}  // namespace whittle
