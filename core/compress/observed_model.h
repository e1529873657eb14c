#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/compress/technique.h"
#include "core/runtime/session.h"

namespace whittle {

/**
 * A model whose values in the middle are looked at while it runs on samples, in memory that does
 * not grow with their number. Fusion and the arena work as they do for users.
 */
class ObservedModel {
 public:
  /** Called with each observed value of a run, in no particular order; the tensor is valid only
   * inside the call. */
  using Look = std::function<void(ValueId id, const Tensor& value)>;

  /** The order of the elements that are looked at: ONNX's, or whatever saves a copy. */
  enum class Order { row_major, any };

  /** `values` are ids of model.graph: inputs, and outputs of nodes of the graph itself. */
  ObservedModel(const TechniqueContext& context, const Model& model,
                const std::vector<ValueId>& values, Look look, Order order = Order::row_major);

  /** Runs the model on the `number`th sample, from 1. Throws INVALID_DATA naming the sample when an
   * input is not finite, and what a session's run throws. */
  void run(const Sample& sample, int64_t number);

 private:
  Look look_;
  std::map<std::string, ValueId> inputs_;
  std::map<std::string, ValueId> observed_;
  std::unique_ptr<Session> session_;
};

/** How messages name a sample: its id, or its number from 1. */
std::string sample_name(const Sample& sample, int64_t number);

/** Throws INVALID_DATA naming the sample, the `number`th from 1, when an input is not finite. */
void require_finite(const Sample& sample, int64_t number);

/** Throws EMPTY_DATA for `stage` when no sample came. */
void require_samples(int64_t count, const std::string& stage);

}  // namespace whittle
