#include "bindings/convert.h"

#include <cmath>

#include "core/base/checked.h"
#include "core/tensor/sequence.h"

namespace whittle::bindings {

using emscripten::typed_memory_view;
using emscripten::val;

namespace {

/** The typed array that holds elements of `dtype`; packed and 16-bit floats travel as raw bits. */
const char* array_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "Float32Array";
    case DType::f64:
      return "Float64Array";
    case DType::i8:
      return "Int8Array";
    case DType::i16:
      return "Int16Array";
    case DType::i32:
      return "Int32Array";
    case DType::i64:
      return "BigInt64Array";
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return "Uint16Array";
    case DType::u32:
      return "Uint32Array";
    case DType::u64:
      return "BigUint64Array";
    default:
      return "Uint8Array";
  }
}

val byte_view(const std::byte* data, size_t size) {
  return val(typed_memory_view(size, reinterpret_cast<const uint8_t*>(data)));
}

void fill_strings(Tensor& tensor, const val& data, const std::string& name) {
  const auto count = data["length"].as<int>();
  if (count != tensor.elements()) {
    fail(Code::SHAPE_MISMATCH, name, "Expected ", tensor.elements(), " strings for '", name,
         "' but received ", count);
  }
  for (int i = 0; i < count; ++i) {
    tensor.mutable_strings()[static_cast<size_t>(i)] = data[i].as<std::string>();
  }
}

}  // namespace

Shape shape_from_js(const val& dims, const std::string& name) {
  Shape shape;
  const int rank = dims["length"].as<int>();
  for (int i = 0; i < rank; ++i) {
    const double dim = dims[i].as<double>();
    if (!(dim >= 0 && dim <= static_cast<double>(kMaxTensorBytes) && std::floor(dim) == dim)) {
      fail(Code::SHAPE_MISMATCH, name, "Expected whole dimensions of at least 0 for '", name,
           "' but received ", dim);
    }
    shape.push_back(static_cast<int64_t>(dim));
  }
  return shape;
}

Tensor tensor_from_js(const val& object, const std::string& name) {
  const std::string type = object["type"].as<std::string>();
  const DType dtype = dtype_from_name(type);
  if (dtype == DType::undefined) {
    fail(Code::TYPE_MISMATCH, name, "Expected an element type for '", name, "' but received '",
         type, "'");
  }
  const Shape shape = shape_from_js(object["dims"], name);
  const val data = object["data"];
  Tensor tensor = Tensor::allocate(dtype, shape);
  if (dtype == DType::string) {
    fill_strings(tensor, data, name);
    return tensor;
  }
  const auto bytes = data["byteLength"].as<double>();
  if (bytes != static_cast<double>(tensor.bytes())) {
    const double width = data["BYTES_PER_ELEMENT"].as<double>();
    fail(Code::SHAPE_MISMATCH, name, "Expected ", tensor.elements(), " elements of ", type,
         " for '", name, "' of shape ", to_string(shape), " but received ", bytes / width);
  }
  const val source = val::global("Uint8Array").new_(data["buffer"], data["byteOffset"], bytes);
  byte_view(tensor.raw(), static_cast<size_t>(tensor.bytes())).call<void>("set", source);
  return tensor;
}

val bytes_to_js(const std::byte* data, size_t size) {
  return val::global("Uint8Array").new_(byte_view(data, size));
}

val tensor_to_js(const Tensor& tensor) {
  val object = val::object();
  object.set("type", std::string(dtype_name(tensor.dtype())));
  val dims = val::array();
  for (int64_t dim : tensor.shape()) dims.call<void>("push", static_cast<double>(dim));
  object.set("dims", dims);
  if (tensor.dtype() == DType::string) {
    val strings = val::array();
    for (const std::string& text : tensor.strings()) strings.call<void>("push", text);
    object.set("data", strings);
    return object;
  }
  const val bytes = bytes_to_js(tensor.raw(), static_cast<size_t>(tensor.bytes()));
  object.set("data", val::global(array_type(tensor.dtype())).new_(bytes["buffer"]));
  return object;
}

Tensor value_from_js(const val& value, const std::string& name) {
  if (value.isNull()) return make_none();
  if (!value.isArray()) return tensor_from_js(value, name);
  std::vector<Tensor> items;
  const int count = value["length"].as<int>();
  for (int i = 0; i < count; ++i) items.push_back(tensor_from_js(value[i], name));
  const DType element = items.empty() ? DType::undefined : items[0].dtype();
  return make_sequence(element, std::move(items), name);
}

val value_to_js(const Tensor& value) {
  if (is_none(value)) return val::null();
  if (!is_sequence(value)) return tensor_to_js(value);
  val array = val::array();
  for (const Tensor& item : as_sequence(value, "").items) {
    array.call<void>("push", tensor_to_js(item));
  }
  return array;
}

std::vector<std::string> strings_from_js(const val& array) {
  return emscripten::vecFromJSArray<std::string>(array);
}

Feeds feeds_from_js(const val& object) {
  Feeds feeds;
  const val keys = val::global("Object").call<val>("keys", object);
  for (const std::string& key : strings_from_js(keys)) {
    feeds.emplace(key, value_from_js(object[key], key));
  }
  return feeds;
}

}  // namespace whittle::bindings
