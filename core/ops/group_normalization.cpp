#include "core/ops/op.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

// Groups of channels / num_groups neighbouring channels; the formula is in normalize.h.
void evaluate(EvalContext& context) {
  normalize_groups(context, context.node().int_attribute("num_groups", 0));
}

}  // namespace

void register_group_normalization(OpTable& table) {
  table.add(
      {.domain = "", .name = "GroupNormalization", .infer = infer_same, .evaluate = evaluate});
}

}  // namespace whittle
