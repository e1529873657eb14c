#include <gtest/gtest.h>

#include <cmath>

#include "core/compress/quantize/support/equalization/channel_text.h"
#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

/** Channels of very different sizes, as trained networks have them. */
Tensor uneven(const Shape& shape, uint64_t seed, float scale = 0.4f) {
  Tensor weight = test::random_tensor(shape, seed, scale);
  const std::span<float> w = weight.mutable_data<float>();
  const size_t row = w.size() / static_cast<size_t>(shape[0]);
  for (size_t i = 0; i < w.size(); ++i) w[i] *= std::ldexp(1.0f, static_cast<int>(i / row % 5) - 2);
  return weight;
}

struct ActivationOf {
  std::string op;
  float high = 6;
};

/** conv -> activation -> depthwise -> activation -> pointwise, nothing negative in the last bias.
 */
std::shared_ptr<const Model> separable(const ActivationOf& activation, float bias = 0.1f) {
  test::ModelMaker maker;
  const ValueId low = maker.constant("low", Tensor::scalar(0.0f));
  const ValueId high = maker.constant("high", Tensor::scalar(activation.high));
  const auto activate = [&](const std::string& name, ValueId x) {
    if (activation.op == "Clip") return maker.node("Clip", name, {x, low, high});
    return maker.node(activation.op, name, {x});
  };
  const auto b = [&](const std::string& name, int64_t n, uint64_t seed) {
    return maker.constant(name, test::random_tensor({n}, seed, bias));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 9, 9});
  const ValueId w1 = maker.constant("w1", uneven({8, 3, 3, 3}, 1));
  const ValueId a1 = activate("a1", maker.node("Conv", "expand", {x, w1, b("b1", 8, 2)}));
  const ValueId w2 = maker.constant("w2", uneven({8, 1, 3, 3}, 3, 1.0f));
  const ValueId dw =
      maker.node("Conv", "depthwise", {a1, w2, b("b2", 8, 4)},
                 {{"group", int64_t{8}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId w3 = maker.constant("w3", uneven({6, 8, 1, 1}, 5));
  maker.output(maker.node("Conv", "project", {activate("a2", dw), w3, b("b3", 6, 6)}));
  return maker.finish();
}

json equalize(const json& options = json::object()) {
  json step = {{"technique", "equalize"}, {"method", "weights"}};
  step.update(options);
  return recipe_of({step});
}

const Tensor& weight_of(const Model& model, const std::string& node, size_t input = 1) {
  const Graph& graph = model.graph;
  return graph.value(test::node_named(graph, node).inputs[input]).constant;
}

/** Largest |w| by index of `axis` of [a, b, taps...]. */
std::vector<float> largest(const Tensor& weight, int axis) {
  const std::span<const float> w = weight.data<float>();
  const Shape& shape = weight.shape();
  const auto taps = static_cast<size_t>(shape.elements(2, shape.rank()));
  std::vector<float> result(static_cast<size_t>(shape[axis]), 0.0f);
  for (size_t i = 0; i < w.size(); ++i) {
    const size_t block = i / taps;
    const size_t at =
        axis == 0 ? block / static_cast<size_t>(shape[1]) : block % static_cast<size_t>(shape[1]);
    result[at] = std::max(result[at], std::fabs(w[i]));
  }
  return result;
}

TEST(Equalize, KeepsTheFunctionOfEveryActivationItPasses) {
  for (const std::string op : {"Relu", "LeakyRelu", "Identity"}) {
    const auto model = separable({op});
    const auto result = test::compress(model, equalize({{"absorb", false}, {"clip", "keep"}}), 0);
    EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 2) << op;
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 100) << op;
    // Triples settle where all three ranges of a channel are equal.
    const auto r1 = largest(weight_of(result.model, "expand"), 0);
    const auto r2 = largest(weight_of(result.model, "depthwise"), 0);
    const auto r3 = largest(weight_of(result.model, "project"), 1);
    for (size_t c = 0; c < r1.size(); ++c) {
      EXPECT_NEAR(r1[c] / r2[c], 1, 0.01) << op << c;
      EXPECT_NEAR(r2[c] / r3[c], 1, 0.01) << op << c;
    }
  }
}

TEST(Equalize, UsesTheScalesOfThePaper) {
  const auto model = test::two_layers();  // fc1 has transB: [48, 32]; fc2 is [48, 10]
  const auto result = test::compress(model, equalize({{"absorb", false}, {"clip", "keep"}}), 0);
  const auto r1 = largest(weight_of(*model, "fc1").reshaped({48, 32, 1}), 0);
  const auto r2 = largest(weight_of(*model, "fc2").reshaped({48, 10, 1}), 0);
  const std::span<const float> before = weight_of(*model, "fc1").data<float>();
  const std::span<const float> after = weight_of(result.model, "fc1").data<float>();
  for (size_t c = 0; c < 48; ++c) {
    const double s = std::sqrt(static_cast<double>(r1[c]) * r2[c]) / r2[c];
    EXPECT_NEAR(after[c * 32] * s, before[c * 32], 2e-3 * std::fabs(before[c * 32]));
  }
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
  // A value with other numbers than before answers to another name.
  EXPECT_EQ(result.model.graph.find("relu_out"), kNoValue);
}

TEST(Equalize, GivesAClipABoundPerChannel) {
  const auto model = separable({"Clip", 0.7f});
  const auto result = test::compress(model, equalize({{"absorb", false}, {"clip", "min"}}), 0);
  EXPECT_EQ(count_ops(result.model.graph, "Clip"), 0);
  EXPECT_EQ(count_ops(result.model.graph, "Min"), 2);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
}

TEST(Equalize, GivesUpABoundThatIsNeverReached) {
  const auto model = separable({"Clip", 900.0f});
  const auto result = test::compress(model, equalize());
  EXPECT_EQ(count_ops(result.model.graph, "Relu"), 2);
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
}

TEST(Equalize, LeavesTheChannelsThatReachTheBoundAlone) {
  const auto model = separable({"Clip", 1.0f});
  const auto result = test::compress(model, equalize(), 4, 8);
  EXPECT_EQ(count_ops(result.model.graph, "Clip"), 2);
  EXPECT_EQ(count_ops(result.model.graph, "Min") + count_ops(result.model.graph, "Relu"), 0);
  EXPECT_EQ(result.report["steps"][0]["details"][0]["detail"]["clip"], "keep");
  // Exact on the data it has seen.
  const Feeds feeds = test::random_feeds(*model, 100, 8);
  const Tensor expected = test::reference_outputs(*model, feeds)[0];
  const Tensor actual = test::reference_outputs(result.model, feeds)[0];
  EXPECT_GT(test::sqnr_db(to_floats(expected, ""), to_floats(actual, "")), 100);
}

TEST(Equalize, KeepsAClipWithoutData) {
  const auto model = separable({"Clip", 1.0f});
  const auto result = test::compress(model, equalize({{"absorb", false}, {"clip", "keep"}}), 0);
  EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 0);
  EXPECT_EQ(count_ops(result.model.graph, "Clip"), 2);
}

TEST(Equalize, MovesBiasesBehindTheRelu) {
  // The depthwise layer pads, so only what stands before the pointwise one can move.
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 6, 6});
  const ValueId w1 = maker.constant("w1", test::random_tensor({4, 3, 1, 1}, 1, 0.1f));
  const ValueId b1 = maker.constant("b1", Tensor::of<float>({4}, {5.0f, -1.0f, 7.0f, 0.0f}));
  const ValueId h = maker.node("Relu", "relu", {maker.node("Conv", "first", {x, w1, b1})});
  const ValueId pool = maker.node(
      "MaxPool", "pool", {h},
      {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  const ValueId w2 = maker.constant("w2", test::random_tensor({5, 4, 3, 3}, 2, 0.5f));
  maker.output(maker.node("Conv", "second", {pool, w2}));
  const auto model = maker.finish();
  const auto result = test::compress(model, equalize());
  EXPECT_EQ(result.report["steps"][0]["details"][0]["detail"]["channelsAbsorbed"], 2);
  const Feeds feeds = test::random_feeds(*model, 100, 4);
  const Tensor expected = test::reference_outputs(*model, feeds)[0];
  const Tensor actual = test::reference_outputs(result.model, feeds)[0];
  EXPECT_GT(test::sqnr_db(to_floats(expected, ""), to_floats(actual, "")), 100);
}

/** Branches of a residual sum, a Concat and flattened pixels. */
std::shared_ptr<const Model> branches() {
  test::ModelMaker maker;
  const auto w = [&](const std::string& name, const Shape& shape, uint64_t seed) {
    return maker.constant(name, uneven(shape, seed));
  };
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 4, 4});
  const ValueId a = maker.node("Conv", "a", {x, w("wa", {6, 3, 1, 1}, 1)});
  const ValueId b =
      maker.node("Relu", "rb", {maker.node("Conv", "b", {a, w("wb", {6, 6, 1, 1}, 2)})});
  const ValueId sum = maker.node("Relu", "rs", {maker.node("Add", "sum", {a, b})});
  const ValueId c = maker.node("Conv", "c", {x, w("wc", {5, 3, 1, 1}, 3)});
  const ValueId joined = maker.node("Concat", "joined", {c, sum}, {{"axis", int64_t{1}}});
  const ValueId d = maker.node("Conv", "d", {joined, w("wd", {4, 11, 1, 1}, 4)});
  const ValueId flat = maker.node("Flatten", "flat", {maker.node("LeakyRelu", "rd", {d})});
  maker.output(maker.node("Gemm", "e", {flat, w("we", {64, 7}, 5)}));
  return maker.finish();
}

TEST(Equalize, SharesScalesAcrossResidualBranchesAndFollowsConcatenations) {
  const auto model = branches();
  const auto result = test::compress(model, equalize());
  EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 4);  // a and b together, c, d
  EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
}

TEST(Equalize, LeavesAloneWhatItCannotScale) {
  // The branch of the model's input has no layer to scale.
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 4, 4, 4});
  const ValueId a = maker.node("Conv", "a", {x, maker.constant("wa", uneven({4, 4, 1, 1}, 1))});
  const ValueId sum = maker.node("Add", "sum", {a, x});
  maker.output(maker.node("Conv", "b", {sum, maker.constant("wb", uneven({4, 4, 1, 1}, 2))}));
  const auto model = maker.finish();
  const auto result = test::compress(model, equalize());
  EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 0);
  EXPECT_EQ(to_floats(weight_of(result.model, "a"), ""), to_floats(weight_of(*model, "a"), ""));
  EXPECT_NE(result.model.graph.find("a_out"), kNoValue);
}

TEST(Equalize, RepeatsItsResultFromTheReportWithoutData) {
  for (const float high : {0.5f, 900.0f}) {
    const auto model = separable({"Clip", high});
    const auto first = test::compress(model, equalize());
    const json repeat = json::parse(first.report["recipe"].dump());
    EXPECT_EQ(write_model(test::compress(model, repeat, 0).model), write_model(first.model));
  }
  const auto model = branches();
  const auto first = test::compress(model, equalize());
  EXPECT_EQ(write_model(test::compress(model, first.report["recipe"], 0).model),
            write_model(first.model));
}

TEST(Equalize, SurvivesDeadChannels) {
  test::ModelMaker maker;
  Tensor w1 = uneven({6, 3, 1, 1}, 1);
  for (size_t i = 0; i < 3; ++i) w1.mutable_data<float>()[i] = 0;
  for (size_t i = 3; i < 6; ++i) w1.mutable_data<float>()[i] *= 1e-20f;
  Tensor w2 = uneven({2, 6, 1, 1}, 2);
  for (size_t i = 0; i < 12; i += 6) w2.mutable_data<float>()[i + 2] = 0;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3, 4, 4});
  const ValueId b1 = maker.constant("b1", Tensor::of<float>({6}, {1, 1, 1, 0, -1, 2}));
  const ValueId a =
      maker.node("Relu", "r", {maker.node("Conv", "a", {x, maker.constant("w1", w1), b1})});
  maker.output(maker.node("Conv", "b", {a, maker.constant("w2", w2)}));
  const auto model = maker.finish();
  for (const int samples : {0, 4}) {
    const json options = samples > 0 ? json::object() : json{{"absorb", false}, {"clip", "keep"}};
    const auto result = test::compress(model, equalize(options), samples);
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
    // A channel that is nearly constant is not blown up.
    for (float b : weight_of(result.model, "a", 2).data<float>()) EXPECT_LT(std::fabs(b), 20);
  }
}

TEST(Equalize, RefusesHostileDataAndForeignReports) {
  const auto model = separable({"Relu"});
  CompressOptions options;
  options.have_data = true;
  const auto code_of = [&](std::optional<Sample> sample) {
    CompressJob job(model, equalize(), options);
    bool given = false;
    try {
      for (JobStatus status = job.step(); !status.done;) {
        const bool give = status.want == Want::sample && !given && sample;
        given = given || give;
        status = job.step(give ? sample : std::nullopt);
      }
    } catch (const Error& error) {
      return error.code;
    }
    return Code::INTERNAL;
  };
  EXPECT_EQ(code_of(std::nullopt), Code::EMPTY_DATA);
  Sample sample;
  sample.feeds = test::random_feeds(*model, 1);
  sample.feeds["x"].mutable_data<float>()[3] = NAN;
  EXPECT_EQ(code_of(sample), Code::INVALID_DATA);
  sample.feeds["x"] = test::random_tensor({1, 3, 9, 9}, 1, 1e38f);
  EXPECT_EQ(code_of(sample), Code::INVALID_DATA);
  const json foreign = {{"absorb", false},
                        {"clip", "keep"},
                        {"layers", {{{"name", "expand"}, {"levels", "1 2 three"}}}}};
  EXPECT_THROW(test::compress(model, equalize(foreign), 0), Error);
}

TEST(ChannelText, ReadsWhatItWrites) {
  EXPECT_EQ(read_levels(write_levels({-3, 0, 17}), 3, ""), (std::vector<int>{-3, 0, 17}));
  EXPECT_THROW(read_levels("1 2", 3, ""), Error);
  EXPECT_THROW(read_levels("1 2 3 4", 3, ""), Error);
  EXPECT_THROW(read_levels("1 2 999", 3, ""), Error);
  const std::vector<float> values = {0, 0.1f, 0, 2.5e-7f};
  EXPECT_EQ(read_sparse(write_sparse(values), 4, ""), values);
  EXPECT_THROW(read_sparse("4:1", 4, ""), Error);
  EXPECT_THROW(read_sparse("1=1", 4, ""), Error);
  for (int k = -40; k < 40; ++k) EXPECT_EQ(level_at_least(level_value(k)), k);
  EXPECT_NEAR(level_value(-13), std::exp2(-13 / 8.0), 1e-15);
}

}  // namespace
}  // namespace whittle
