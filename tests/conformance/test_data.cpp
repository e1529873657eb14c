#include "tests/conformance/test_data.h"

#include <algorithm>
#include <fstream>

#include "core/onnx/read_tensor.h"
#include "core/tensor/sequence.h"

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

namespace {

// Field numbers of onnx-data.proto.
constexpr uint32_t kSequenceTensors = 3;
constexpr uint32_t kOptionalTensor = 3;
constexpr uint32_t kOptionalSequence = 5;

/** Reads the messages of onnx-data.proto, of one file. */
class ValueReader {
 public:
  explicit ValueReader(const fs::path& path)
      : file_(read_file(path)),
        where_(path.string()),
        source_{reinterpret_cast<const char*>(file_.data.get()), where_} {}

  Tensor read(DType type) {
    const onnx::Message message({source_.begin, file_.size}, source_);
    if (type == DType::sequence) return sequence(message);
    if (is_container(type)) return optional(message);
    return tensor({source_.begin, file_.size});
  }

 private:
  Tensor tensor(std::string_view bytes) {
    const std::map<std::string, Bytes> external;
    onnx::TensorContext context{source_, {file_.data, file_.data.get()}, external, {}};
    return onnx::read_tensor(bytes, context, onnx::Storage::copy).tensor;
  }

  Tensor sequence(onnx::Message message) {
    std::vector<Tensor> items;
    while (message.next()) {
      if (message.field() == kSequenceTensors) {
        items.push_back(tensor(message.bytes()));
      } else {
        message.skip();
      }
    }
    const DType element = items.empty() ? DType::undefined : items[0].dtype();
    return make_sequence(element, std::move(items), where_);
  }

  Tensor optional(onnx::Message message) {
    Tensor content = make_none();
    while (message.next()) {
      if (message.field() == kOptionalTensor) {
        content = tensor(message.bytes());
      } else if (message.field() == kOptionalSequence) {
        content = sequence(message.message());
      } else {
        message.skip();
      }
    }
    return content;
  }

  Bytes file_;
  std::string where_;
  onnx::Source source_;
};

}  // namespace

Tensor read_value_file(const fs::path& path, DType type) {
  return ValueReader(path).read(type);
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

std::vector<Tensor> read_values(const fs::path& data_set, const std::string& prefix,
                                const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<Tensor> values;
  for (size_t i = 0;; ++i) {
    const fs::path path = data_set / (prefix + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return values;
    values.push_back(
        read_value_file(path, i < ids.size() ? graph.value(ids[i]).dtype : DType::undefined));
  }
}

}  // namespace whittle::test
