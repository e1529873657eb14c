// Real models: the plan against the interpreter. Needs WHITTLE_ASSETS.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/onnx/reader.h"
#include "tests/core/runtime/helpers.h"

namespace whittle {
namespace {

struct Asset {
  const char* file;
  /** Symbols of input dims by name; others become 1. */
  std::map<std::string, int64_t> symbols;
  /** Largest deviation relative to the output's range. Quantized models may differ by one step. */
  double tolerance = 1e-4;
};

std::string assets_folder() {
  const char* folder = std::getenv("WHITTLE_ASSETS");
  return folder ? folder : "";
}

std::shared_ptr<Model> load(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return nullptr;
  const auto size = static_cast<size_t>(in.tellg());
  Bytes bytes{std::shared_ptr<std::byte[]>(new std::byte[size]), size};
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data.get()), static_cast<std::streamsize>(size));
  return std::make_shared<Model>(read_model(bytes));
}

Feeds feeds_for(const Model& model, const Asset& asset, uint64_t seed) {
  Feeds feeds;
  Random random(seed);
  for (ValueId id : model.graph.inputs) {
    const Value& value = model.graph.value(id);
    if (value.is_constant()) continue;
    Shape shape;
    for (const Dim& dim : *value.dims) {
      const auto found = asset.symbols.find(dim.known() ? "" : dim.symbol);
      shape.push_back(dim.known() ? dim.value : found != asset.symbols.end() ? found->second : 1);
    }
    if (value.dtype == DType::f32) {
      feeds[value.name] = testing::random_floats(shape, seed);
      continue;
    }
    Tensor tensor = Tensor::zeros(value.dtype, shape);
    if (value.name == "sr") {
      tensor.mutable_data<int64_t>()[0] = 16000;
    } else if (value.dtype == DType::i64) {
      const bool mask = value.name.find("mask") != std::string::npos;
      for (int64_t& v : tensor.mutable_data<int64_t>()) v = mask ? 1 : random.below(100);
    } else if (value.dtype == DType::u8) {
      for (uint8_t& v : tensor.mutable_data<uint8_t>()) v = static_cast<uint8_t>(random.below(128));
    }
    feeds[value.name] = tensor;
  }
  return feeds;
}

class Assets : public ::testing::TestWithParam<Asset> {};

TEST_P(Assets, PlanMatchesInterpreter) {
  if (assets_folder().empty()) GTEST_SKIP() << "WHITTLE_ASSETS is not set";
  const auto model = load(assets_folder() + "/" + GetParam().file);
  ASSERT_NE(nullptr, model) << GetParam().file;
  for (uint64_t seed : {1u, 2u}) {
    const Feeds feeds = feeds_for(*model, GetParam(), seed);
    const auto expected = testing::interpreted(*model, feeds);
    Session session(model, {});
    session.run(feeds_for(*model, GetParam(), 99));
    const auto actual = session.run(feeds);
    ASSERT_EQ(expected.size(), actual.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      testing::expect_close(expected[i], actual[i], GetParam().tolerance,
                            "output " + std::to_string(i));
    }
    if (HasFatalFailure()) return;
  }
}

// The interpreter is slow, above all under sanitizers: dynamic models run on small inputs here, and
// the large ones are left to the comparison with onnxruntime.
INSTANTIATE_TEST_SUITE_P(
    Models, Assets,
    ::testing::Values(Asset{"models/mobilenet_v1_0.25_224.onnx", {}, 1e-4},
                      Asset{"models/resnet20_cifar10.onnx", {}, 1e-4},
                      Asset{"models/resnet8_cifar10.onnx", {}, 1e-4},
                      Asset{"models/yunet_n_dynamic.onnx", {{"height", 64}, {"width", 64}}, 1e-4},
                      Asset{"models/retinaface_mbnet0.25.onnx", {{"", 64}}, 1e-4},
                      Asset{"models/ultraface_rfb_320.onnx", {}, 1e-4},
                      Asset{"models/kws_dscnn.onnx", {}, 1e-4},
                      Asset{"models/ad01_toycar.onnx", {}, 1e-4},
                      Asset{"models/mnist_cntk.onnx", {}, 1e-4},
                      Asset{"models/lstm_mnist.onnx", {}, 1e-4},
                      Asset{"models/ndm_gru.onnx", {{"sequence_length", 10}}, 1e-4},
                      Asset{"models/dtln_1.onnx", {}, 1e-4},
                      Asset{"models/byte_bidi_lstm.onnx", {{"length", 20}}, 1e-4},
                      Asset{"models/silero_vad_16k.onnx", {{"sequence", 576}}, 1e-4},
                      Asset{"models/tiny_random_bert.onnx", {{"sequence", 16}}, 1e-4},
                      Asset{"models/stories260k_llama.onnx", {{"sequence", 8}}, 1e-4},
                      Asset{"models/oww_melspectrogram.onnx", {{"samples", 4000}}, 1e-4},
                      Asset{"quantized/resnet8_cifar10.qdq.onnx", {}, 0.02},
                      Asset{"quantized/kws_dscnn.qdq.onnx", {}, 0.02},
                      Asset{"quantized/ad01_toycar.qdq.onnx", {}, 0.02},
                      Asset{"quantized/mobilenet_v1_0.5_160.qdq.onnx", {}, 0.05},
                      Asset{"quantized/silero_vad_fp16.onnx", {{"sequence", 576}}, 1e-3},
                      Asset{"quantized/qlstm.onnx", {}, 0.02}),
    [](const auto& instance) {
      std::string name = instance.param.file;
      for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace whittle
