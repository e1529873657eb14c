#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/graph/graph.h"

namespace whittle {

/** A file in memory; tensors of a model that was read from it share it. */
struct Bytes {
  std::shared_ptr<std::byte[]> data;
  size_t size = 0;
};

struct ReadOptions {
  /** How messages name the file. */
  std::string file_name = "the model";
  /** External data files by the location the model states. */
  std::map<std::string, Bytes> external;
};

/**
 * Parses an ONNX ModelProto and canonicalizes it to kInternalOpset. Initializers become slices of
 * `file` (moved left inside it to their alignment, so the buffer's content is consumed); nothing is
 * copied. Unknown operators are kept. Throws NOT_A_MODEL (naming what the bytes look like and how
 * to get ONNX from it), INVALID_MODEL, EXTERNAL_DATA_MISSING (listing the files), LIMIT_EXCEEDED,
 * UNSUPPORTED, INVALID_GRAPH.
 */
Model read_model(Bytes file, const ReadOptions& options = {});

}  // namespace whittle
