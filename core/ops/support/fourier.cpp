#include "core/ops/support/fourier.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace whittle {
namespace {

Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/** e^(-pi i numerator / denominator). */
Complex root(size_t numerator, size_t denominator) {
  const double angle =
      -std::numbers::pi * static_cast<double>(numerator) / static_cast<double>(denominator);
  return {std::cos(angle), std::sin(angle)};
}

}  // namespace

FourierTransform::FourierTransform(size_t length) : length_(length), padded_(length) {
  if (length_ < 2) return;
  if (!std::has_single_bit(length_)) padded_ = std::bit_ceil(2 * length_ - 1);
  for (size_t k = 0; k < padded_ / 2; ++k) roots_.push_back(root(2 * k, padded_));
  if (padded_ == length_) return;
  // n^2 modulo 2 N keeps the angle exact for long transforms.
  for (size_t n = 0; n < length_; ++n) {
    chirp_.push_back(root(static_cast<size_t>(uint64_t{n} * n % (2 * length_)), length_));
  }
  filter_.resize(padded_);
  for (size_t n = 0; n < length_; ++n) {
    filter_[n] = filter_[(padded_ - n) % padded_] = {chirp_[n].re, -chirp_[n].im};
  }
  transform_power_of_two(filter_);
  work_.resize(padded_);
}

void FourierTransform::transform_power_of_two(std::span<Complex> values) const {
  const size_t n = values.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (size_t size = 2; size <= n; size *= 2) {
    for (size_t start = 0; start < n; start += size) {
      for (size_t k = 0; k < size / 2; ++k) {
        Complex& low = values[start + k];
        Complex& high = values[start + k + size / 2];
        const Complex turned = high * roots_[k * (n / size)];
        high = {low.re - turned.re, low.im - turned.im};
        low = {low.re + turned.re, low.im + turned.im};
      }
    }
  }
}

void FourierTransform::forward(std::span<Complex> values) {
  if (chirp_.empty()) return transform_power_of_two(values);
  for (size_t i = 0; i < padded_; ++i) {
    work_[i] = i < length_ ? values[i] * chirp_[i] : Complex{};
  }
  transform_power_of_two(work_);
  // The inverse transform of a product is the conjugate of the transform of its conjugate.
  for (size_t i = 0; i < padded_; ++i) {
    const Complex product = work_[i] * filter_[i];
    work_[i] = {product.re, -product.im};
  }
  transform_power_of_two(work_);
  const auto n = static_cast<double>(padded_);
  for (size_t k = 0; k < length_; ++k) {
    values[k] = Complex{work_[k].re / n, -work_[k].im / n} * chirp_[k];
  }
}

void FourierTransform::run(std::span<Complex> values, bool inverse) {
  if (length_ < 2) return;
  if (!inverse) return forward(values);
  const auto n = static_cast<double>(length_);
  for (Complex& value : values) value.im = -value.im;
  forward(values);
  for (Complex& value : values) value = {value.re / n, -value.im / n};
}

}  // namespace whittle
