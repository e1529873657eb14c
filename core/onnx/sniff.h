#pragma once

#include <string>
#include <string_view>

namespace whittle::onnx {

/** What bytes that are not an ONNX model look like, and how to get a model from them. */
struct Format {
  std::string what;    // "a git-LFS pointer"
  std::string advice;  // "Run \"git lfs pull\", or download the raw file."
};

/** Recognises what people drop by mistake; an empty `what` when the bytes may be ONNX. */
Format sniff(std::string_view bytes);

/** Throws NOT_A_MODEL when `sniff` recognises the bytes. */
void reject_foreign_formats(std::string_view bytes, const std::string& file_name);
/** Throws NOT_A_MODEL for a protobuf (or noise) without a graph inside. */
[[noreturn]] void fail_not_onnx(std::string_view bytes, const std::string& file_name);

}  // namespace whittle::onnx
