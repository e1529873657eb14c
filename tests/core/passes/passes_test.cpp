#include <gtest/gtest.h>

#include <map>

#include "core/graph/traversal.h"
#include "core/graph/verify.h"
#include "core/passes/pass.h"
#include "tests/core/passes/pass_support.h"
#include "tests/support/files.h"
#include "tests/support/graphs.h"

namespace whittle::test {
namespace {

/** Inputs at which dimensions that are not known have `free` elements (the first one, 1). */
std::map<std::string, Tensor> feeds_for(const Graph& graph, int64_t free) {
  std::map<std::string, Tensor> feeds;
  uint64_t seed = 1;
  for (ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    Shape shape;
    for (const Dim& dim : value.dims.value_or(Dims{})) {
      shape.push_back(dim.known() ? dim.value : shape.rank() == 0 ? 1 : free);
    }
    Random random(seed++);
    Tensor tensor = Tensor::zeros(value.dtype, shape);
    if (value.dtype == DType::f32) {
      for (float& x : tensor.mutable_data<float>()) x = random.uniform(0, 1);
    } else if (value.dtype == DType::i64) {
      // Token ids, masks; a scalar is a sample rate.
      for (int64_t& x : tensor.mutable_data<int64_t>())
        x = shape.rank() == 0 ? 16000 : random.below(2);
    }
    feeds[value.name] = std::move(tensor);
  }
  return feeds;
}

bool has_all_operators(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    const OpDef* op = all_ops().find(node);
    if (op == nullptr || op->evaluate == nullptr) {
      std::cout << "skipped: no reference implementation of " << node.label() << "\n";
      return false;
    }
    bool inside = true;
    for_each_subgraph(node, [&](const Graph& body) { inside = inside && has_all_operators(body); });
    if (!inside) return false;
  }
  return true;
}

TEST(Passes, ListIsNamedAndFindable) {
  for (const Pass& pass : compile_passes()) {
    ASSERT_NE(find_pass(pass.name), nullptr);
    EXPECT_EQ(find_pass(pass.name)->run, pass.run);
  }
  EXPECT_EQ(find_pass("make-coffee"), nullptr);
}

TEST(Passes, PreserveOutputsOfRealModels) {
  // Small enough for the reference kernels under sanitizers.
  const std::map<std::string, int64_t> sizes = {
      {"ad01_toycar.onnx", 640},    {"byte_bidi_lstm.onnx", 12},
      {"dtln_1.onnx", 1},           {"kws_dscnn.onnx", 49},
      {"lstm_mnist.onnx", 28},      {"mnist_cntk.onnx", 28},
      {"ndm_gru.onnx", 5},          {"qlstm.onnx", 3},
      {"resnet8_cifar10.onnx", 32}, {"tiny_random_bert.onnx", 8},
      {"silero_vad_16k.onnx", 576}, {"kws_dscnn.qdq.onnx", 49}};
  for (const std::string& path : asset_models()) {
    const auto found = sizes.find(path.substr(path.rfind('/') + 1));
    if (found == sizes.end()) continue;
    SCOPED_TRACE(path);
    const Model model = read_file(path);
    if (!has_all_operators(model.graph)) continue;
    Graph graph = model.graph;
    run_passes(graph, compile_passes(), pass_context());
    verify(graph);
    EXPECT_LE(graph.nodes.size(), model.graph.nodes.size());
    auto feeds = feeds_for(model.graph, found->second);
    if (found->first == "silero_vad_16k.onnx") {
      feeds["state"] = Tensor::zeros(DType::f32, {2, 1, 128});
    }
    expect_same_outputs(model.graph, graph, feeds);
  }
}

}  // namespace
}  // namespace whittle::test
