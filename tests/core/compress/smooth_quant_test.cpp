#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/writer.h"
#include "tests/core/compress/small_models.h"
#include "tests/support/files.h"

namespace whittle {
namespace {

using nlohmann::json;
using test::count_ops;
using test::recipe_of;

constexpr int64_t kWidth = 16;
constexpr int64_t kHeads = 2;

/** Builds the parts of a transformer. */
class Transformer {
 public:
  ValueId input() { return maker.input("x", {Dim::named("batch"), 5, kWidth}); }

  /** [in, out], some rows larger than others. */
  ValueId weight(const std::string& name, int64_t in, int64_t out) {
    return maker.constant(name, test::random_tensor({in, out}, ++seed_, 0.3f));
  }
  ValueId linear(const std::string& name, ValueId x, int64_t in, int64_t out) {
    const ValueId product = maker.node("MatMul", name, {x, weight("w_" + name, in, out)});
    const ValueId bias = maker.constant("b_" + name, test::random_tensor({out}, ++seed_, 0.1f));
    return maker.node("Add", name + "_b", {product, bias});
  }

  /** With channels that reach 50 times as far as the others, as LayerNormalization's in large
   * language models. */
  ValueId gamma(const std::string& name) {
    Tensor scale = test::random_tensor({kWidth}, ++seed_, 0.2f);
    for (size_t j = 0; j < static_cast<size_t>(kWidth); ++j) {
      float& value = scale.mutable_data<float>()[j];
      value = (1 + value) * (j % 7 == 3 ? 50.0f : 1.0f);
    }
    return maker.constant(name, scale);
  }
  ValueId beta(const std::string& name) {
    return maker.constant(name, test::random_tensor({kWidth}, ++seed_, 0.1f));
  }
  ValueId norm(const std::string& name, ValueId x, bool spelled_out) {
    if (!spelled_out) {
      return maker.node("LayerNormalization", name, {x, gamma("g_" + name), beta("t_" + name)});
    }
    const ValueId axes = maker.constant("a_" + name, Tensor::of<int64_t>({1}, {-1}));
    const ValueId epsilon = maker.constant("e_" + name, Tensor::scalar(1e-5f));
    const ValueId mean = maker.node("ReduceMean", name + "_m", {x, axes});
    const ValueId centred = maker.node("Sub", name + "_c", {x, mean});
    const ValueId square = maker.node("Mul", name + "_q", {centred, centred});
    const ValueId variance = maker.node("ReduceMean", name + "_v", {square, axes});
    const ValueId safe = maker.node("Add", name + "_s", {variance, epsilon});
    const ValueId root = maker.node("Sqrt", name + "_r", {safe});
    const ValueId scaled = maker.node("Div", name + "_d", {centred, root});
    const ValueId stretched = maker.node("Mul", name + "_g", {scaled, gamma("g_" + name)});
    return maker.node("Add", name, {stretched, beta("t_" + name)});
  }

  ValueId heads(const std::string& name, ValueId x, std::vector<int64_t> perm) {
    const ValueId shape =
        maker.constant("h_" + name, Tensor::of<int64_t>({4}, {0, 0, kHeads, kWidth / kHeads}));
    const ValueId split = maker.node("Reshape", name + "_h", {x, shape});
    return maker.node("Transpose", name + "_t", {split}, {{"perm", std::move(perm)}});
  }
  /** The attention of q, k and v on x, projected. */
  ValueId attention(ValueId x) {
    const ValueId q = heads("q", linear("q", x, kWidth, kWidth), {0, 2, 1, 3});
    const ValueId k = heads("k", linear("k", x, kWidth, kWidth), {0, 2, 3, 1});
    const ValueId v = heads("v", linear("v", x, kWidth, kWidth), {0, 2, 1, 3});
    const ValueId scores = maker.node("MatMul", "scores", {q, k});
    const ValueId shares = maker.node("Softmax", "shares", {scores}, {{"axis", int64_t{-1}}});
    const ValueId sums = maker.node("MatMul", "sums", {shares, v});
    const ValueId back =
        maker.node("Transpose", "back", {sums}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
    const ValueId shape = maker.constant("joined_s", Tensor::of<int64_t>({3}, {0, 0, kWidth}));
    const ValueId joined = maker.node("Reshape", "joined", {back, shape});
    return linear("o", joined, kWidth, kWidth);
  }
  /** silu(gate) * up, as Llama has it. */
  ValueId gated(ValueId x) {
    const ValueId gate = linear("gate", x, kWidth, 24);
    const ValueId swish =
        maker.node("Mul", "swish", {gate, maker.node("Sigmoid", "sigmoid", {gate})});
    const ValueId hidden = maker.node("Mul", "hidden", {swish, linear("up", x, kWidth, 24)});
    return linear("down", hidden, 24, kWidth);
  }

  test::ModelMaker maker;

 private:
  uint64_t seed_ = 0;
};

std::shared_ptr<const Model> transformer(bool spelled_out, bool norm_is_last = false) {
  Transformer t;
  const ValueId x = t.input();
  const ValueId n1 = t.norm("n1", x, spelled_out);
  // With the sum behind the normalization others than layers read it.
  const ValueId h = t.maker.node("Add", "r1", {norm_is_last ? n1 : x, t.attention(n1)});
  const ValueId out = t.gated(t.norm("n2", h, spelled_out));
  t.maker.output(t.maker.node("Add", "r2", {h, out}));
  return t.maker.finish();
}

json smooth(const json& options = json::object()) {
  json step = {{"technique", "equalize"}, {"method", "smoothquant"}};
  step.update(options);
  return recipe_of({step});
}

/** Why a layer was left alone. */
std::string reason_of(const json& report, const std::string& layer) {
  for (const json& each : report["steps"][0]["layers"]["reasons"]) {
    for (const json& name : each["layers"]) {
      if (name == layer) return each["reason"];
    }
  }
  return "";
}

TEST(SmoothQuant, KeepsTheFunctionOfBothFormsOfANormalization) {
  for (const bool spelled_out : {false, true}) {
    const auto model = transformer(spelled_out);
    const auto result = test::compress(model, smooth());
    // q, k, v; o through attention; gate and up; down through the product with the gate.
    EXPECT_EQ(result.report["steps"][0]["layers"]["touched"], 7) << spelled_out;
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 100) << spelled_out;
  }
}

TEST(SmoothQuant, UsesTheFactorsOfThePaper) {
  test::ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), 3});
  const ValueId row = maker.constant("row", Tensor::of<float>({3}, {1, 20, 0.1f}));
  const ValueId scaled = maker.node("Mul", "scaled", {x, row});
  const ValueId w = maker.constant("w", Tensor::of<float>({3, 2}, {1, -2, 0.5f, 0.1f, 3, 4}));
  maker.output(maker.node("MatMul", "fc", {scaled, w}));
  const auto model = maker.finish();
  const auto result = test::compress(model, smooth({{"alpha", 0.7}}), 1);
  const Tensor input = test::random_feeds(*model, 100, 4).at("x");
  const std::span<const float> after =
      result.model.graph.constant(test::node_named(result.model.graph, "fc").input(1))
          ->data<float>();
  const std::array<double, 3> largest = {2, 0.5, 4};
  const std::array<double, 3> before = {1, 0.5, 3};
  std::array<double, 3> ratio = {};
  for (size_t j = 0; j < 3; ++j) {
    double reach = 0;
    for (size_t n = 0; n < 4; ++n) {
      const double value = static_cast<double>(input.data<float>()[n * 3 + j]);
      reach = std::max(reach, std::fabs(value * std::array<double, 3>{1, 20, 0.1}[j]));
    }
    const double s = std::pow(reach, 0.7) / std::pow(largest[j], 0.3);
    ratio[j] = after[j * 2] / before[j] / s;
  }
  // All by the same factor, in steps of 2^(1 / 32).
  EXPECT_NEAR(ratio[1] / ratio[0], 1, 0.025);
  EXPECT_NEAR(ratio[2] / ratio[0], 1, 0.025);
}

TEST(SmoothQuant, LowersTheNoiseOfDynamicQuantization) {
  const auto model = transformer(true);
  const json dynamic = {{"technique", "quantize-dynamic"}};
  const auto plain = test::compress(model, recipe_of({dynamic}), 0);
  const auto smoothed = test::compress(
      model, recipe_of({{{"technique", "equalize"}, {"method", "smoothquant"}}, dynamic}));
  EXPECT_GT(test::output_sqnr_db(*model, smoothed.model),
            test::output_sqnr_db(*model, plain.model) + 6);
}

TEST(SmoothQuant, LeavesAValueThatOthersReadUnlessItMayInsert) {
  const auto model = transformer(true, true);
  const auto folded = test::compress(model, smooth());
  EXPECT_EQ(folded.report["steps"][0]["layers"]["touched"], 4);
  EXPECT_EQ(reason_of(folded.report, "q"), "others than the layers read its input");
  const auto inserted = test::compress(model, smooth({{"insert", true}}));
  EXPECT_EQ(inserted.report["steps"][0]["layers"]["touched"], 7);
  EXPECT_EQ(count_ops(inserted.model.graph, "Mul"), count_ops(model->graph, "Mul") + 1);
  for (const auto& result : {folded, inserted}) {
    EXPECT_GT(test::output_sqnr_db(*model, result.model), 100);
    EXPECT_EQ(write_model(test::compress(model, result.report["recipe"], 0).model),
              write_model(result.model));
  }
}

TEST(SmoothQuant, KeepsTheFunctionOfARealLanguageModel) {
  if (test::assets_folder().empty()) GTEST_SKIP() << "skipped: no assets";
  const auto model = std::make_shared<const Model>(
      test::read_file(test::assets_folder() + "/models/stories260k_llama.onnx"));
  CompressOptions options;
  options.have_data = true;
  CompressJob job(model, smooth(), options);
  Sample sample;
  for (ValueId id : model->graph.inputs) {
    const Value& value = model->graph.value(id);
    std::vector<int64_t> tokens;
    for (int64_t i = 0; i < 12; ++i) tokens.push_back((i * i * 37 + 1) % 500);
    sample.feeds[value.name] = Tensor::of<int64_t>({1, 12}, tokens);
  }
  bool given = false;
  for (JobStatus status = job.step(); !status.done;) {
    const bool give = status.want == Want::sample && !given;
    given = given || give;
    status = give ? job.step(sample) : job.step();
  }
  EXPECT_GT(job.report()["steps"][0]["layers"]["touched"], 20);
  const Tensor expected = test::reference_outputs(*model, sample.feeds)[0];
  const Tensor actual = test::reference_outputs(job.result(), sample.feeds)[0];
  EXPECT_GT(test::sqnr_db(to_floats(expected, ""), to_floats(actual, "")), 90);
}

}  // namespace
}  // namespace whittle
