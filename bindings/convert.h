#pragma once

#include <emscripten/val.h>

#include <string>
#include <vector>

#include "core/runtime/session.h"
#include "core/tensor/tensor.h"

namespace whittle::bindings {

/** A JavaScript {type, dims, data} as a tensor with memory of its own. `name` is for messages.
 * Throws TYPE_MISMATCH, SHAPE_MISMATCH. */
Tensor tensor_from_js(const emscripten::val& object, const std::string& name);

/** {type, dims, data} with a fresh typed array (or an array of strings). No view of the heap is
 * handed out: it would die when memory grows. */
emscripten::val tensor_to_js(const Tensor& tensor);

/** A tensor, an array of tensors for a sequence, null for an optional without content. */
Tensor value_from_js(const emscripten::val& value, const std::string& name);
emscripten::val value_to_js(const Tensor& value);

/** A JavaScript object of values by name. */
Feeds feeds_from_js(const emscripten::val& object);

/** A JavaScript array of whole numbers. Throws SHAPE_MISMATCH naming `name`. */
Shape shape_from_js(const emscripten::val& dims, const std::string& name);

/** A JavaScript array of strings. */
std::vector<std::string> strings_from_js(const emscripten::val& array);

/** A fresh Uint8Array with a copy of the bytes. */
emscripten::val bytes_to_js(const std::byte* data, size_t size);

}  // namespace whittle::bindings
