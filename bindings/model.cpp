#include "bindings/model.h"

#include <emscripten/bind.h>

#include "bindings/convert.h"
#include "bindings/file_buffer.h"
#include "bindings/guard.h"
#include "core/measure/summary.h"
#include "core/onnx/reader.h"
#include "core/onnx/writer.h"

namespace whittle::bindings {

using emscripten::val;

namespace {

/** A known dimension as a number, a symbol as a string, an unnamed unknown one as null. */
val dim_to_js(const Dim& dim) {
  if (dim.known()) return val(static_cast<double>(dim.value));
  return dim.symbol.empty() ? val::null() : val(dim.symbol);
}

val dims_to_js(const Dims& dims) {
  val array = val::array();
  for (const Dim& dim : dims) array.call<void>("push", dim_to_js(dim));
  return array;
}

val values_to_js(const Graph& graph, const std::vector<ValueId>& ids) {
  val list = val::array();
  for (ValueId id : ids) {
    const Value& value = graph.value(id);
    val item = val::object();
    item.set("name", value.name);
    item.set("dims", value.dims ? dims_to_js(*value.dims) : val::null());
    if (is_container(value.dtype)) {
      item.set("kind", std::string(dtype_name(value.dtype)));
      item.set("type", std::string(dtype_name(value.element)));
      if (value.element_dims) item.set("elementDims", dims_to_js(*value.element_dims));
    } else {
      item.set("type", std::string(dtype_name(value.dtype)));
    }
    list.call<void>("push", item);
  }
  return list;
}

/** Reads a model from `file`, which is consumed. `external` maps stated locations to FileBuffers.
 */
val open_model(FileBuffer& file, const std::string& file_name, const val& external) {
  return guarded([&] {
    ReadOptions options;
    options.file_name = file_name;
    const val keys = val::global("Object").call<val>("keys", external);
    for (const std::string& key : strings_from_js(keys)) {
      options.external[key] =
          external[key].as<FileBuffer*>(emscripten::allow_raw_pointers())->take();
    }
    return val(std::make_shared<ModelHandle>(read_model(file.take(), options)));
  });
}

}  // namespace

val ModelHandle::describe() const {
  val info = val::object();
  info.set("inputs", values_to_js(model_->graph, model_->graph.inputs));
  info.set("outputs", values_to_js(model_->graph, model_->graph.outputs));
  info.set("opset", static_cast<double>(required_opset(*model_)));
  return info;
}

val ModelHandle::to_bytes() const {
  return guarded([&] {
    const std::vector<std::byte> bytes = write_model(*model_);
    return bytes_to_js(bytes.data(), bytes.size());
  });
}

val ModelHandle::summary(const val& shapes) const {
  return guarded([&] {
    std::map<std::string, Shape> input_shapes;
    const val keys = val::global("Object").call<val>("keys", shapes);
    for (const std::string& name : strings_from_js(keys)) {
      input_shapes[name] = shape_from_js(shapes[name], name);
    }
    return val(summarize(*model_, all_ops(), input_shapes).dump());
  });
}

EMSCRIPTEN_BINDINGS(whittle_model) {
  emscripten::class_<FileBuffer>("FileBuffer")
      .constructor<double>()
      .function("append", &FileBuffer::append);
  emscripten::class_<ModelHandle>("ModelHandle")
      .smart_ptr<std::shared_ptr<ModelHandle>>("ModelHandle")
      .function("describe", &ModelHandle::describe)
      .function("toBytes", &ModelHandle::to_bytes)
      .function("summary", &ModelHandle::summary);
  emscripten::function("openModel", &open_model);
}

}  // namespace whittle::bindings
