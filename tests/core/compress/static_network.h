#pragma once

#include "tests/core/compress/small_models.h"

namespace whittle::test {

/** conv -> BN -> relu -> maxpool -> conv + shortcut -> relu -> concat -> gap -> flatten -> gemm. */
inline std::shared_ptr<const Model> small_network() {
  ModelMaker maker;
  const auto weights = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    return maker.constant(name, random_tensor(shape, seed, 0.3f));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 12, 12});
  const ValueId c1 =
      maker.node("Conv", "conv1", {x, weights("w1", {8, 3, 3, 3}, 1), weights("b1", {8}, 2)},
                 {{"auto_pad", std::string("SAME_UPPER")}});
  const ValueId bn =
      maker.node("BatchNormalization", "bn",
                 {c1, weights("gamma", {8}, 3), weights("beta", {8}, 4), weights("mean", {8}, 5),
                  maker.constant("var", Tensor::of<float>({8}, {1, 2, 3, 1, 2, 3, 1, 2}))});
  const ValueId r1 = maker.node("Relu", "relu1", {bn});
  const ValueId pool = maker.node(
      "MaxPool", "pool", {r1},
      {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}});
  const ValueId c2 = maker.node("Conv", "conv2", {pool, weights("w2", {8, 8, 3, 3}, 6)},
                                {{"pads", std::vector<int64_t>{0, 1, 2, 1}}});
  const ValueId sum = maker.node("Add", "sum", {c2, pool});
  const ValueId r2 = maker.node("Relu", "relu2", {sum});
  const ValueId c3 =
      maker.node("Conv", "conv3", {r2, weights("w3", {8, 1, 3, 3}, 7), weights("b3", {8}, 8)},
                 {{"group", int64_t{8}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId low = maker.constant("low", Tensor::scalar(0.0f));
  const ValueId high = maker.constant("high", Tensor::scalar(6.0f));
  const ValueId clip = maker.node("Clip", "relu6", {c3, low, high});
  const ValueId cat = maker.node("Concat", "cat", {clip, r2}, {{"axis", int64_t{1}}});
  const ValueId gap = maker.node("GlobalAveragePool", "gap", {cat});
  const ValueId flat = maker.node("Flatten", "flat", {gap});
  maker.output(maker.node("Gemm", "fc", {flat, weights("w4", {10, 16}, 9), weights("b4", {10}, 10)},
                          {{"transB", int64_t{1}}}));
  return maker.finish();
}

}  // namespace whittle::test
