#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** What an output holds; decides which measures make sense for it. */
enum class OutputKind {
  automatic,  // recognised from its shape, type and values
  values,     // plain numbers
  classes,    // [N, classes] scores or probabilities
  pixels,     // [N, H, W] integer labels or [N, C, H, W] scores per pixel
};

/** "values", "classes", "pixels". */
std::string_view output_kind_name(OutputKind kind);

/**
 * Recognises an output from its first values: integer maps of rank 3 and more are pixels; float
 * [N, C, H, W] whose channels sum to 1 are pixels; [N, C] (or [N, C, 1, 1]) with C > 1 is classes
 * when the rows are probabilities, or when `may_be_logits` (the model's only output, and no input
 * has its shape, which rules autoencoders out).
 */
OutputKind recognise_output(const Tensor& output, bool may_be_logits);

/** Signal, noise and what follows from them; sums over everything added. */
class SignalStats {
 public:
  void add(std::span<const float> original, std::span<const float> compressed);
  void add(const SignalStats& other);

  /** 10 log10(sum a^2 / sum (a - b)^2); nullopt without signal or without noise. */
  std::optional<double> sqnr_db() const;
  /** sum a b / sqrt(sum a^2 sum b^2); nullopt when one is all zero. */
  std::optional<double> cosine() const;
  double max_error() const { return max_error_; }
  bool exact() const { return max_error_ == 0 && non_finite_ == 0; }
  /** Values that are finite in the original only. */
  int64_t non_finite() const { return non_finite_; }

 private:
  double signal_ = 0;
  double noise_ = 0;
  double dot_ = 0;
  double other_ = 0;
  double max_error_ = 0;
  int64_t non_finite_ = 0;
};

/** Index of the greatest value, the first of equals; NaN never wins. */
int64_t argmax(std::span<const float> values);
/** Probabilities: the row itself when it is one already, else its softmax. */
std::vector<double> probabilities(std::span<const float> row);

/** How one output of the compressed model compares to the original's, over all samples. */
class OutputFidelity {
 public:
  OutputFidelity(std::string name, OutputKind kind) : name_(std::move(name)), kind_(kind) {}

  struct Result {
    std::optional<double> sqnr_db;
    bool changed = false;  // a top-1 class or more than 1 % of the pixels
  };
  /** Adds one sample's outputs; both have the same shape (checked: SHAPE_MISMATCH), sequences the
   * same number of tensors. */
  Result add(const Tensor& original, const Tensor& compressed);

  const std::string& name() const { return name_; }
  OutputKind kind() const { return kind_; }
  bool exact() const { return stats_.exact() && differing_ == 0; }
  /** Mean divergence of the rows of class scores, in nats; nullopt for outputs of another kind. */
  std::optional<double> kl() const;
  nlohmann::json to_json() const;

 private:
  bool add_classes(std::span<const float> original, std::span<const float> compressed,
                   int64_t classes);
  Result add_containers(const Tensor& original, const Tensor& compressed);
  double add_pixels(const Tensor& original, const Tensor& compressed);

  std::string name_;
  OutputKind kind_;
  SignalStats stats_;
  int64_t rows_ = 0;
  int64_t same_top1_ = 0;
  int64_t in_top5_ = 0;
  double kl_ = 0;
  int64_t pixels_ = 0;
  int64_t differing_ = 0;
};

}  // namespace whittle
