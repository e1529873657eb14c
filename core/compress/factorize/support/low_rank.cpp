#include "core/compress/factorize/support/low_rank.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/linalg/randomized_svd.h"

namespace whittle {
namespace {

constexpr int kLevels = 32767;
/** Scales are powers of two, one digit from the least on. */
constexpr int kLeastExponent = -40;
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

OutputBasis left_basis(const Svd& parts) {
  OutputBasis basis;
  const size_t count = parts.s.size();
  const auto m = static_cast<size_t>(parts.rows);
  basis.vectors.resize(count * m);
  for (size_t i = 0; i < count; ++i) {
    basis.energy.push_back(static_cast<double>(parts.s[i]) * parts.s[i]);
    for (size_t row = 0; row < m; ++row) basis.vectors[i * m + row] = parts.u[row * count + i];
  }
  return basis;
}

}  // namespace

OutputBasis weight_basis(std::span<const float> weight, int m, int k) {
  return left_basis(svd(weight, m, k));
}

OutputBasis projected_basis(std::span<const float> weight, int m, int k, int rank, uint64_t seed) {
  RandomizedSvdOptions options;
  options.seed = seed;
  return left_basis(randomized_svd(weight, m, k, rank, options));
}

LowRank project_on(std::span<const float> weight, int m, int k, std::span<const float> vectors,
                   int rank) {
  const auto inputs = static_cast<size_t>(k);
  const auto outputs = static_cast<size_t>(m);
  const auto width = static_cast<size_t>(rank);
  LowRank result;
  result.rank = rank;
  result.first.resize(width * inputs);
  result.second.resize(outputs * width);
  std::vector<double> row(inputs);
  for (size_t i = 0; i < width; ++i) {
    const float* direction = vectors.data() + i * outputs;
    std::fill(row.begin(), row.end(), 0.0);
    for (size_t o = 0; o < outputs; ++o) {
      const double factor = direction[o];
      const float* from = weight.data() + o * inputs;
      for (size_t j = 0; j < inputs; ++j) row[j] += factor * from[j];
    }
    double norm2 = 0;
    for (double value : row) norm2 += value * value;
    const double root = std::sqrt(std::sqrt(norm2));  // of the component's norm
    for (size_t j = 0; j < inputs; ++j) {
      result.first[i * inputs + j] = root > 0 ? static_cast<float>(row[j] / root) : 0.0f;
    }
    for (size_t o = 0; o < outputs; ++o) {
      result.second[o * width + i] = static_cast<float>(direction[o] * root);
    }
  }
  return result;
}

std::vector<float> multiply_out(const LowRank& factors, int m, int k) {
  const auto inputs = static_cast<size_t>(k);
  const auto width = static_cast<size_t>(factors.rank);
  std::vector<float> product(static_cast<size_t>(m) * inputs);
  std::vector<double> row(inputs);
  for (size_t o = 0; o < static_cast<size_t>(m); ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    for (size_t i = 0; i < width; ++i) {
      const double factor = factors.second[o * width + i];
      const float* from = factors.first.data() + i * inputs;
      for (size_t j = 0; j < inputs; ++j) row[j] += factor * from[j];
    }
    for (size_t j = 0; j < inputs; ++j) product[o * inputs + j] = static_cast<float>(row[j]);
  }
  return product;
}

std::string write_basis(std::span<const float> rows) {
  std::string text;
  text.reserve(3 * rows.size());
  for (float value : rows) {
    const auto level = static_cast<int>(std::lround(std::clamp(value, -1.0f, 1.0f) * kLevels));
    const auto code = static_cast<unsigned>(level + kLevels);
    for (unsigned shift : {12u, 6u, 0u}) text += kDigits[code >> shift & 63u];
  }
  return text;
}

std::vector<float> read_basis(const std::string& text, size_t count, const std::string& where) {
  if (text.size() != 3 * count) {
    fail(Code::INVALID_OPTION, where, "Expected ", 3 * count, " characters for basis of ", where,
         " but received ", text.size());
  }
  std::vector<float> rows(count);
  for (size_t i = 0; i < count; ++i) {
    unsigned code = 0;
    for (size_t digit = 0; digit < 3; ++digit) {
      const size_t place = kDigits.find(text[3 * i + digit]);
      if (place == std::string_view::npos) {
        fail(Code::INVALID_OPTION, where, "Expected letters, digits, + and / for basis of ", where,
             " but received '", text[3 * i + digit], "'");
      }
      code = code << 6 | static_cast<unsigned>(place);
    }
    rows[i] = static_cast<float>(static_cast<int>(code) - kLevels) / kLevels;
  }
  return rows;
}

std::string write_scaled(std::span<const float> values) {
  float largest = 0;
  for (float value : values) largest = std::max(largest, std::fabs(value));
  int exponent = 0;
  std::frexp(largest, &exponent);  // largest < 2^exponent
  const int most = kLeastExponent + static_cast<int>(kDigits.size()) - 1;
  exponent = std::clamp(exponent, kLeastExponent, most);
  std::vector<float> scaled(values.begin(), values.end());
  for (float& value : scaled) value = std::ldexp(value, -exponent);
  return kDigits[static_cast<size_t>(exponent - kLeastExponent)] + write_basis(scaled);
}

std::vector<float> read_scaled(const std::string& text, size_t count, const std::string& where) {
  const size_t place = text.empty() ? std::string_view::npos : kDigits.find(text[0]);
  if (place == std::string_view::npos) {
    fail(Code::INVALID_OPTION, where, "Expected a scale in front of what is given for ", where,
         " but received \"", text.substr(0, 1), '"');
  }
  std::vector<float> values = read_basis(text.substr(1), count, where);
  for (float& value : values) value = std::ldexp(value, static_cast<int>(place) + kLeastExponent);
  return values;
}

size_t scaled_length(size_t count) {
  return 1 + 3 * count;
}

}  // namespace whittle
