#include "core/onnx/sniff.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "core/base/error.h"

namespace whittle::onnx {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kTorchAdvice =
    "Load it in PyTorch and export it: torch.onnx.export(model, sample_input, \"model.onnx\").";
constexpr std::string_view kKerasAdvice =
    "Convert it with tf2onnx: python -m tf2onnx.convert --saved-model <folder> --output "
    "model.onnx.";

bool starts(std::string_view bytes, std::string_view magic, size_t offset = 0) {
  return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
}

std::string_view trimmed(std::string_view bytes) {
  if (starts(bytes, "\xef\xbb\xbf"sv)) bytes.remove_prefix(3);
  while (!bytes.empty() && std::isspace(static_cast<unsigned char>(bytes.front()))) {
    bytes.remove_prefix(1);
  }
  return bytes;
}

std::string lower(std::string_view bytes) {
  std::string text(bytes);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool contains(std::string_view bytes, std::string_view part) {
  return bytes.find(part) != std::string_view::npos;
}

Format zip(std::string_view bytes) {
  // Names of the members stand at the front of each and again in the directory at the end.
  constexpr size_t kLook = 1 << 16;
  const std::string_view front = bytes.substr(0, kLook);
  const std::string_view back = bytes.substr(bytes.size() - std::min(bytes.size(), kLook));
  const auto has = [&](std::string_view part) {
    return contains(front, part) || contains(back, part);
  };
  if (has("data.pkl"sv) || has("constants.pkl"sv)) {
    return {"a PyTorch file (.pt or .pth)", std::string(kTorchAdvice)};
  }
  if (has("model.weights.h5"sv)) return {"a Keras file (.keras)", std::string(kKerasAdvice)};
  if (has(".npy"sv)) {
    return {"NumPy arrays (.npz)", "That is data, not a model; give the .onnx file here."};
  }
  return {"a .zip archive", "Unpack it, and give the .onnx file inside."};
}

bool is_safetensors(std::string_view bytes) {
  if (bytes.size() < 10 || bytes[8] != '{') return false;
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  return header < (uint64_t{1} << 32) && contains(bytes.substr(8, 4096), "\""sv);
}

/** Formats known by bytes at a fixed place. */
struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view what;
  std::string_view advice;
};

constexpr std::string_view kUnpack = "Unpack it, and give the .onnx file inside.";
constexpr std::string_view kPicture = "That is data, not a model; give the .onnx file here.";
constexpr Magic kMagics[] = {
    {4, "TFL3"sv, "a TensorFlow Lite model (.tflite)",
     "Convert it with tf2onnx: python -m tf2onnx.convert --tflite model.tflite --output "
     "model.onnx."},
    {4, "ORTM"sv, "an ONNX Runtime model (.ort)",
     "It was made from an .onnx file and cannot be turned back; give that file."},
    {0, "\x89HDF\r\n\x1a\n"sv, "a Keras or HDF5 file (.h5)",
     "Load it in Keras and export it: model.export(\"model.onnx\", format=\"onnx\")."},
    {0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
     "a PyTorch file (.pt or .pth)", kTorchAdvice},
    {0, "GGUF"sv, "a GGUF file (llama.cpp)",
     "It cannot be turned into ONNX; export the original model with optimum-cli export onnx."},
    {0, "\x1f\x8b"sv, "a gzip file (.gz)", "Unpack it with gunzip, and give the .onnx file."},
    {0, "\xfd\x37zXZ\0"sv, "an xz file (.xz)", kUnpack},
    {0, "BZh"sv, "a bzip2 file (.bz2)", kUnpack},
    {0, "\x28\xb5\x2f\xfd"sv, "a Zstandard file (.zst)", kUnpack},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a .7z archive", kUnpack},
    {0, "Rar!"sv, "a .rar archive", kUnpack},
    {257, "ustar"sv, "a .tar archive", kUnpack},
    {0, "\x93NUMPY"sv, "a NumPy array (.npy)", kPicture},
    {0, "\x89PNG"sv, "a PNG picture", kPicture},
    {0, "\xff\xd8\xff"sv, "a JPEG picture", kPicture},
};

}  // namespace

Format sniff(std::string_view bytes) {
  if (bytes.empty()) {
    return {"an empty file", "Download or export the model again."};
  }
  if (starts(bytes, "version https://git-lfs.github.com/spec/"sv)) {
    return {"a git-LFS pointer", "Run \"git lfs pull\", or download the raw file."};
  }
  if (starts(bytes, "PK\x03\x04"sv)) return zip(bytes);
  for (const Magic& magic : kMagics) {
    if (starts(bytes, magic.bytes, magic.offset)) {
      return {std::string(magic.what), std::string(magic.advice)};
    }
  }
  if (is_safetensors(bytes)) {
    return {"a .safetensors file",
            "It holds weights without a network; export the model with torch.onnx.export or "
            "optimum-cli export onnx."};
  }
  if (bytes[0] == '\x80' && bytes.size() > 1 && bytes[1] >= 2 && bytes[1] <= 5) {
    return {"a Python pickle (.pkl, .pt or .pth)", std::string(kTorchAdvice)};
  }
  const std::string_view text = trimmed(bytes.substr(0, 1024));
  const std::string head = lower(text.substr(0, 256));
  if (starts(head, "<!doctype html") || starts(head, "<html") || starts(head, "<head")) {
    return {"an HTML page",
            "The address leads to a page about the file or to an error; download the raw file."};
  }
  if (starts(head, "<?xml") || starts(head, "<net")) {
    return {"an XML file", "If it is an OpenVINO model, give the .onnx file it was made from."};
  }
  if (starts(head, "{") || starts(head, "[")) {
    return {"JSON text",
            "If it is a TensorFlow.js model, convert the original with tf2onnx; give the .onnx "
            "file here."};
  }
  const bool printable = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  // Sixteen bytes without one control character: a model starts with its IR version, byte 8.
  if (printable && text.size() >= 16) {
    return {"a text file", "Give the .onnx file itself."};
  }
  return {};
}

void reject_foreign_formats(std::string_view bytes, const std::string& file_name) {
  const Format format = sniff(bytes);
  if (format.what.empty()) return;
  const std::string size = bytes.empty() ? "" : concat(" (", bytes.size(), " bytes)");
  fail(Code::NOT_A_MODEL, file_name, "Expected an ONNX model for ", file_name, " but received ",
       format.what, size, ". ", format.advice);
}

void fail_not_onnx(std::string_view bytes, const std::string& file_name) {
  fail(Code::NOT_A_MODEL, file_name, "Expected an ONNX model for ", file_name,
       " but received unknown data (", bytes.size(),
       " bytes). Give an .onnx file; TensorFlow's .pb files are converted with tf2onnx: "
       "python -m tf2onnx.convert --help.");
}

}  // namespace whittle::onnx
