#include "core/compress/layer_error/layer_statistics.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/compress/observed_model.h"

namespace whittle {
namespace {

/** Rows taken out of one sample for one layer. */
constexpr int64_t kRowsPerSample = 64;
/** Every so many-th row is held out to judge by. */
constexpr int64_t kHeldOut = 5;
constexpr int64_t kMostHeldRows = 256;
constexpr int64_t kMostRows = 4096;
constexpr int64_t kMostRowBytes = 48 << 20;

constexpr std::string_view kStage = "calibrate rounding";

}  // namespace

std::string LayerStatistics::set_readers(const std::vector<WeightReader>& readers,
                                         const Shape& weight) {
  std::string reason = "no layer of the graph itself reads it";
  for (const WeightReader& reader : readers) {
    std::string why = LayerRows::why_not(*reader.node, reader.input, weight);
    if (why.empty()) {
      LayerRows rows(*reader.node, reader.input, weight);
      if (readers_.empty() || matrix() == rows.matrix()) readers_.push_back(std::move(rows));
    } else {
      reason = std::move(why);
    }
  }
  if (readers_.empty()) return reason;
  if (bytes() > kMostBytes) return concat("its statistics take ", bytes() >> 20, " MB");
  return "";
}

int64_t LayerStatistics::row_size() const {
  return matrix().row_size() * (paired() ? 2 : 1);
}

int64_t LayerStatistics::capacity() const {
  return std::clamp<int64_t>(kMostRowBytes / (4 * row_size()), kMostHeldRows, kMostRows);
}

int64_t LayerStatistics::bytes() const {
  const bool rows = learning_ != Learning::hessian;
  const bool hessian = learning_ == Learning::hessian || learning_ == Learning::hessian_of_pairs;
  return (kMostHeldRows + (rows ? capacity() : 0)) * row_size() * 4 +
         (hessian ? Hessian::bytes(matrix()) : 0);
}

void LayerStatistics::open(uint64_t seed) {
  const uint64_t own = seed * 7919 + static_cast<uint64_t>(index_);
  seen_ = 0;
  held_ = std::make_unique<RowReservoir>(kMostHeldRows, row_size(), own + 1);
  if (learning_ == Learning::hessian) {
    hessian_ = std::make_unique<Hessian>(matrix());
  } else {
    rows_ = std::make_unique<RowReservoir>(capacity(), row_size(), own + 2);
  }
}

void LayerStatistics::close() {
  hessian_.reset();
  rows_.reset();
  held_.reset();
}

std::vector<int64_t> LayerStatistics::positions(int64_t count, uint64_t seed,
                                                int64_t sample) const {
  Random random(seed + static_cast<uint64_t>(sample), static_cast<uint64_t>(index_));
  return spread_positions(count, kRowsPerSample, random);
}

std::span<float> LayerStatistics::next_place(bool& learned) {
  learned = ++seen_ % kHeldOut != 0;
  if (!learned) return held_->next();
  return rows_ ? rows_->next() : std::span<float>();
}

std::vector<std::vector<LayerStatistics*>> statistics_batches(
    const std::vector<LayerStatistics*>& all) {
  std::vector<std::vector<LayerStatistics*>> batches;
  int64_t bytes = 0;
  for (LayerStatistics* one : all) {
    if (one->paired()) continue;
    if (batches.empty() || bytes + one->bytes() > LayerStatistics::kMostBytes) {
      batches.emplace_back();
      bytes = 0;
    }
    bytes += one->bytes();
    batches.back().push_back(one);
  }
  return batches;
}

std::vector<std::vector<LayerStatistics*>> statistics_waves(
    const std::vector<LayerStatistics*>& all) {
  constexpr size_t kWaves = 16;
  const auto paired = static_cast<size_t>(std::count_if(
      all.begin(), all.end(), [](const LayerStatistics* one) { return one->paired(); }));
  const size_t together = (paired + kWaves - 1) / kWaves;
  std::vector<std::vector<LayerStatistics*>> waves;
  int64_t bytes = 0;
  for (LayerStatistics* one : all) {
    if (!one->paired()) continue;
    if (waves.empty() || waves.back().size() == together ||
        bytes + one->bytes() > LayerStatistics::kMostBytes) {
      waves.emplace_back();
      bytes = 0;
    }
    bytes += one->bytes();
    waves.back().push_back(one);
  }
  return waves;
}

/** What a pass over the data does with the values it sees. */
class StatisticsPass {
 public:
  /** The values that the layers of a batch read. */
  static std::vector<ValueId> inputs_of(const std::vector<LayerStatistics*>& batch) {
    std::vector<ValueId> values;
    for (const LayerStatistics* one : batch) {
      for (const LayerRows& reader : one->readers_) values.push_back(reader.input());
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  }

  /** Takes what `one` wants out of a value. */
  void look(LayerStatistics& one, ValueId id, const Tensor& tensor, uint64_t seed, int64_t sample,
            Products& products) {
    for (LayerRows& reader : one.readers_) {
      if (reader.input() != id) continue;
      const int64_t count = reader.open(tensor);
      row_.resize(static_cast<size_t>(one.matrix().row_size()));
      for (int64_t at : one.positions(count, seed, sample)) {
        bool learned = false;
        const std::span<float> place = one.next_place(learned);
        if (!place.empty()) reader.read(at, place);
        if (!learned || !one.hessian_) continue;
        reader.read(at, row_);
        one.hessian_->add(row_, products);
      }
    }
  }
  static void finish(LayerStatistics& one, Products& products) {
    if (one.hessian_) one.hessian_->flush(products);
  }

  /** The float model's rows of a pair, and then those of the rounded one. */
  void look_exact(LayerStatistics& one, ValueId id, const Tensor& tensor, uint64_t seed,
                  int64_t sample) {
    LayerRows& reader = one.readers_.front();
    if (reader.input() != id) return;
    const auto size = static_cast<size_t>(one.matrix().row_size());
    Exact& exact = exact_[&one];
    exact.positions = one.positions(reader.open(tensor), seed, sample);
    exact.rows.resize(exact.positions.size() * size);
    for (size_t i = 0; i < exact.positions.size(); ++i) {
      reader.read(exact.positions[i], std::span<float>(exact.rows).subspan(i * size, size));
    }
  }
  void look_rounded(LayerStatistics& one, ValueId id, const Tensor& tensor) {
    LayerRows& reader = one.readers_.front();
    if (reader.input() != id) return;
    const auto size = static_cast<size_t>(one.matrix().row_size());
    const Exact& exact = exact_[&one];
    reader.open(tensor);
    for (size_t i = 0; i < exact.positions.size(); ++i) {
      bool learned = false;
      const std::span<float> place = one.next_place(learned);
      if (place.empty()) continue;
      reader.read(exact.positions[i], place.first(size));
      std::copy_n(exact.rows.begin() + static_cast<std::ptrdiff_t>(i * size), size,
                  place.subspan(size).begin());
    }
  }

 private:
  struct Exact {
    std::vector<int64_t> positions;
    std::vector<float> rows;
  };

  std::vector<float> row_;
  std::map<const LayerStatistics*, Exact> exact_;
};

namespace {

/** The part of a model that makes some values. */
Model up_to(const Model& model, const std::vector<ValueId>& values) {
  Model part = model;
  std::vector<ValueId> made;
  for (ValueId value : values) {
    const std::vector<ValueId>& inputs = part.graph.inputs;
    if (std::find(inputs.begin(), inputs.end(), value) == inputs.end()) made.push_back(value);
  }
  if (!made.empty()) part.graph.outputs = std::move(made);
  return part;
}

}  // namespace

Job gather_statistics(TechniqueContext& context, SampleStore& samples,
                      const std::vector<LayerStatistics*>& batch, Products& products) {
  for (LayerStatistics* one : batch) one->open(context.seed);
  StatisticsPass pass;
  int64_t sample_number = 0;
  const ObservedModel::Look look = [&](ValueId id, const Tensor& tensor) {
    for (LayerStatistics* one : batch) {
      pass.look(*one, id, tensor, context.seed, sample_number, products);
    }
  };
  ObservedModel model(context, context.model, StatisticsPass::inputs_of(batch), look);
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    sample_number = number;
    model.run(sample, number);
  };
  co_await samples.for_each(context, kStage, visit);
  for (LayerStatistics* one : batch) StatisticsPass::finish(*one, products);
}

Job gather_pairs(TechniqueContext& context, SampleStore& samples, const Model& rounded,
                 const std::vector<LayerStatistics*>& wave) {
  for (LayerStatistics* one : wave) one->open(context.seed);
  const std::vector<ValueId> values = StatisticsPass::inputs_of(wave);
  StatisticsPass pass;
  int64_t sample_number = 0;
  const Model float_part = up_to(context.model, values);
  ObservedModel float_model(context, float_part, values, [&](ValueId id, const Tensor& tensor) {
    for (LayerStatistics* one : wave) {
      pass.look_exact(*one, id, tensor, context.seed, sample_number);
    }
  });
  const Model rounded_part = up_to(rounded, values);
  ObservedModel rounded_model(context, rounded_part, values, [&](ValueId id, const Tensor& tensor) {
    for (LayerStatistics* one : wave) pass.look_rounded(*one, id, tensor);
  });
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    sample_number = number;
    float_model.run(sample, number);
    rounded_model.run(sample, number);
  };
  co_await samples.for_each(context, kStage, visit);
}

}  // namespace whittle
