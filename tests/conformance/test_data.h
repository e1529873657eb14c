#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/onnx/reader.h"
#include "core/tensor/tensor.h"

namespace whittle::test {

/** A whole file in memory; throws LOAD_FAILED. */
Bytes read_file(const std::filesystem::path& path);
/** A tensor kept as a TensorProto (input_0.pb, output_0.pb). */
Tensor read_tensor_file(const std::filesystem::path& path);

/** One case of ONNX's backend tests: a folder with model.onnx and test_data_set_*. */
struct Case {
  std::string name;  // "node/test_relu"
  std::filesystem::path folder;
};
/** All cases under `root`, sorted: root/<suite>/<case>/model.onnx. */
std::vector<Case> find_cases(const std::filesystem::path& root);
/** The data sets of a case, sorted. */
std::vector<std::filesystem::path> data_sets(const Case& which);
/** input_<i>.pb or output_<i>.pb of a data set, as far as they are numbered without a gap. */
std::vector<Tensor> read_tensors(const std::filesystem::path& data_set, const std::string& prefix);

}  // namespace whittle::test
