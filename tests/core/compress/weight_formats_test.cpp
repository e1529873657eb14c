#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/quantize/support/equalization/clip.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"
#include "core/compress/quantize/support/weights/weight_options.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

std::vector<WeightFormat> every_format() {
  std::vector<WeightFormat> formats;
  for (int bits : {8, 4}) {
    for (bool is_signed : {true, false}) {
      for (bool symmetric : {true, false}) {
        for (Granularity granularity :
             {Granularity::tensor, Granularity::channel, Granularity::block}) {
          formats.push_back({bits, is_signed, symmetric, granularity, 16});
        }
      }
    }
  }
  return formats;
}

void run_to_end(Job job) {
  while (!job.step().done) {
  }
}

TEST(WeightFormats, StayWithinHalfAStepOfEveryWeight) {
  const Tensor weight = test::random_tensor({6, 40, 3}, 3);  // 40 inputs: a tail of 8
  for (const WeightFormat& format : every_format()) {
    SCOPED_TRACE(format_name(format));
    const WeightGrid grid = grid_of_range(weight, {0, 1}, format, "w");
    const QuantizedWeight stored = store_codes(weight, grid, round_to_nearest(weight, grid));
    const Tensor back = stored.dequantized();
    EXPECT_EQ(stored.values.dtype(), format.dtype());
    EXPECT_EQ(stored.zero_points.defined(), !format.symmetric || !format.is_signed);
    for (size_t i = 0; i < back.data<float>().size(); ++i) {
      const float step = grid.scale[grid.group_of(i)];
      // With a zero point the range moves by up to half a step, which the outermost weights feel.
      const float allowed = format.symmetric ? 0.5001f : 1.0001f;
      EXPECT_LE(std::fabs(back.data<float>()[i] - weight.data<float>()[i]), step * allowed);
    }
  }
}

TEST(WeightFormats, FollowTheClosedForms) {
  const Tensor weight = Tensor::of<float>({1, 4}, {-1.0f, 0.0f, 0.5f, 2.0f});
  const WeightAxes axes{0, 1};
  const auto grid = [&](int bits, bool is_signed, bool symmetric) {
    return grid_of_range(weight, axes, {bits, is_signed, symmetric, Granularity::channel, 32}, "w");
  };
  EXPECT_EQ(grid(8, true, true).scale[0], 2.0f / 127);
  EXPECT_EQ(grid(4, true, true).scale[0], 2.0f / 7);
  EXPECT_EQ(grid(4, false, true).zero_point[0], 8);
  EXPECT_EQ(grid(4, false, true).scale[0], 2.0f / 7);
  EXPECT_EQ(grid(4, false, false).scale[0], 3.0f / 15);
  EXPECT_EQ(grid(4, false, false).zero_point[0], 5);
  EXPECT_EQ(grid(4, true, false).zero_point[0], -3);
  EXPECT_EQ(grid(8, false, false).zero_point[0], 85);
}

TEST(WeightFormats, PackTwoCodesToAByteTheLowOneFirst) {
  const Tensor weight = Tensor::of<float>({1, 3}, {-7.0f, 7.0f, 3.0f});
  const WeightFormat format{4, true, true, Granularity::channel, 32};
  const QuantizedWeight stored = quantize_weight(weight, {0, 1}, format, "w");
  ASSERT_EQ(stored.values.bytes(), 2);
  EXPECT_EQ(stored.values.raw()[0], std::byte{0x79});
  EXPECT_EQ(stored.values.raw()[1], std::byte{0x03});
}

/** Squared error of rounding weights to nearest with one scale. */
double error_with(const Tensor& weight, WeightGrid grid, float scale) {
  grid.scale[0] = scale;
  return store_codes(weight, grid, round_to_nearest(weight, grid)).noise;
}

TEST(Clip, FindsTheScaleOfTheLeastErrorAndNeverAWorseOne) {
  Tensor outlier = test::random_tensor({1, 256}, 5);
  outlier.mutable_data<float>()[17] = 9.0f;
  for (const Tensor& weight : {test::random_tensor({1, 300}, 4), outlier}) {
    const WeightFormat format{4, true, true, Granularity::tensor, 32};
    const WeightGrid widest = grid_of_range(weight, {0, 1}, format, "w");
    WeightGrid grid = widest;
    const CancelFlag never;
    run_to_end(clip_to_least_error(never, weight, grid));
    const double found = error_with(weight, grid, grid.scale[0]);
    double least = error_with(weight, grid, widest.scale[0]);
    EXPECT_LT(found, least * 0.95);
    for (int i = 1; i < 1000; ++i) {
      least =
          std::min(least, error_with(weight, grid, widest.scale[0] * static_cast<float>(i) / 1000));
    }
    EXPECT_LE(found, least * 1.01);
  }
}

TEST(Clip, GivesBlocksAndZeroPointsTheirOwnRanges) {
  const Tensor weight = test::random_tensor({4, 40}, 9);
  for (const WeightFormat& format : every_format()) {
    SCOPED_TRACE(format_name(format));
    const WeightGrid widest = grid_of_range(weight, {0, 1}, format, "w");
    WeightGrid grid = widest;
    const CancelFlag never;
    run_to_end(clip_to_least_error(never, weight, grid));
    EXPECT_LE(store_codes(weight, grid, round_to_nearest(weight, grid)).noise,
              store_codes(weight, widest, round_to_nearest(weight, widest)).noise);
    std::vector<float> floor(grid.scale.size(), 10.0f);
    WeightGrid held = grid_of_range(weight, {0, 1}, format, "w");
    const std::vector<float> before = held.scale;
    run_to_end(clip_to_least_error(never, weight, held, floor));
    EXPECT_EQ(held.scale, before) << "no scale under the least allowed one is tried";
  }
}

/** conv (40 inputs: blocks with a tail), two Gemms, MatMul, on one graph. */
std::shared_ptr<const Model> layers_of_every_kind() {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 40, 5, 5});
  const ValueId wc = maker.constant("wc", test::random_tensor({24, 40, 3, 3}, 1, 0.1f));
  const ValueId conv = maker.node("Conv", "conv", {x, wc});
  const ValueId pooled = maker.node("GlobalAveragePool", "pool", {conv});
  const ValueId flat = maker.node("Flatten", "flat", {pooled});
  const ValueId w1 = maker.constant("w1", test::random_tensor({48, 24}, 2, 0.3f));
  const ValueId fc1 = maker.node("Gemm", "fc1", {flat, w1}, {{"transB", int64_t{1}}});
  const ValueId w2 = maker.constant("w2", test::random_tensor({48, 33}, 3, 0.3f));
  const ValueId fc2 = maker.node("Gemm", "fc2", {fc1, w2});
  const ValueId w3 = maker.constant("w3", test::random_tensor({33, 20}, 4, 0.3f));
  maker.output(maker.node("MatMul", "mm", {fc2, w3}));
  return maker.finish();
}

TEST(QuantizeWeights, WritesEveryFormatAsDequantizeLinear) {
  const auto model = layers_of_every_kind();
  for (int bits : {8, 4}) {
    for (const char* type : {"signed", "unsigned"}) {
      for (const char* granularity : {"channel", "tensor", "block"}) {
        for (bool symmetric : {true, false}) {
          SCOPED_TRACE(concat(bits, type, granularity, symmetric));
          const auto result = test::compress(model, recipe_of({{{"technique", "quantize-weights"},
                                                                {"bits", bits},
                                                                {"type", type},
                                                                {"granularity", granularity},
                                                                {"symmetric", symmetric}}}));
          EXPECT_EQ(count_ops(result.model.graph, "DequantizeLinear"), 4);
          EXPECT_GT(test::output_sqnr_db(*model, result.model), bits == 8 ? 30 : 6);
          EXPECT_EQ(result.report["needsOpset"], bits == 4 || granularity[0] == 'b' ? 21 : 13);
        }
      }
    }
  }
}

TEST(QuantizeWeights, TakesBlocksOfFourBitsByDefaultAndLayersOfTheirOwn) {
  const auto model = layers_of_every_kind();
  const auto result =
      test::compress(model, recipe_of({{{"technique", "quantize-weights"},
                                        {"bits", 4},
                                        {"layers",
                                         {{{"name", "*"}},
                                          {{"op", "MatMul"}, {"bits", 8}},
                                          {{"name", "fc1"}, {"block", 16}, {"type", "unsigned"}},
                                          {{"name", "fc2"}, {"skip", true}}}}}}));
  const Graph& graph = result.model.graph;
  const auto weight_of = [&](const char* layer) -> const Node& {
    const ValueId id = test::node_named(graph, layer).inputs[1];
    for (const Node& node : graph.nodes) {
      if (node.output(0) == id) return node;
    }
    throw Error(Code::INTERNAL, "not quantized");
  };
  EXPECT_EQ(weight_of("conv").int_attribute("block_size", 0), 32);
  EXPECT_EQ(graph.value(weight_of("conv").inputs[1]).constant.shape(), (Shape{24, 2, 3, 3}));
  EXPECT_EQ(graph.value(weight_of("conv").inputs[0]).constant.dtype(), DType::i4);
  EXPECT_EQ(weight_of("conv").inputs.size(), 2u) << "zero points that are all zero are left out";
  EXPECT_EQ(weight_of("mm").int_attribute("block_size", 0), 0);
  EXPECT_EQ(graph.value(weight_of("mm").inputs[0]).constant.dtype(), DType::i8);
  EXPECT_EQ(weight_of("fc1").int_attribute("axis", 0), 1);
  EXPECT_EQ(weight_of("fc1").int_attribute("block_size", 0), 16);
  EXPECT_EQ(graph.value(weight_of("fc1").inputs[0]).constant.dtype(), DType::u4);
  EXPECT_THROW(weight_of("fc2"), Error);
  const json& details = result.report["steps"][0]["details"];
  EXPECT_EQ(details[0]["detail"]["format"], "int4, blocks of 32");
}

TEST(QuantizeWeights, RefusesBitsItDoesNotHave) {
  const auto refusal = [](json step) -> std::string {
    try {
      parse_recipe(recipe_of({std::move(step)}), all_techniques());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal({{"technique", "quantize-weights"}, {"bits", 5}}).find("one of 8, 4"),
            std::string::npos);
  EXPECT_NE(refusal({{"technique", "quantize-weights"}, {"block", 24}}).find("one of 16, 32"),
            std::string::npos);
}

TEST(QuantizeWeights, KeepsTiedEmbeddingsTiedInFourBits) {
  test::ModelMaker maker;
  const ValueId ids = maker.input("ids", {1, 5}, DType::i64);
  const ValueId table = maker.constant("table", test::random_tensor({60, 64}, 1));
  const ValueId rows = maker.node("Gather", "embed", {table, ids});
  const ValueId shape = maker.constant("shape", Tensor::of<int64_t>({2}, {5, 64}));
  const ValueId flat = maker.node("Reshape", "flat", {rows, shape});
  maker.output(maker.node("Gemm", "logits", {flat, table}, {{"transB", int64_t{1}}}));
  const auto model = maker.finish();
  const auto result =
      test::compress(model, recipe_of({{{"technique", "quantize-weights"}, {"bits", 4}}}));
  EXPECT_EQ(count_ops(result.model.graph, "DequantizeLinear"), 1);
  EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 2);
  Feeds feeds;
  feeds["ids"] = Tensor::of<int64_t>({1, 5}, {0, 3, 7, 39, 3});
  EXPECT_GT(test::sqnr_db(to_floats(test::reference_outputs(*model, feeds)[0], ""),
                          to_floats(test::reference_outputs(result.model, feeds)[0], "")),
            14);
}

}  // namespace
}  // namespace whittle
