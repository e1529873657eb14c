// RegexFullMatch: which texts a regular expression matches from end to end.
#include "core/ops/support/infer.h"
#include "core/ops/support/regex.h"
#include "core/ops/support/text.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, DType::boolean, context.dims(0));
}

void evaluate(EvalContext& context) {
  const Tensor& x = text_input(context, 0);
  const Regex regex(context.node().string_attribute("pattern", ""), context.node().label());
  const auto y = context.output(0, DType::boolean, x.shape()).mutable_data<bool>();
  for (size_t i = 0; i < y.size(); ++i) y[i] = regex.matches(x.strings()[i]);
}

}  // namespace

void register_regex_full_match(OpTable& table) {
  table.add({.name = "RegexFullMatch", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
