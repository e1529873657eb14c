#include "tests/conformance/test_data.h"

#include <algorithm>
#include <fstream>

#include "core/onnx/read_tensor.h"

namespace whittle::test {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) fail(Code::LOAD_FAILED, path.string(), "Expected a readable file but received ", path);
  Bytes bytes;
  bytes.size = static_cast<size_t>(in.tellg());
  bytes.data = std::shared_ptr<std::byte[]>(new std::byte[bytes.size + 8]);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data.get()), static_cast<std::streamsize>(bytes.size));
  return bytes;
}

Tensor read_tensor_file(const fs::path& path) {
  const Bytes file = read_file(path);
  const auto* begin = reinterpret_cast<const char*>(file.data.get());
  const onnx::Source source{begin, path.string()};
  const std::map<std::string, Bytes> external;
  onnx::TensorContext context{source, {file.data, file.data.get()}, external, {}};
  return onnx::read_tensor({begin, file.size}, context, onnx::Storage::copy).tensor;
}

std::vector<Case> find_cases(const fs::path& root) {
  std::vector<Case> cases;
  for (const auto& suite : fs::directory_iterator(root)) {
    if (!suite.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(suite.path())) {
      if (!fs::exists(entry.path() / "model.onnx")) continue;
      cases.push_back({(suite.path().filename() / entry.path().filename()).string(), entry.path()});
    }
  }
  std::sort(cases.begin(), cases.end(),
            [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

std::vector<fs::path> data_sets(const Case& which) {
  std::vector<fs::path> sets;
  for (const auto& entry : fs::directory_iterator(which.folder)) {
    if (entry.path().filename().string().starts_with("test_data_set_"))
      sets.push_back(entry.path());
  }
  std::sort(sets.begin(), sets.end());
  return sets;
}

std::vector<Tensor> read_tensors(const fs::path& data_set, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = data_set / (prefix + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return tensors;
    tensors.push_back(read_tensor_file(path));
  }
}

}  // namespace whittle::test
