#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/ops/interpret.h"
#include "core/runtime/session.h"

namespace whittle::testing {

/** Builds small models node by node. */
class ModelBuilder {
 public:
  ModelBuilder() : model_(std::make_shared<Model>()) {}

  ValueId input(const std::string& name, DType dtype, Dims dims) {
    const ValueId id = graph().add_value(name, dtype, std::move(dims));
    graph().inputs.push_back(id);
    return id;
  }
  ValueId constant(const std::string& name, Tensor tensor) {
    return graph().add_constant(name, std::move(tensor));
  }
  /** Random floats in [-1, 1). */
  ValueId weights(const std::string& name, const Shape& shape, float scale = 1.0f) {
    Tensor tensor = Tensor::allocate(DType::f32, shape);
    for (float& value : tensor.mutable_data<float>()) value = scale * random_.uniform(-1, 1);
    return constant(name, std::move(tensor));
  }
  ValueId integers(const std::string& name, std::vector<int64_t> values) {
    return constant(name, Tensor::of<int64_t>(Shape{static_cast<int64_t>(values.size())},
                                              std::span<const int64_t>(values)));
  }
  ValueId node(const std::string& op, std::vector<ValueId> inputs, Attributes attributes = {}) {
    return nodes(op, std::move(inputs), 1, std::move(attributes))[0];
  }
  std::vector<ValueId> nodes(const std::string& op, std::vector<ValueId> inputs, int outputs,
                             Attributes attributes = {}) {
    Node made;
    made.op = op;
    made.name = op + "_" + std::to_string(graph().nodes.size());
    made.inputs = std::move(inputs);
    made.attributes = std::move(attributes);
    for (int i = 0; i < outputs; ++i) {
      made.outputs.push_back(graph().add_value(made.name + "_out" + std::to_string(i)));
    }
    graph().nodes.push_back(made);
    return made.outputs;
  }
  void output(ValueId id) { graph().outputs.push_back(id); }
  const std::string& name(ValueId id) { return graph().value(id).name; }

  Graph& graph() { return model_->graph; }
  std::shared_ptr<Model> model() { return model_; }

 private:
  std::shared_ptr<Model> model_;
  Random random_{7};
};

/** Floats in [low, high) of a shape. */
inline Tensor random_floats(const Shape& shape, uint64_t seed, float low = -1.0f,
                            float high = 1.0f) {
  Random random(seed);
  Tensor tensor = Tensor::allocate(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) value = random.uniform(low, high);
  return tensor;
}

/** What interpret() makes of the model. */
inline std::vector<Tensor> interpreted(const Model& model, const Feeds& feeds) {
  SerialPool pool;
  return interpret(model.graph, all_ops(), feeds, pool);
}

/** Fails where tensors differ: floats by more than `tolerance` of the expected range, others at
 * all. */
inline void expect_close(const Tensor& expected, const Tensor& actual, double tolerance,
                         const std::string& what) {
  ASSERT_EQ(expected.dtype(), actual.dtype()) << what;
  ASSERT_EQ(expected.shape(), actual.shape())
      << what << ": " << to_string(expected.shape()) << " against " << to_string(actual.shape());
  if (expected.dtype() != DType::f32) {
    if (expected.dtype() == DType::string) return;
    EXPECT_EQ(0, std::memcmp(expected.raw(), actual.raw(), static_cast<size_t>(expected.bytes())))
        << what;
    return;
  }
  const auto want = expected.data<float>();
  const auto got = actual.data<float>();
  float range = 0;
  for (float value : want) {
    if (std::isfinite(value)) range = std::max(range, std::abs(value));
  }
  const double allowed = tolerance * std::max(range, 1e-6f);
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got[i])) continue;
    if (want[i] == got[i]) continue;
    ASSERT_LE(std::abs(static_cast<double>(want[i]) - got[i]), allowed)
        << what << " at " << i << ": expected " << want[i] << ", got " << got[i];
  }
}

/** Runs the model with each tier, arena on and off, each feed twice, and compares every output with
 * interpret(). */
inline void expect_like_interpreter(const std::shared_ptr<Model>& model,
                                    const std::vector<Feeds>& feeds, double tolerance = 1e-4) {
  std::vector<std::vector<Tensor>> expected;
  for (const Feeds& each : feeds) expected.push_back(interpreted(*model, each));
  for (Tier tier : {Tier::reference, Tier::simd128, Tier::relaxed}) {
    const KernelTable* kernels = kernels_for(tier);
    if (kernels == nullptr) continue;
    for (int mode = 0; mode < 3; ++mode) {
      SessionOptions options;
      options.kernels = kernels;
      options.arena = mode != 1;
      options.fuse = mode != 2;
      if (mode == 2 && tier != Tier::reference) continue;
      Session session(model, options);
      for (int round = 0; round < 2; ++round) {
        for (size_t i = 0; i < feeds.size(); ++i) {
          const std::vector<Tensor> actual = session.run(feeds[i]);
          ASSERT_EQ(expected[i].size(), actual.size());
          for (size_t k = 0; k < actual.size(); ++k) {
            expect_close(expected[i][k], actual[k], tolerance,
                         std::string(tier_name(tier)) + ", mode " + std::to_string(mode) +
                             ", feeds " + std::to_string(i) + ", output " + std::to_string(k));
          }
        }
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

/** Kernels of the profile's steps, joined by spaces. */
inline std::string kernels_of(const Session& session) {
  std::string text;
  for (const StepProfile& step : session.profile()) {
    text += (text.empty() ? "" : " ") + step.kernel;
  }
  return text;
}

}  // namespace whittle::testing
