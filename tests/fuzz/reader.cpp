// Any bytes: a typed error or a model; and what was read can be written and read again.

#include "core/onnx/reader.h"

#include <cstdint>
#include <cstring>

#include "core/graph/verify.h"
#include "core/onnx/writer.h"

namespace {

whittle::Bytes copy(const void* data, size_t size) {
  whittle::Bytes bytes{std::shared_ptr<std::byte[]>(new std::byte[size]), size};
  if (size > 0) std::memcpy(bytes.data.get(), data, size);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    whittle::Model model = whittle::read_model(copy(data, size));
    const auto written = whittle::write_model(model);
    model = whittle::read_model(copy(written.data(), written.size()));
    whittle::verify(model.graph);
  } catch (const whittle::Error&) {
    // The only exception that may leave the core.
  }
  return 0;
}
