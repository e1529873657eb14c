#include <gtest/gtest.h>

#include <cstring>

#include "core/compress/layer_error/coordinate_descent.h"
#include "core/compress/layer_error/gptq.h"
#include "core/compress/quantize/support/weights/adaround.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::recipe_of;

void run_to_end(Job job) {
  while (!job.step().done) {
  }
}

/** Runs the tasks backwards: what depends on their order shows. */
class BackwardPool final : public ThreadPool {
 public:
  int threads() const override { return 3; }
  void run(int64_t tasks, FunctionRef<void(int64_t, int)> task) override {
    for (int64_t i = tasks; i-- > 0;) task(i, static_cast<int>(i % 3));
  }
};

/** A Gemm of `outputs` x `inputs` with correlated input rows. */
struct Problem {
  Tensor weight;
  LayerMatrix matrix;
  WeightGrid grid;
  RowReservoir rows;
  RowReservoir held;

  Problem(int64_t outputs, int64_t inputs, uint64_t seed, int64_t groups = 1)
      : weight(test::random_tensor({groups * outputs, inputs}, seed)),
        matrix{groups, outputs, inputs, inputs, 1},
        grid(grid_of_range(weight, {0, 1}, {4, true, true, Granularity::channel, 32}, "w")),
        rows(400, groups * inputs, seed),
        held(100, groups * inputs, seed) {
    Random random(seed + 5);
    for (int i = 0; i < 500; ++i) {
      const std::span<float> row = i < 400 ? rows.next() : held.next();
      float walk = 0;
      for (float& x : row) x = walk = 0.8f * walk + random.normal();
    }
  }
  Hessian hessian(Products& products) const {
    Hessian h(matrix);
    for (int64_t r = 0; r < rows.rows(); ++r) h.add(rows.row(r), products);
    h.flush(products);
    return h;
  }
  std::span<const float> values() const { return weight.data<float>(); }
  float round(float value, size_t at) const {
    const size_t group = grid.group_of(at);
    return grid.value_of(grid.nearest(value, group), group);
  }
};

std::vector<int8_t> codes_of(const Problem& problem, std::span<const float> rounded) {
  std::vector<int8_t> codes;
  for (size_t i = 0; i < rounded.size(); ++i) {
    codes.push_back(
        static_cast<int8_t>(problem.grid.nearest(rounded[i], problem.grid.group_of(i))));
  }
  return codes;
}

std::vector<int8_t> gptq_codes(const Problem& problem, ThreadPool& pool, bool act_order = false,
                               int sweeps = 0) {
  Products products(*kernels_for(best_tier()), pool);
  const Hessian hessian = problem.hessian(products);
  std::vector<float> rounded;
  const CancelFlag never;
  const auto to_grid = [&](float value, size_t at) { return problem.round(value, at); };
  run_to_end(gptq(never, products, problem.values(), problem.matrix, hessian, to_grid,
                  {.damping = 1e-4f, .act_order = act_order}, rounded));
  run_to_end(descend_coordinates(never, products, problem.values(), problem.matrix, hessian,
                                 to_grid, {.damping = 1e-4f, .sweeps = sweeps}, rounded));
  return codes_of(problem, rounded);
}

std::vector<int8_t> adaround_codes(const Problem& problem, ThreadPool& pool) {
  std::vector<int8_t> codes;
  const CancelFlag never;
  const Reconstruction layer{problem.weight, problem.grid, {problem.matrix, problem.rows}};
  run_to_end(adaround(never, *kernels_for(best_tier()), pool, layer, {300, 3}, codes));
  return codes;
}

double noise_of(const Problem& problem, const RowReservoir& rows, std::span<const int8_t> codes) {
  SerialPool pool;
  Products products(reference_kernels(), pool);
  return output_error(products, {problem.matrix, rows}, problem.values(),
                      values_of_codes(problem.grid, codes))
      .noise;
}

TEST(Gptq, ComesCloseToTheBestOfAllChoices) {
  SerialPool pool;
  double found = 0;
  double least = 0;
  double nearest = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const Problem problem(1, 6, seed);
    const std::vector<int8_t> rounded = round_to_nearest(problem.weight, problem.grid);
    double best = 1e30;
    for (int choice = 0; choice < 729; ++choice) {  // one down, as it is, one up: 3^6
      std::vector<int8_t> tried = rounded;
      int rest = choice;
      for (int8_t& code : tried) {
        code = static_cast<int8_t>(std::clamp(code + rest % 3 - 1, -8, 7));
        rest /= 3;
      }
      best = std::min(best, noise_of(problem, problem.rows, tried));
    }
    least += best;
    nearest += noise_of(problem, problem.rows, rounded);
    found += noise_of(problem, problem.rows, gptq_codes(problem, pool));
  }
  EXPECT_LT(found, nearest * 0.8);
  EXPECT_LT(found, least * 1.8);
}

TEST(Gptq, BeatsNearestOnRowsItHasNotSeenInAnyOrderAndGroup) {
  SerialPool pool;
  for (int64_t groups : {1, 3}) {
    const Problem problem(12, 70, 3, groups);
    const double nearest =
        noise_of(problem, problem.held, round_to_nearest(problem.weight, problem.grid));
    EXPECT_LT(noise_of(problem, problem.held, gptq_codes(problem, pool)), nearest * 0.6);
    EXPECT_LT(noise_of(problem, problem.held, gptq_codes(problem, pool, true)), nearest * 0.6);
  }
}

TEST(CoordinateDescent, LowersTheErrorSweepBySweep) {
  SerialPool pool;
  Products products(*kernels_for(best_tier()), pool);
  const CancelFlag never;
  for (int64_t groups : {1, 3}) {
    const Problem problem(12, 70, 3, groups);
    const Hessian hessian = problem.hessian(products);
    const auto to_grid = [&](float value, size_t at) { return problem.round(value, at); };
    const std::vector<int8_t> start = round_to_nearest(problem.weight, problem.grid);
    std::vector<float> rounded = values_of_codes(problem.grid, start);
    double before = noise_of(problem, problem.rows, start);
    for (int sweep = 0; sweep < 4; ++sweep) {
      run_to_end(descend_coordinates(never, products, problem.values(), problem.matrix, hessian,
                                     to_grid, {.damping = 1e-4f, .sweeps = 1}, rounded));
      const double after = noise_of(problem, problem.rows, codes_of(problem, rounded));
      EXPECT_LE(after, before * (sweep == 0 ? 0.85 : 1.0001));
      before = after;
    }
    EXPECT_LT(noise_of(problem, problem.held, codes_of(problem, rounded)),
              noise_of(problem, problem.held, start) * 0.7);
  }
}

TEST(AdaRound, BeatsNearestOnRowsItHasNotSeen) {
  SerialPool pool;
  for (int64_t groups : {1, 3}) {
    const Problem problem(12, 40, 4, groups);
    const std::vector<int8_t> rounded = round_to_nearest(problem.weight, problem.grid);
    const std::vector<int8_t> codes = adaround_codes(problem, pool);
    EXPECT_LT(noise_of(problem, problem.held, codes),
              noise_of(problem, problem.held, rounded) * 0.7);
    for (size_t i = 0; i < codes.size(); ++i) EXPECT_LE(std::abs(codes[i] - rounded[i]), 1);
  }
}

TEST(Rounding, GivesTheSameCodesForAnyNumberOfThreads) {
  SerialPool serial;
  BackwardPool backward;
  for (int64_t groups : {1, 2}) {
    const Problem problem(60, 50, 6, groups);
    EXPECT_EQ(gptq_codes(problem, serial), gptq_codes(problem, backward));
    EXPECT_EQ(gptq_codes(problem, serial, true, 3), gptq_codes(problem, backward, true, 3));
    EXPECT_EQ(adaround_codes(problem, serial), adaround_codes(problem, backward));
  }
}

/** conv with Relu, depthwise conv, two Gemms and a MatMul with the weight in front. */
std::shared_ptr<const Model> layers_to_round() {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 16, 6, 6});
  const ValueId wc = maker.constant("wc", test::random_tensor({24, 16, 3, 3}, 1, 0.1f));
  const ValueId bc = maker.constant("bc", test::random_tensor({24}, 8, 0.1f));
  const ValueId relu = maker.node("Relu", "relu", {maker.node("Conv", "conv", {x, wc, bc})});
  const ValueId wd = maker.constant("wd", test::random_tensor({24, 1, 3, 3}, 5, 0.3f));
  const ValueId deep = maker.node("Conv", "deep", {relu, wd}, {{"group", int64_t{24}}});
  const ValueId flat = maker.node("Flatten", "flat", {deep});
  const ValueId w1 = maker.constant("w1", test::random_tensor({48, 96}, 2, 0.3f));
  const ValueId fc1 = maker.node("Gemm", "fc1", {flat, w1}, {{"transB", int64_t{1}}});
  const ValueId w2 = maker.constant("w2", test::random_tensor({48, 33}, 3, 0.3f));
  const ValueId fc2 = maker.node("Gemm", "fc2", {fc1, w2});
  const ValueId turned = maker.node("Transpose", "turn", {fc2});
  const ValueId w3 = maker.constant("w3", test::random_tensor({20, 33}, 4, 0.3f));
  maker.output(maker.node("MatMul", "mm", {w3, turned}));
  return maker.finish();
}

TEST(QuantizeWeights, LearnsRoundingAndRepeatsItWithoutData) {
  const auto model = layers_to_round();
  const auto plain = test::compress(
      model, recipe_of({{{"technique", "quantize-weights"}, {"bits", 4}, {"keep", true}}}), 0);
  for (const char* rounding : {"gptq", "gptq-sequential", "adaround", "adaround-sequential"}) {
    SCOPED_TRACE(rounding);
    const auto result = test::compress(model,
                                       recipe_of({{{"technique", "quantize-weights"},
                                                   {"bits", 4},
                                                   {"rounding", rounding},
                                                   {"iterations", 150},
                                                   {"keep", true}}}),
                                       40);
    // These inputs are white noise, which leaves little to learn; see the problems above for more.
    EXPECT_GT(test::output_sqnr_db(*model, result.model),
              test::output_sqnr_db(*model, plain.model) - 1);
    int won = 0;
    for (const json& layer : result.report["steps"][0]["details"]) {
      const json& detail = layer["detail"];
      ASSERT_TRUE(detail.contains("outputSqnrDb")) << layer;
      const bool better = detail["outputSqnrDb"] > detail["nearestOutputSqnrDb"];
      EXPECT_EQ(detail["rounding"], better ? rounding : "nearest");
      won += better ? 1 : 0;
    }
    EXPECT_GE(won, 1);
    const auto again = test::compress(model, result.report["recipe"], 0);
    for (size_t i = 0; i < result.model.graph.values.size(); ++i) {
      const Tensor& one = result.model.graph.values[i].constant;
      const Tensor& two = again.model.graph.values[i].constant;
      ASSERT_EQ(one.bytes(), two.bytes());
      if (one.bytes() > 0) EXPECT_EQ(std::memcmp(one.raw(), two.raw(), one.bytes()), 0);
    }
  }
}

TEST(QuantizeStatic, LearnsRoundingAndRepeatsItWithoutData) {
  const auto model = layers_to_round();
  for (const json& extra :
       {json{{"rounding", "gptq"}}, json{{"rounding", "adaround"}},
        json{{"rounding", "adaround-sequential"}, {"iterations", 60}},
        json{{"rounding", "gptq"}, {"weights", "tensor"}, {"weightType", "u8"}},
        json{{"layers", {{{"name", "*"}}, {{"name", "fc1"}, {"rounding", "gptq"}}}}},
        json{{"rounding", "gptq"}, {"floatLayers", 1}}}) {
    SCOPED_TRACE(extra.dump());
    json step = extra;
    step["technique"] = "quantize-static";
    step["iterations"] = 60;
    step["keep"] = true;
    const auto learned = test::compress(model, recipe_of({step}), 24);
    int learned_layers = 0;
    for (const json& layer : learned.report["steps"][0]["details"]) {
      const json& detail = layer["detail"];
      if (!detail.contains("rounding")) continue;
      ++learned_layers;
      if (!detail.contains("outputSqnrDb")) {
        EXPECT_TRUE(detail.contains("why")) << layer;
        continue;
      }
      EXPECT_EQ(detail["outputSqnrDb"] <= detail["nearestOutputSqnrDb"], detail.contains("why"))
          << layer;
    }
    EXPECT_GE(learned_layers, 1);
    EXPECT_GT(test::output_sqnr_db(*model, learned.model), 20);
    const json again = json::parse(learned.report["recipe"].dump());
    EXPECT_EQ(parse_recipe(again, all_techniques()).data_passes(), 0);
    EXPECT_EQ(write_model(learned.model), write_model(test::compress(model, again, 0).model));
  }
}

TEST(QuantizeStatic, CountsThePassOfTheRounding) {
  const auto passes = [](json step) {
    step["technique"] = "quantize-static";
    return parse_recipe(recipe_of({step}), all_techniques()).data_passes();
  };
  EXPECT_EQ(passes(json::object()), 1);
  EXPECT_EQ(passes({{"rounding", "gptq"}}), 2);
  EXPECT_EQ(passes({{"rounding", "gptq"}, {"ranges", json::object()}}), 1);
}

TEST(QuantizeWeights, SaysWhyALayerIsRoundedToNearest) {
  test::ModelMaker maker;
  const ValueId ids = maker.input("ids", {1, 5}, DType::i64);
  const ValueId table = maker.constant("table", test::random_tensor({40, 32}, 1));
  maker.output(maker.node("Gather", "embed", {table, ids}));
  CompressOptions options;
  options.have_data = true;
  CompressJob job(maker.finish(),
                  recipe_of({{{"technique", "quantize-weights"}, {"rounding", "gptq"}}}), options);
  while (!job.step().done) {
  }
  const json detail = job.report()["steps"][0]["details"][0]["detail"];
  EXPECT_EQ(detail["rounding"], "nearest");
  EXPECT_EQ(detail["why"], "Gather has no rows to learn from");
}

TEST(QuantizeWeights, AsksForDataOnlyWhereRoundingLearns) {
  const auto passes = [](json step) {
    step["technique"] = "quantize-weights";
    return parse_recipe(recipe_of({step}), all_techniques()).data_passes();
  };
  EXPECT_EQ(passes(json::object()), 0);
  EXPECT_EQ(passes({{"rounding", "gptq"}}), 1);
  EXPECT_EQ(passes({{"layers", {{{"name", "fc1"}, {"rounding", "adaround"}}}}}), 1);
  EXPECT_EQ(passes({{"rounding", "gptq"}, {"codes", json::object()}}), 0);
}

}  // namespace
}  // namespace whittle
