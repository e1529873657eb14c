#pragma once

#include <emscripten/val.h>

#include <memory>

#include "core/graph/graph.h"

namespace whittle::bindings {

/** A loaded model as JavaScript holds it. */
class ModelHandle {
 public:
  explicit ModelHandle(Model model) : model_(std::make_shared<const Model>(std::move(model))) {}

  const std::shared_ptr<const Model>& model() const { return model_; }
  /** {inputs, outputs, opset}: names, types and dims, symbols included. */
  emscripten::val describe() const;
  /** A Uint8Array with the model as ONNX. */
  emscripten::val to_bytes() const;
  /** JSON of measure/summary.h; `shapes` gives concrete dims for inputs by name. */
  emscripten::val summary(const emscripten::val& shapes) const;

 private:
  std::shared_ptr<const Model> model_;
};

}  // namespace whittle::bindings
