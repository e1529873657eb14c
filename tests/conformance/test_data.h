#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/onnx/reader.h"
#include "core/tensor/tensor.h"

namespace whittle::test {

/** A whole file in memory; throws LOAD_FAILED. */
Bytes read_file(const std::filesystem::path& path);
/** A value kept as a TensorProto, or where `type` says so as a SequenceProto or OptionalProto
 * (input_0.pb, output_0.pb). */
Tensor read_value_file(const std::filesystem::path& path, DType type);

/** One case of ONNX's backend tests: a folder with model.onnx and test_data_set_*. */
struct Case {
  std::string name;  // "node/test_relu"
  std::filesystem::path folder;
};
/** All cases under `root`, sorted: root/<suite>/<case>/model.onnx. */
std::vector<Case> find_cases(const std::filesystem::path& root);
/** The data sets of a case, sorted. */
std::vector<std::filesystem::path> data_sets(const Case& which);
/** input_<i>.pb or output_<i>.pb of a data set for the values `ids` of `graph`, as far as they are
 * numbered without a gap. */
std::vector<Tensor> read_values(const std::filesystem::path& data_set, const std::string& prefix,
                                const Graph& graph, const std::vector<ValueId>& ids);

}  // namespace whittle::test
