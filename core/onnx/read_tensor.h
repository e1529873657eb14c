#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/onnx/reader.h"
#include "core/onnx/wire.h"
#include "core/tensor/tensor.h"

namespace whittle::onnx {

/** What reading tensors needs to know of the file around them. */
struct TensorContext {
  const Source& source;
  /** Keeps the file's buffer alive for the tensors that are slices of it. */
  std::shared_ptr<const void> owner;
  const std::map<std::string, Bytes>& external;
  /** Locations of external data the model states and nobody gave; reported together. */
  std::set<std::string> missing;
};

/** Whether a tensor may become a slice of the file; false where the bytes are read again later. */
enum class Storage { slice, copy };

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/**
 * Reads a TensorProto of any encoding (raw, typed fields, external). With Storage::slice raw data
 * is moved left inside the message to a 4-byte (8 for 64-bit elements) boundary and borrowed, which
 * overwrites fields of this message already read. Throws INVALID_MODEL, UNSUPPORTED_TYPE,
 * LIMIT_EXCEEDED. A tensor whose external file is missing has the stated shape and no data.
 */
NamedTensor read_tensor(std::string_view bytes, TensorContext& context, Storage storage);

/** Reads a SparseTensorProto (COO, linear or per-axis indices) as a dense tensor. */
NamedTensor read_sparse_tensor(std::string_view bytes, TensorContext& context, Storage storage);

}  // namespace whittle::onnx
