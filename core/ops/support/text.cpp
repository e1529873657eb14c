#include "core/ops/support/text.h"

#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"

namespace whittle {

const Tensor& text_input(const EvalContext& context, size_t i) {
  require_inputs(context.node(), i + 1);
  const Tensor& tensor = context.input(i);
  if (tensor.dtype() != DType::string) fail_type(tensor.dtype(), context.node());
  return tensor;
}

}  // namespace whittle
