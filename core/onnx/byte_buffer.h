#pragma once

#include <cstddef>
#include <protozero/basic_pbf_writer.hpp>
#include <vector>

namespace whittle::onnx {

/** What protozero writes into: the very bytes handed out in the end, so that nothing is copied. */
struct ByteBuffer {
  std::vector<std::byte> bytes;
  void push_back(char value) { bytes.push_back(static_cast<std::byte>(value)); }
};
using Writer = protozero::basic_pbf_writer<ByteBuffer>;

}  // namespace whittle::onnx

template <>
struct protozero::buffer_customization<whittle::onnx::ByteBuffer> {
  using Buffer = whittle::onnx::ByteBuffer;
  static std::size_t size(const Buffer* buffer) noexcept { return buffer->bytes.size(); }
  static void append(Buffer* buffer, const char* data, std::size_t count) {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    buffer->bytes.insert(buffer->bytes.end(), first, first + count);
  }
  static void append_zeros(Buffer* buffer, std::size_t count) {
    buffer->bytes.insert(buffer->bytes.end(), count, std::byte{0});
  }
  static void resize(Buffer* buffer, std::size_t size) { buffer->bytes.resize(size); }
  static void reserve_additional(Buffer* buffer, std::size_t size) {
    buffer->bytes.reserve(buffer->bytes.size() + size);
  }
  static void erase_range(Buffer* buffer, std::size_t from, std::size_t to) {
    const auto begin = buffer->bytes.begin();
    buffer->bytes.erase(begin + static_cast<std::ptrdiff_t>(from),
                        begin + static_cast<std::ptrdiff_t>(to));
  }
  static char* at_pos(Buffer* buffer, std::size_t pos) {
    return reinterpret_cast<char*>(buffer->bytes.data()) + pos;
  }
  static void push_back(Buffer* buffer, char value) { buffer->push_back(value); }
};
