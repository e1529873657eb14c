#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace whittle::test {
namespace {

using std::string_literals::operator""s;

struct Dropped {
  const char* file;
  std::string bytes;
  const char* message;
};

std::string padded(std::string bytes, size_t size) {
  bytes.resize(size, '\1');
  return bytes;
}

// What people really drop, and the whole text they get.
const Dropped kDropped[] = {
    {"model.onnx",
     "version https://git-lfs.github.com/spec/v1\n"
     "oid sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n"
     "size 13965368\n",
     "Expected an ONNX model for model.onnx but received a git-LFS pointer (133 bytes). Run \"git "
     "lfs pull\", or download the raw file."},
    {"model.onnx", "",
     "Expected an ONNX model for model.onnx but received an empty file. Download "
     "or export the model again."},
    {"model.onnx", "\n<!DOCTYPE html>\n<html><body>404</body></html>",
     "Expected an ONNX model for model.onnx but received an HTML page (46 bytes). The address "
     "leads "
     "to a page about the file or to an error; download the raw file."},
    {"net.pt", padded("PK\3\4\24\0\0\0\0\0archive/data.pkl"s, 300),
     "Expected an ONNX model for net.pt but received a PyTorch file (.pt or .pth) (300 bytes). "
     "Load "
     "it in PyTorch and export it: torch.onnx.export(model, sample_input, \"model.onnx\")."},
    {"net.pth", padded("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"s, 300),
     "Expected an ONNX model for net.pth but received a PyTorch file (.pt or .pth) (300 bytes). "
     "Load "
     "it in PyTorch and export it: torch.onnx.export(model, sample_input, \"model.onnx\")."},
    {"net.tflite", padded("\x1c\0\0\0TFL3"s, 64),
     "Expected an ONNX model for net.tflite but received a TensorFlow Lite model (.tflite) (64 "
     "bytes). Convert it with tf2onnx: python -m tf2onnx.convert --tflite model.tflite --output "
     "model.onnx."},
    {"net.ort", padded("\x1c\0\0\0ORTM"s, 64),
     "Expected an ONNX model for net.ort but received an ONNX Runtime model (.ort) (64 bytes). It "
     "was made from an .onnx file and cannot be turned back; give that file."},
    {"net.safetensors", padded("\x50\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\"}}"s, 120),
     "Expected an ONNX model for net.safetensors but received a .safetensors file (120 bytes). It "
     "holds weights without a network; export the model with torch.onnx.export or optimum-cli "
     "export onnx."},
    {"net.h5", padded("\x89HDF\r\n\x1a\n"s, 64),
     "Expected an ONNX model for net.h5 but received a Keras or HDF5 file (.h5) (64 bytes). Load "
     "it "
     "in Keras and export it: model.export(\"model.onnx\", format=\"onnx\")."},
    {"net.zip", padded("PK\3\4\24\0\0\0\0\0model.onnx"s, 64),
     "Expected an ONNX model for net.zip but received a .zip archive (64 bytes). Unpack it, and "
     "give the .onnx file inside."},
    {"net.onnx.gz", padded("\x1f\x8b\x08"s, 64),
     "Expected an ONNX model for net.onnx.gz but received a gzip file (.gz) (64 bytes). Unpack it "
     "with gunzip, and give the .onnx file."},
    {"model.json", "{\"format\": \"graph-model\"}",
     "Expected an ONNX model for model.json but received JSON text (25 bytes). If it is a "
     "TensorFlow.js model, convert the original with tf2onnx; give the .onnx file here."},
    {"error.txt", "Access denied to this resource",
     "Expected an ONNX model for error.txt but received a text file (30 bytes). Give the .onnx "
     "file "
     "itself."},
    {"noise.bin", padded("\xfe\xfd\xfc"s, 32),
     "Expected an ONNX model for noise.bin but received unknown data (32 bytes). Give an .onnx "
     "file; "
     "TensorFlow's .pb files are converted with tf2onnx: python -m tf2onnx.convert --help."},
};

TEST(Sniff, NamesWhatItSeesAndSaysHowToGetOnnx) {
  for (const Dropped& dropped : kDropped) {
    SCOPED_TRACE(dropped.message);
    ReadOptions options;
    options.file_name = dropped.file;
    try {
      read_model(as_bytes(dropped.bytes), options);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::NOT_A_MODEL);
      EXPECT_EQ(error.message, dropped.message);
      EXPECT_EQ(error.where, dropped.file);
    }
  }
}

TEST(Sniff, ShortPrefixesOfEveryFormatAreErrorsToo) {
  for (const Dropped& dropped : kDropped) {
    for (size_t size = 0; size < std::min<size_t>(dropped.bytes.size(), 24); ++size) {
      EXPECT_THROW(read_model(as_bytes(dropped.bytes.substr(0, size))), Error);
    }
  }
}

}  // namespace
}  // namespace whittle::test
