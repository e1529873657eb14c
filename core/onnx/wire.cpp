#include "core/onnx/wire.h"

#include <cstring>

namespace whittle::onnx {

using protozero::pbf_wire_type;

template <typename Read>
auto Message::guarded(const Read& read) {
  try {
    return read();
  } catch (const protozero::exception& error) {
    const auto offset = reader_.data().data() - source_->begin;
    const bool cut = dynamic_cast<const protozero::end_of_buffer_exception*>(&error) != nullptr;
    fail(Code::INVALID_MODEL, "byte " + std::to_string(offset),
         "Expected a complete ONNX model for ", source_->file_name, " but received ",
         cut ? "truncated" : "damaged", " data at byte ", offset,
         ". Download or export the file again");
  }
}

bool Message::next() {
  return guarded([&] { return reader_.next(); });
}

void Message::skip() {
  if (is_packed()) {
    bytes();
  } else {
    guarded([&] {
      reader_.skip();
      return 0;
    });
  }
}

void Message::expect(pbf_wire_type wanted, const char* name) {
  if (reader_.wire_type() == wanted) return;
  const auto offset = reader_.data().data() - source_->begin;
  fail(Code::INVALID_MODEL, "byte " + std::to_string(offset), "Expected ", name, " in field ",
       field(), " at byte ", offset, " of ", source_->file_name, " but received wire type ",
       static_cast<int>(reader_.wire_type()));
}

int64_t Message::integer() {
  expect(pbf_wire_type::varint, "an integer");
  return guarded([&] { return reader_.get_int64(); });
}

float Message::number() {
  expect(pbf_wire_type::fixed32, "a float");
  return guarded([&] { return reader_.get_float(); });
}

std::string_view Message::bytes() {
  expect(pbf_wire_type::length_delimited, "a length-delimited value");
  return guarded([&] {
    const auto rest = reader_.data();
    const char* cursor = rest.data();
    const uint64_t length = protozero::decode_varint(&cursor, rest.data() + rest.size());
    if (length > static_cast<uint64_t>(rest.data() + rest.size() - cursor)) {
      throw protozero::end_of_buffer_exception{};
    }
    const auto view = reader_.get_view();
    return std::string_view(view.data(), view.size());
  });
}

void Message::append_integers(std::vector<int64_t>& out) {
  if (!is_packed()) {
    out.push_back(integer());
    return;
  }
  const std::string_view packed = bytes();
  guarded([&] {
    const char* cursor = packed.data();
    const char* end = cursor + packed.size();
    while (cursor != end) {
      out.push_back(static_cast<int64_t>(protozero::decode_varint(&cursor, end)));
    }
    return 0;
  });
}

void Message::append_floats(std::vector<float>& out) {
  if (!is_packed()) {
    out.push_back(number());
    return;
  }
  const std::string_view packed = bytes();
  guarded([&] {
    if (packed.size() % sizeof(float) != 0) throw protozero::invalid_length_exception{};
    return 0;
  });
  const size_t old = out.size();
  out.resize(old + packed.size() / sizeof(float));
  if (!packed.empty()) std::memcpy(out.data() + old, packed.data(), packed.size());
}

void Message::append_doubles(std::vector<double>& out) {
  if (!is_packed()) {
    expect(pbf_wire_type::fixed64, "a double");
    out.push_back(guarded([&] { return reader_.get_double(); }));
    return;
  }
  const std::string_view packed = bytes();
  guarded([&] {
    if (packed.size() % sizeof(double) != 0) throw protozero::invalid_length_exception{};
    return 0;
  });
  const size_t old = out.size();
  out.resize(old + packed.size() / sizeof(double));
  if (!packed.empty()) std::memcpy(out.data() + old, packed.data(), packed.size());
}

}  // namespace whittle::onnx
