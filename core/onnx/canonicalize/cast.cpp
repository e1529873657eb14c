#include <algorithm>
#include <iterator>

#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

void name_to_number(Graph&, Node& node) {
  const auto found = node.attributes.find("to");
  if (found == node.attributes.end()) return;
  const auto* name = std::get_if<std::string>(&found->second);
  if (name == nullptr) return;
  constexpr std::string_view kNames[] = {
      "UNDEFINED", "FLOAT", "UINT8",   "INT8",   "UINT16", "INT16",  "INT32",     "INT64",
      "STRING",    "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128"};
  const auto position = std::find(std::begin(kNames), std::end(kNames), *name);
  if (position == std::end(kNames)) {
    fail(Code::INVALID_MODEL, node.label(), "Expected an element type for attribute 'to' of ",
         node.label(), " but received '", *name, "'");
  }
  found->second = static_cast<int64_t>(position - std::begin(kNames));
}

bool to_range(const Node& node, DType first, DType last) {
  const int64_t to = node.int_attribute("to", 0);
  return to >= static_cast<int64_t>(first) && to <= static_cast<int64_t>(last);
}

bool to_float8(const Graph&, const Node& node) {
  return to_range(node, DType::f8e4m3fn, DType::f8e5m2fnuz);
}

bool to_int4(const Graph&, const Node& node) {
  return to_range(node, DType::u4, DType::i4);
}

void drop_default(Graph&, Node& node) {
  node.attributes.erase("saturate");
}

}  // namespace

/** Cast: the type was named by a string; narrow types came at 19 and 21. */
void register_canonicalize_cast(CanonicalizeTable& table) {
  table.add({"Cast", 5, name_to_number});
  table.add({"Cast", 18, nullptr, drop_default, to_float8});
  table.add({"Cast", 20, nullptr, nullptr, to_int4});
}

}  // namespace whittle
