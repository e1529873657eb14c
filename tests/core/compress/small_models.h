#pragma once

// Hand-built models for the tests of compression, and what drives their jobs.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/base/random.h"
#include "core/compress/compress_job.h"
#include "core/graph/graph.h"
#include "core/graph/verify.h"
#include "core/ops/interpret.h"

namespace whittle::test {

inline Tensor random_tensor(const Shape& shape, uint64_t seed, float scale = 1.0f) {
  Random random(seed);
  Tensor tensor = Tensor::allocate(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) value = scale * random.normal();
  return tensor;
}

class ModelMaker {
 public:
  ValueId input(const std::string& name, Dims dims, DType dtype = DType::f32) {
    const ValueId id = graph().add_value(name, dtype, std::move(dims));
    graph().inputs.push_back(id);
    return id;
  }
  ValueId constant(const std::string& name, Tensor tensor) {
    return graph().add_constant(name, std::move(tensor));
  }
  /** A node named `name` whose output is "<name>_out". */
  ValueId node(const std::string& op, const std::string& name, std::vector<ValueId> inputs,
               Attributes attributes = {}, DType dtype = DType::f32) {
    const ValueId out = graph().add_value(name + "_out", dtype);
    Node made;
    made.op = op;
    made.name = name;
    made.inputs = std::move(inputs);
    made.outputs = {out};
    made.attributes = std::move(attributes);
    graph().nodes.push_back(std::move(made));
    return out;
  }
  void output(ValueId id) { graph().outputs.push_back(id); }
  std::shared_ptr<const Model> finish() {
    verify(model_.graph);
    return std::make_shared<const Model>(std::move(model_));
  }
  Graph& graph() { return model_.graph; }

 private:
  Model model_;
};

/** x [batch, k] -> Gemm -> Relu -> Gemm -> y [batch, n], the first with transB. */
inline std::shared_ptr<const Model> two_layers(int64_t k = 32, int64_t hidden = 48,
                                               int64_t n = 10) {
  ModelMaker maker;
  const ValueId x = maker.input("x", {Dim::named("batch"), k});
  const ValueId w1 = maker.constant("w1", random_tensor({hidden, k}, 1, 0.2f));
  const ValueId b1 = maker.constant("b1", random_tensor({hidden}, 2, 0.2f));
  const ValueId h = maker.node("Gemm", "fc1", {x, w1, b1}, {{"transB", int64_t{1}}});
  const ValueId r = maker.node("Relu", "relu", {h});
  const ValueId w2 = maker.constant("w2", random_tensor({hidden, n}, 3, 0.2f));
  const ValueId b2 = maker.constant("b2", random_tensor({n}, 4, 0.2f));
  maker.output(maker.node("Gemm", "fc2", {r, w2, b2}));
  return maker.finish();
}

/** Feeds for every float input: shape with unknown dimensions taken as `batch`. */
inline Feeds random_feeds(const Model& model, uint64_t seed, int64_t batch = 1) {
  Feeds feeds;
  for (ValueId id : model.graph.inputs) {
    const Value& value = model.graph.value(id);
    Shape shape;
    for (const Dim& dim : *value.dims) shape.push_back(dim.known() ? dim.value : batch);
    feeds[value.name] = random_tensor(shape, seed++);
  }
  return feeds;
}

/** The outputs by the reference implementation. */
inline std::vector<Tensor> reference_outputs(const Model& model, const Feeds& feeds) {
  SerialPool pool;
  return interpret(model.graph, all_ops(), feeds, pool);
}

inline double sqnr_db(const std::vector<float>& expected, const std::vector<float>& actual) {
  double signal = 0;
  double noise = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    signal += static_cast<double>(expected[i]) * expected[i];
    noise += (static_cast<double>(expected[i]) - actual[i]) *
             (static_cast<double>(expected[i]) - actual[i]);
  }
  return noise > 0 ? 10 * std::log10(signal / noise) : 300;
}

/** SQNR of the first output of `compressed` against `original` over some random inputs. */
inline double output_sqnr_db(const Model& original, const Model& compressed, int64_t batch = 4) {
  const Feeds feeds = random_feeds(original, 1234, batch);
  return sqnr_db(to_floats(reference_outputs(original, feeds)[0], "expected"),
                 to_floats(reference_outputs(compressed, feeds)[0], "actual"));
}

struct Compressed {
  Model model;
  nlohmann::json report;
};

/** Drives a recipe to its end with `samples` random calibration samples. */
inline Compressed compress(const std::shared_ptr<const Model>& model, const nlohmann::json& recipe,
                           int samples = 8, int64_t batch = 4) {
  CompressOptions options;
  options.have_data = samples > 0;
  CompressJob job(model, recipe, options);
  int given = 0;
  std::optional<Sample> next;
  while (true) {
    const JobStatus status = job.step(std::move(next));
    next.reset();
    if (status.done) break;
    if (status.want == Want::rewind) given = 0;
    if (status.want == Want::sample && given < samples) {
      Sample sample;
      sample.feeds = random_feeds(*model, 100 + static_cast<uint64_t>(given) * 10, batch);
      sample.id = std::to_string(given++);
      next = std::move(sample);
    }
  }
  Compressed result{job.result(), job.report()};
  verify(result.model.graph);
  return result;
}

/** A recipe of these steps. */
/** One step in braces is an array to some compilers and the step itself to others. */
inline nlohmann::json recipe_of(nlohmann::json steps) {
  if (!steps.is_array()) steps = nlohmann::json::array({std::move(steps)});
  return {{"whittle", 1}, {"seed", 7}, {"steps", std::move(steps)}};
}

inline int count_ops(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes) count += node.op == op ? 1 : 0;
  return count;
}

inline const Node& node_named(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  throw Error(Code::INTERNAL, "no node named " + name);
}

}  // namespace whittle::test
