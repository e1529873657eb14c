#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/compress/layer_error/hessian.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/sample_store.h"
#include "core/compress/technique.h"

namespace whittle {

/** A node of the graph itself that reads a weight, and through which input. */
struct WeightReader {
  const Node* node = nullptr;
  size_t input = 0;
};

/** What a method learns from. */
enum class Learning : uint8_t {
  hessian,           // the Hessian
  rows,              // rows of the layer's input
  pairs,             // such rows, each with the row it is in the float model behind it
  hessian_of_pairs,  // such pairs, with room for the Hessian that is made of them
};

/** What is gathered of the inputs of the layers that read one weight: what a method learns from,
 * and rows that are held out to judge it by. Between open() and close() it holds bytes(). */
class LayerStatistics {
 public:
  /** All that is open at a time. */
  static constexpr int64_t kMostBytes = 256 << 20;

  /** `index` decides its random numbers. */
  LayerStatistics(Learning learning, int64_t index) : learning_(learning), index_(index) {}

  /** Says which layers read the weight. Returns why nothing can be gathered, or "". */
  std::string set_readers(const std::vector<WeightReader>& readers, const Shape& weight);

  bool paired() const {
    return learning_ == Learning::pairs || learning_ == Learning::hessian_of_pairs;
  }
  int64_t index() const { return index_; }
  const LayerMatrix& matrix() const { return readers_.front().matrix(); }
  size_t readers() const { return readers_.size(); }
  int64_t bytes() const;

  void open(uint64_t seed);
  void close();
  const Hessian& hessian() const { return *hessian_; }
  const RowReservoir& rows() const { return *rows_; }
  /** Rows held out; those learned from where there are too few for that. */
  const RowReservoir& held() const { return held_->rows() > 0 || !rows_ ? *held_ : *rows_; }

 private:
  friend class StatisticsPass;
  int64_t row_size() const;
  int64_t capacity() const;
  std::vector<int64_t> positions(int64_t count, uint64_t seed, int64_t sample) const;
  /** Where the next row of the layer's input belongs; an empty span: to the Hessian, where it is
   * `learned` from, or nowhere. */
  std::span<float> next_place(bool& learned);

  Learning learning_;
  int64_t index_;
  std::vector<LayerRows> readers_;
  int64_t seen_ = 0;
  std::unique_ptr<Hessian> hessian_;
  std::unique_ptr<RowReservoir> rows_;
  std::unique_ptr<RowReservoir> held_;
};

/** Those that are not paired, in batches that are open together. */
std::vector<std::vector<LayerStatistics*>> statistics_batches(
    const std::vector<LayerStatistics*>& all);

/** Opens a batch and fills it out of one pass over the samples. */
Job gather_statistics(TechniqueContext& context, SampleStore& samples,
                      const std::vector<LayerStatistics*>& batch, Products& products);

/**
 * Those that are paired, in the order given, in waves: each wave is filled behind what the waves
 * before it have rounded. At most 16, unless memory asks for more: with more layers than that a few
 * go together, since every wave runs two models over all samples.
 */
std::vector<std::vector<LayerStatistics*>> statistics_waves(
    const std::vector<LayerStatistics*>& all);

/** Opens a wave and fills it: with rows of `rounded`, a model of the same values whose earlier
 * weights are rounded, and those of the context's model. */
Job gather_pairs(TechniqueContext& context, SampleStore& samples, const Model& rounded,
                 const std::vector<LayerStatistics*>& wave);

}  // namespace whittle
