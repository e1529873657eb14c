// StringConcat: texts joined, with broadcasting.
#include "core/ops/support/infer.h"
#include "core/ops/support/text.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

// y = a followed by b
void evaluate(EvalContext& context) {
  const Tensor& a = text_input(context, 0);
  const Tensor& b = text_input(context, 1);
  const Shape shape = broadcast(a.shape(), b.shape(), context.node().label());
  std::vector<std::string>& y = context.output(0, DType::string, shape).mutable_strings();
  Shape walked = shape;
  Shape strides[2] = {broadcast_strides(a.shape(), shape), broadcast_strides(b.shape(), shape)};
  collapse_axes(walked, strides);
  size_t at = 0;
  for_each_row(walked, strides, [&](const int64_t* offsets) {
    for (int64_t i = 0; i < walked.back(); ++i) {
      y[at++] = a.strings()[static_cast<size_t>(offsets[0] + i * strides[0].back())] +
                b.strings()[static_cast<size_t>(offsets[1] + i * strides[1].back())];
    }
  });
}

}  // namespace

void register_string_concat(OpTable& table) {
  table.add({.name = "StringConcat", .infer = infer_broadcast, .evaluate = evaluate});
}

}  // namespace whittle
