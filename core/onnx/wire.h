#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace whittle::onnx {

/** Where a message lies: for error messages, and for tensors that become slices of the file. */
struct Source {
  const char* begin = nullptr;
  std::string file_name;
};

/**
 * A protobuf message read field by field. Unlike pbf_reader alone it checks wire types and lengths
 * before it reads (protozero asserts the first, and wraps the second on 32-bit machines); what is
 * wrong throws INVALID_MODEL with the byte offset.
 */
class Message {
 public:
  Message(std::string_view bytes, const Source& source)
      : reader_(bytes.data(), bytes.size()), source_(&source) {}

  /** Steps to the next field; false at the end. */
  bool next();
  uint32_t field() const { return reader_.tag(); }
  void skip();

  int64_t integer();
  float number();
  /** A length-delimited field as it lies in the file. */
  std::string_view bytes();
  std::string text() { return std::string(bytes()); }
  Message message() { return Message(bytes(), *source_); }
  /** Appends a repeated scalar field, packed or not. */
  void append_integers(std::vector<int64_t>& out);
  void append_floats(std::vector<float>& out);
  void append_doubles(std::vector<double>& out);
  /** True when the field at hand is length-delimited (a packed array rather than one element). */
  bool is_packed() const {
    return reader_.wire_type() == protozero::pbf_wire_type::length_delimited;
  }
  const Source& source() const { return *source_; }

 private:
  void expect(protozero::pbf_wire_type wanted, const char* name);
  /** Runs `read`, turning what protozero throws into INVALID_MODEL. */
  template <typename Read>
  auto guarded(const Read& read);

  protozero::pbf_reader reader_;
  const Source* source_;
};

}  // namespace whittle::onnx
