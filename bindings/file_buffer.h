#pragma once

#include <emscripten/val.h>

#include <cstring>

#include "core/base/error.h"
#include "core/onnx/reader.h"

namespace whittle::bindings {

/** A file being streamed into the module: chunks are appended, then the whole is taken once. */
class FileBuffer {
 public:
  /** `expected_size` in bytes (0 when the sender did not say) saves growing copies. */
  explicit FileBuffer(double expected_size) { reserve(static_cast<size_t>(expected_size)); }

  /** Appends a Uint8Array. */
  void append(const emscripten::val& chunk) {
    const auto length = chunk["byteLength"].as<size_t>();
    if (bytes_.size + length > capacity_) {
      reserve(std::max(bytes_.size + length, capacity_ + capacity_ / 2));
    }
    emscripten::val view(emscripten::typed_memory_view(
        length, reinterpret_cast<uint8_t*>(bytes_.data.get() + bytes_.size)));
    view.call<void>("set", chunk);
    bytes_.size += length;
  }

  /** Hands the bytes over; the buffer is empty afterwards. */
  Bytes take() {
    capacity_ = 0;
    return std::exchange(bytes_, Bytes{});
  }

 private:
  void reserve(size_t capacity) {
    auto grown = std::make_shared_for_overwrite<std::byte[]>(capacity);
    if (bytes_.size > 0) std::memcpy(grown.get(), bytes_.data.get(), bytes_.size);
    bytes_.data = std::move(grown);
    capacity_ = capacity;
  }

  Bytes bytes_;
  size_t capacity_ = 0;
};

}  // namespace whittle::bindings
