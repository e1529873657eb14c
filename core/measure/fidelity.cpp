#include "core/measure/fidelity.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/measure/statistics.h"
#include "core/tensor/sequence.h"

namespace whittle {
namespace {

using nlohmann::json;

bool is_integer(DType dtype) {
  return dtype == DType::u8 || dtype == DType::i8 || dtype == DType::u16 || dtype == DType::i16 ||
         dtype == DType::i32 || dtype == DType::i64 || dtype == DType::u32 || dtype == DType::u64;
}

/** Classes of a [N, C] or [N, C, 1, 1] shape, else 0. */
int64_t class_count(const Shape& shape) {
  if (shape.rank() < 2) return 0;
  for (int axis = 2; axis < shape.rank(); ++axis) {
    if (shape[axis] != 1) return 0;
  }
  return shape[1];
}

bool sums_to_one(std::span<const float> row) {
  double sum = 0;
  for (float value : row) {
    if (!(value >= 0 && value <= 1.0001f)) return false;
    sum += value;
  }
  return std::fabs(sum - 1) < 1e-2;
}

/** Whether the channels of the first pixels of [N, C, H, W] are probabilities. */
bool channels_sum_to_one(std::span<const float> values, const Shape& shape) {
  const int64_t pixels = shape[2] * shape[3];
  std::vector<float> column(static_cast<size_t>(shape[1]));
  for (int64_t p = 0; p < std::min<int64_t>(pixels, 64); ++p) {
    for (int64_t c = 0; c < shape[1]; ++c) {
      column[static_cast<size_t>(c)] = values[static_cast<size_t>(c * pixels + p)];
    }
    if (!sums_to_one(column)) return false;
  }
  return true;
}

json number_or_null(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

std::string_view output_kind_name(OutputKind kind) {
  switch (kind) {
    case OutputKind::classes:
      return "classes";
    case OutputKind::pixels:
      return "pixels";
    case OutputKind::values:
    case OutputKind::automatic:
      break;
  }
  return "values";
}

OutputKind recognise_output(const Tensor& output, bool may_be_logits) {
  const Shape& shape = output.shape();
  if (output.elements() == 0) return OutputKind::values;
  if (is_integer(output.dtype())) {
    const bool map =
        shape.rank() >= 3 && shape[shape.rank() - 1] > 1 && shape[shape.rank() - 2] > 1;
    return map ? OutputKind::pixels : OutputKind::values;
  }
  if (!is_float(output.dtype())) return OutputKind::values;
  const std::vector<float> values = to_floats(output, "output");
  if (const int64_t classes = class_count(shape); classes > 1) {
    if (may_be_logits) return OutputKind::classes;
    const std::span<const float> row(values.data(), static_cast<size_t>(classes));
    return sums_to_one(row) ? OutputKind::classes : OutputKind::values;
  }
  if (shape.rank() == 4 && shape[1] > 1 && channels_sum_to_one(values, shape)) {
    return OutputKind::pixels;
  }
  return OutputKind::values;
}

void SignalStats::add(std::span<const float> original, std::span<const float> compressed) {
  for (size_t i = 0; i < original.size(); ++i) {
    const double a = original[i];
    const double b = compressed[i];
    if (!std::isfinite(a)) continue;
    if (!std::isfinite(b)) {
      ++non_finite_;
      signal_ += a * a;
      noise_ += a * a + 1;
      continue;
    }
    signal_ += a * a;
    noise_ += (a - b) * (a - b);
    dot_ += a * b;
    other_ += b * b;
    max_error_ = std::max(max_error_, std::fabs(a - b));
  }
}

void SignalStats::add(const SignalStats& other) {
  signal_ += other.signal_;
  noise_ += other.noise_;
  dot_ += other.dot_;
  other_ += other.other_;
  max_error_ = std::max(max_error_, other.max_error_);
  non_finite_ += other.non_finite_;
}

std::optional<double> SignalStats::sqnr_db() const {
  if (signal_ <= 0 || noise_ <= 0) return std::nullopt;
  return 10 * std::log10(signal_ / noise_);
}

std::optional<double> SignalStats::cosine() const {
  if (signal_ <= 0 || other_ <= 0) return std::nullopt;
  return dot_ / std::sqrt(signal_ * other_);
}

int64_t argmax(std::span<const float> values) {
  int64_t best = 0;
  float most = -INFINITY;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > most) {
      most = values[i];
      best = static_cast<int64_t>(i);
    }
  }
  return best;
}

std::vector<double> probabilities(std::span<const float> row) {
  std::vector<double> p(row.begin(), row.end());
  if (sums_to_one(row)) return p;
  const double most = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value - most);
  for (double& value : p) value /= sum;
  return p;
}

bool OutputFidelity::add_classes(std::span<const float> original, std::span<const float> compressed,
                                 int64_t classes) {
  const auto width = static_cast<size_t>(classes);
  bool changed = false;
  for (size_t begin = 0; begin + width <= original.size(); begin += width) {
    const auto a = original.subspan(begin, width);
    const auto b = compressed.subspan(begin, width);
    const auto top = static_cast<size_t>(argmax(a));
    ++rows_;
    const bool same = argmax(b) == static_cast<int64_t>(top);
    same_top1_ += same ? 1 : 0;
    changed = changed || !same;
    const auto better = std::count_if(b.begin(), b.end(), [&](float v) { return v > b[top]; });
    in_top5_ += better < 5 ? 1 : 0;
    // A class the compressed model excludes costs as if it had the least probability a float holds.
    constexpr double kLeast = 1e-12;
    const std::vector<double> p = probabilities(a);
    const std::vector<double> q = probabilities(b);
    for (size_t c = 0; c < width; ++c) {
      if (p[c] > 0) kl_ += p[c] * std::log(p[c] / std::max(q[c], kLeast));
    }
  }
  return changed;
}

double OutputFidelity::add_pixels(const Tensor& original, const Tensor& compressed) {
  int64_t differing = 0;
  int64_t count = original.elements();
  if (is_integer(original.dtype())) {
    const std::vector<int64_t> a = to_int64s(original, name_);
    const std::vector<int64_t> b = to_int64s(compressed, name_);
    for (size_t i = 0; i < a.size(); ++i) differing += a[i] != b[i] ? 1 : 0;
  } else {
    const std::vector<float> a = to_floats(original, name_);
    const std::vector<float> b = to_floats(compressed, name_);
    const Shape& shape = original.shape();
    const int64_t classes = shape[1];
    const int64_t area = shape.elements(2, shape.rank());
    count = shape[0] * area;
    for (int64_t n = 0; n < shape[0]; ++n) {
      for (int64_t p = 0; p < area; ++p) {
        int64_t best_a = 0;
        int64_t best_b = 0;
        const auto at = [&](const std::vector<float>& v, int64_t c) {
          return v[static_cast<size_t>((n * classes + c) * area + p)];
        };
        for (int64_t c = 1; c < classes; ++c) {
          if (at(a, c) > at(a, best_a)) best_a = c;
          if (at(b, c) > at(b, best_b)) best_b = c;
        }
        differing += best_a != best_b ? 1 : 0;
      }
    }
  }
  pixels_ += count;
  differing_ += differing;
  return count > 0 ? static_cast<double>(differing) / static_cast<double>(count) : 0;
}

OutputFidelity::Result OutputFidelity::add_containers(const Tensor& original,
                                                      const Tensor& compressed) {
  if (is_none(original) && is_none(compressed)) return {};
  const auto& a = as_sequence(original, name_).items;
  const auto& b = as_sequence(compressed, name_).items;
  if (a.size() != b.size()) {
    fail(Code::SHAPE_MISMATCH, name_, "Expected ", a.size(), " tensors for output \"", name_,
         "\" of the compressed model but received ", b.size());
  }
  Result worst;
  for (size_t i = 0; i < a.size(); ++i) {
    const Result each = add(a[i], b[i]);
    worst.changed = worst.changed || each.changed;
    if (each.sqnr_db && (!worst.sqnr_db || *each.sqnr_db < *worst.sqnr_db)) {
      worst.sqnr_db = each.sqnr_db;
    }
  }
  return worst;
}

OutputFidelity::Result OutputFidelity::add(const Tensor& original, const Tensor& compressed) {
  if (is_container(original.dtype()) || is_container(compressed.dtype())) {
    return add_containers(original, compressed);
  }
  if (!(original.shape() == compressed.shape())) {
    fail(Code::SHAPE_MISMATCH, name_, "Expected the shape ", to_string(original.shape()),
         " for output \"", name_, "\" of the compressed model but received ",
         to_string(compressed.shape()));
  }
  if (original.dtype() == DType::string) return {};
  Result result;
  SignalStats sample;
  const std::vector<float> a = to_floats(original, name_);
  const std::vector<float> b = to_floats(compressed, name_);
  sample.add(a, b);
  stats_.add(sample);
  result.sqnr_db = sample.sqnr_db();
  if (kind_ == OutputKind::classes && class_count(original.shape()) > 1) {
    result.changed = add_classes(a, b, class_count(original.shape()));
  } else if (kind_ == OutputKind::pixels) {
    constexpr double kNoticeable = 0.01;
    result.changed = add_pixels(original, compressed) > kNoticeable;
  }
  return result;
}

std::optional<double> OutputFidelity::kl() const {
  if (kind_ != OutputKind::classes || rows_ == 0) return std::nullopt;
  return kl_ / static_cast<double>(rows_);
}

json OutputFidelity::to_json() const {
  json out = {{"name", name_},
              {"kind", output_kind_name(kind_)},
              {"sqnrDb", number_or_null(stats_.sqnr_db())},
              {"cosine", number_or_null(stats_.cosine())},
              {"maxError", stats_.max_error()},
              {"exact", exact()}};
  if (stats_.non_finite() > 0) out["nonFinite"] = stats_.non_finite();
  if (kind_ == OutputKind::classes && rows_ > 0) {
    const double rows = static_cast<double>(rows_);
    const Interval interval = wilson(same_top1_, rows_);
    out["agreement"] = {{"top1", static_cast<double>(same_top1_) / rows},
                        {"top5", static_cast<double>(in_top5_) / rows},
                        {"changed", rows_ - same_top1_},
                        {"count", rows_},
                        {"interval", {interval.low, interval.high}}};
    out["kl"] = *kl();
  }
  if (kind_ == OutputKind::pixels && pixels_ > 0) {
    out["pixelAgreement"] = 1 - static_cast<double>(differing_) / static_cast<double>(pixels_);
  }
  return out;
}

}  // namespace whittle
