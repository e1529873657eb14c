// Runs ONNX's own backend tests (Debian: libonnx-testdata) through the reference interpreter, as a
// session, and through shape inference, and compares with expected_failures.txt in both directions.
//
//   conformance [--all] [--list <file>] <folder>...
//
// --all prints every failing case with its reason instead of the unexpected ones only; a folder
// holds <suite>/<case>/model.onnx. Exits 1 on a failure that is not listed or a listed one that
// passes, and 77 (skipped) when no folder exists.
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "core/ops/interpret.h"
#include "core/ops/shape_inference.h"
#include "core/runtime/session.h"
#include "core/tensor/sequence.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/test_data.h"

namespace whittle::test {
namespace {

/** Lines of "suite/case: reason"; '#' starts a comment. */
std::map<std::string, std::string> read_expected_failures(const std::string& path) {
  std::ifstream in(path);
  if (!in) fail(Code::LOAD_FAILED, path, "Expected a readable file but received ", path);
  std::map<std::string, std::string> expected;
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    expected[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return expected;
}

/** The size of these operators' outputs depends on values, not on shapes. */
bool depends_on_data(const Graph& graph) {
  static const std::set<std::string> kOps = {"NonZero",
                                             "Compress",
                                             "Unique",
                                             "NonMaxSuppression",
                                             "Loop",
                                             "If",
                                             "Scan",
                                             "StringSplit",
                                             "StringNormalizer",
                                             "SequenceAt",
                                             "ConcatFromSequence",
                                             "OptionalGetElement"};
  for (const Node& node : graph.nodes) {
    if (kOps.count(node.op) != 0) return true;
  }
  return false;
}

/** Whether the type of `fact` allows for `value`. */
bool says(const Fact& fact, const Tensor& value) {
  if (is_sequence(value)) {
    const Sequence& sequence = as_sequence(value, "a result");
    return fact.element == sequence.element &&
           (fact.dtype == DType::sequence || fact.dtype == DType::optional_sequence);
  }
  if (fact.dtype == DType::optional) return is_none(value) || fact.element == value.dtype();
  return is_none(value) ? fact.dtype == DType::optional_sequence : fact.dtype == value.dtype();
}

/** Empty when inference says what the run gave; else what differs. Small inputs but the first may
 * give shapes (axes, sizes, scales): in real models they are constants. */
std::string check_inference(Graph graph, const std::map<std::string, Tensor>& feeds,
                            const std::vector<Tensor>& outputs) {
  constexpr int64_t kMaxShapeGiving = 64;
  InferenceOptions options;
  for (ValueId id : graph.inputs) {
    const auto feed = feeds.find(graph.value(id).name);
    if (feed == feeds.end()) continue;
    const auto& [name, tensor] = *feed;
    options.input_shapes[name] = tensor.shape();
    const bool is_data =
        id == graph.inputs[0] && tensor.dtype() != DType::i64 && tensor.elements() != 1;
    if (!is_data && tensor.elements() <= kMaxShapeGiving) options.input_values[name] = tensor;
  }
  const std::vector<Fact> facts = infer_shapes(graph, all_ops(), options);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Fact& fact = facts[static_cast<size_t>(graph.outputs[i])];
    if (!says(fact, outputs[i])) {
      return concat("inferred type ", dtype_name(fact.dtype), " for output ", i, ", received ",
                    dtype_name(outputs[i].dtype()));
    }
    if (is_container(fact.dtype)) continue;
    if (!fact.dims && depends_on_data(graph)) continue;
    if (!fact.dims) return concat("no shape was inferred for output ", i);
    const Dims received = to_dims(outputs[i].shape());
    bool fits = fact.dims->size() == received.size();
    bool is_concrete = true;
    for (size_t k = 0; fits && k < received.size(); ++k) {
      const Dim& dim = (*fact.dims)[k];
      fits = !dim.known() || dim == received[k];
      is_concrete = is_concrete && dim.known();
    }
    if (!fits || (!is_concrete && !depends_on_data(graph))) {
      return concat("inferred shape ", to_string(*fact.dims), " for output ", i, ", received ",
                    to_string(received));
    }
  }
  return "";
}

/** The older test data keeps bfloat16 as uint16: the same bits under the declared type. */
Tensor as_declared(const Tensor& tensor, const Value& value) {
  if (tensor.dtype() != DType::u16 || value.dtype != DType::bf16) return tensor;
  Tensor bits = tensor;
  return Tensor::borrow(DType::bf16, bits.shape(), bits.mutable_raw(), bits.owner());
}

std::string run_data_set(const Case& which, const std::filesystem::path& data_set) {
  const Model model = read_model(read_file(which.folder / "model.onnx"));
  const auto inputs = read_values(data_set, "input", model.graph, model.graph.inputs);
  const auto expected = read_values(data_set, "output", model.graph, model.graph.outputs);
  std::map<std::string, Tensor> feeds;
  size_t next = 0;
  for (ValueId id : model.graph.inputs) {
    const Value& value = model.graph.value(id);
    if (next < inputs.size()) feeds[value.name] = as_declared(inputs[next++], value);
  }
  SerialPool pool;
  const auto outputs = interpret(model.graph, all_ops(), feeds, pool);
  if (outputs.size() != expected.size()) {
    return concat(outputs.size(), " outputs, expected ", expected.size());
  }
  const auto compare = [&](const std::vector<Tensor>& results) -> std::string {
    for (size_t i = 0; i < results.size(); ++i) {
      const Value& value = model.graph.value(model.graph.outputs[i]);
      const std::string what = difference(results[i], as_declared(expected[i], value));
      if (!what.empty()) return concat("output ", i, ": ", what);
    }
    return "";
  };
  if (const std::string what = compare(outputs); !what.empty()) return what;
  // Some cases are fed what their model does not declare.
  auto as_fed = std::make_shared<Model>(model);
  for (ValueId id : as_fed->graph.inputs) as_fed->graph.value(id).dims.reset();
  Session session(std::move(as_fed), {});
  if (const std::string what = compare(session.run(feeds)); !what.empty()) return "plan: " + what;
  return check_inference(model.graph, feeds, outputs);
}

/** Empty when every data set of the case passes; else why not. */
std::string run_case(const Case& which) {
  try {
    for (const auto& data_set : data_sets(which)) {
      const std::string what = run_data_set(which, data_set);
      if (!what.empty()) return what;
    }
    return "";
  } catch (const Error& error) {
    return concat(code_name(error.code), ": ", error.message);
  } catch (const std::exception& error) {
    return concat("not a whittle::Error: ", error.what());
  }
}

struct Count {
  int cases = 0;
  int passed = 0;
};

int run(const std::string& list, const std::vector<std::string>& folders, bool print_all) {
  const auto expected_failures = read_expected_failures(list);
  std::map<std::string, Count> counts;
  int surprises = 0;
  bool found = false;
  for (const std::string& folder : folders) {
    if (!std::filesystem::is_directory(folder)) continue;
    found = true;
    for (const Case& which : find_cases(folder)) {
      const std::string what = run_case(which);
      const bool passes = what.empty();
      const bool is_listed = expected_failures.count(which.name) != 0;
      Count& count = counts[which.name.substr(0, which.name.find('/'))];
      ++count.cases;
      count.passed += passes;
      if (print_all && !passes) std::printf("%s: %s\n", which.name.c_str(), what.c_str());
      if (passes != is_listed) continue;
      ++surprises;
      if (passes) std::printf("PASSES, but is listed: %s\n", which.name.c_str());
      if (!passes && !print_all) std::printf("FAILS %s: %s\n", which.name.c_str(), what.c_str());
    }
  }
  if (!found) {
    std::printf("No test data found (Debian: libonnx-testdata)\n");
    return 77;
  }
  Count total;
  for (const auto& [suite, count] : counts) {
    std::printf("%-20s %4d of %4d pass\n", suite.c_str(), count.passed, count.cases);
    total.cases += count.cases;
    total.passed += count.passed;
  }
  std::printf("%-20s %4d of %4d pass, %d surprises\n", "conformance", total.passed, total.cases,
              surprises);
  return surprises == 0 ? 0 : 1;
}

}  // namespace
}  // namespace whittle::test

int main(int argc, char** argv) {
  std::vector<std::string> folders;
  std::string list = "tests/conformance/expected_failures.txt";
  bool print_all = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--all") {
      print_all = true;
    } else if (argument == "--list" && i + 1 < argc) {
      list = argv[++i];
    } else {
      folders.push_back(argument);
    }
  }
  return whittle::test::run(list, folders, print_all);
}
