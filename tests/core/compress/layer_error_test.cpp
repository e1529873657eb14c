#include <gtest/gtest.h>

#include "core/compress/layer_error/code_changes.h"
#include "core/compress/layer_error/layer_rows.h"
#include "core/compress/layer_error/output_error.h"
#include "core/compress/layer_error/paired_target.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

TEST(CodeChanges, ComeBackAsTheyWere) {
  Random random(5);
  for (double density : {0.0, 0.01, 0.3, 1.0}) {
    std::vector<int8_t> from(1000);
    std::vector<int8_t> to(1000);
    for (size_t i = 0; i < from.size(); ++i) {
      from[i] = static_cast<int8_t>(random.next());
      const int change = random.uniform() < density ? static_cast<int>(random.below(7)) - 3 : 0;
      to[i] = static_cast<int8_t>(from[i] + change);
    }
    if (density == 1.0) to[3] = static_cast<int8_t>(from[3] + 128);
    const std::string text = encode_changes(from, to);
    apply_changes(text, from, "codes.w");
    EXPECT_EQ(from, to);
    if (density == 0.0) EXPECT_EQ(text, "");
  }
  std::vector<int8_t> few(3);
  EXPECT_THROW(apply_changes("AAAA", few, "codes.w"), Error);
  EXPECT_THROW(apply_changes("?", few, "codes.w"), Error);
  EXPECT_THROW(apply_changes("_A", few, "codes.w"), Error);
}

TEST(LayerRows, ArePatchesOfConvolutionsWhoseProductsAreTheOutput) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {2, 4, 6, 5});
  const Tensor w = test::random_tensor({6, 2, 3, 2}, 2);
  const ValueId y = maker.node("Conv", "conv", {x, maker.constant("w", w)},
                               {{"group", int64_t{2}},
                                {"strides", std::vector<int64_t>{2, 1}},
                                {"dilations", std::vector<int64_t>{1, 2}},
                                {"pads", std::vector<int64_t>{1, 0, 0, 1}}});
  maker.output(y);
  const auto model = maker.finish();
  const Feeds feeds = test::random_feeds(*model, 3);
  const Tensor out = test::reference_outputs(*model, feeds)[0];
  LayerRows rows(test::node_named(model->graph, "conv"), 1, w.shape());
  const Tensor input = feeds.at("x");
  const int64_t count = rows.open(input);
  ASSERT_EQ(count * 6, out.elements());
  const LayerMatrix& matrix = rows.matrix();
  std::vector<float> row(static_cast<size_t>(matrix.row_size()));
  const int64_t pixels = count / 2;
  for (int64_t r = 0; r < count; ++r) {
    rows.read(r, row);
    for (int64_t m = 0; m < 6; ++m) {
      float sum = 0;
      for (int64_t k = 0; k < matrix.inputs; ++k) {
        sum += w.data<float>()[matrix.at(m, k)] *
               row[static_cast<size_t>(m / matrix.outputs * matrix.inputs + k)];
      }
      const auto at = static_cast<size_t>((r / pixels * 6 + m) * pixels + r % pixels);
      EXPECT_NEAR(out.data<float>()[at], sum, 1e-4);
    }
  }
}

TEST(RowReservoir, KeepsAFixedNumberWithEqualChances) {
  RowReservoir reservoir(50, 1, 9);
  for (int i = 0; i < 10000; ++i) {
    const std::span<float> place = reservoir.next();
    if (!place.empty()) place[0] = static_cast<float>(i);
  }
  ASSERT_EQ(reservoir.rows(), 50);
  double mean = 0;
  for (int i = 0; i < 50; ++i) mean += reservoir.row(i)[0] / 50;
  EXPECT_NEAR(mean, 5000, 1700);  // four standard deviations
}

TEST(PairedTarget, IsTheLeastSquaresWeight) {
  // Two groups of two outputs; the inputs of the float model are a linear map of the others, so
  // that the best weight is known: w X = w M x.
  const LayerMatrix matrix{2, 2, 3, 3, 1};
  const Tensor weight = test::random_tensor({4, 3}, 1);
  const Tensor map = test::random_tensor({3, 3}, 2);
  const std::span<const float> w = weight.data<float>();
  const std::span<const float> m = map.data<float>();
  RowReservoir pairs(300, 12, 3);
  Random random(4);
  for (int r = 0; r < 300; ++r) {
    const std::span<float> row = pairs.next();
    for (size_t g = 0; g < 2; ++g) {
      for (size_t k = 0; k < 3; ++k) row[g * 3 + k] = random.normal();
      for (size_t k = 0; k < 3; ++k) {
        row[6 + g * 3 + k] = 0;
        for (size_t j = 0; j < 3; ++j) row[6 + g * 3 + k] += m[k * 3 + j] * row[g * 3 + j];
      }
    }
  }
  SerialPool pool;
  Products products(reference_kernels(), pool);
  const CancelFlag never;
  const auto target_with = [&](float damping) {
    Hessian hessian(matrix);
    std::vector<float> target;
    Job job = paired_target(never, products, w, matrix, pairs, damping, hessian, target);
    while (!job.step().done) {
    }
    return target;
  };
  const std::vector<float> target = target_with(1e-7f);
  const std::vector<float> held = target_with(1e7f);
  for (size_t o = 0; o < 4; ++o) {
    for (size_t j = 0; j < 3; ++j) {
      float expected = 0;
      for (size_t k = 0; k < 3; ++k) expected += w[o * 3 + k] * m[k * 3 + j];
      EXPECT_NEAR(target[o * 3 + j], expected, 1e-4);
      EXPECT_NEAR(held[o * 3 + j], w[o * 3 + j], 1e-4);
    }
  }
}

}  // namespace
}  // namespace whittle
