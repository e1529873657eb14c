#pragma once

// Models whose channels are pruned, and steps that do it.

#include <algorithm>
#include <string>
#include <vector>

#include "tests/core/compress/small_models.h"

namespace whittle::test {

/** Models layer by layer, some channels of which are zero from the start. */
class Net : public ModelMaker {
 public:
  Net() { x_ = input("x", {Dim::named("batch"), 3, 8, 8}); }

  ValueId x() const { return x_; }

  struct ConvOptions {
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t group = 1;
  };
  /** Weight [outputs, inputs / group, k, k] and bias, zero at the outputs `dead`. */
  ValueId conv(const std::string& name, ValueId x, int64_t inputs, int64_t outputs,
               const std::vector<int64_t>& dead = {}, ConvOptions options = {3, 1, 1}) {
    const int64_t pad = options.kernel / 2;
    const ValueId w =
        weight(name, {outputs, inputs / options.group, options.kernel, options.kernel}, 0, dead);
    return node("Conv", name, {x, w, weight(name + ".b", {outputs}, 0, dead)},
                {{"group", options.group},
                 {"strides", std::vector<int64_t>{options.stride, options.stride}},
                 {"pads", std::vector<int64_t>{pad, pad, pad, pad}}});
  }
  ValueId relu(const std::string& name, ValueId x) { return node("Relu", name, {x}); }
  ValueId weight(const std::string& name, const Shape& shape, int axis,
                 const std::vector<int64_t>& dead) {
    Tensor tensor = random_tensor(shape, ++seed_, 0.3f);
    const int64_t inner = shape.elements(axis + 1, shape.rank());
    const std::span<float> w = tensor.mutable_data<float>();
    for (size_t i = 0; i < w.size(); ++i) {
      const int64_t place = static_cast<int64_t>(i) / inner % shape[axis];
      if (std::count(dead.begin(), dead.end(), place) > 0) w[i] = 0;
    }
    return constant(name + ".w", std::move(tensor));
  }
  ValueId integers(const std::string& name, const std::vector<int64_t>& values) {
    return constant(name, Tensor::of(Shape{static_cast<int64_t>(values.size())},
                                     std::span<const int64_t>(values)));
  }
  /** Global pooling and a Gemm at the end. */
  void finish_with(ValueId x, int64_t channels) {
    const ValueId pooled = node("GlobalAveragePool", "pool", {x});
    const ValueId flat = node("Flatten", "flat", {pooled});
    output(node("Gemm", "head", {flat, weight("head", {5, channels}, 0, {})},
                {{"transB", int64_t{1}}}));
  }

 private:
  ValueId x_;
  uint64_t seed_ = 0;
};

inline nlohmann::json prune_channels(const nlohmann::json& options = nlohmann::json::object()) {
  nlohmann::json step = {{"technique", "prune-channels"}, {"multiple", 1}, {"minChannels", 1}};
  step.update(options);
  return recipe_of({step});
}

inline const Tensor& weight_of(const Model& model, const std::string& node) {
  return model.graph.value(node_named(model.graph, node).inputs[1]).constant;
}

/** 3 -> 16 -> 24 -> 5, nothing zero. */
inline std::shared_ptr<const Model> plain_net() {
  Net net;
  const ValueId a = net.relu("r1", net.conv("c1", net.x(), 3, 16));
  net.finish_with(net.relu("r2", net.conv("c2", a, 16, 24)), 24);
  return net.finish();
}

}  // namespace whittle::test
