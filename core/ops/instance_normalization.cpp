#include <algorithm>

#include "core/ops/op.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

// Each channel of each image is a group of its own; the formula is in normalize.h.
void evaluate(EvalContext& context) {
  require_rank(context.node(), context.input(0).shape(), 2);
  normalize_groups(context, std::max<int64_t>(1, context.input(0).shape()[1]));
}

}  // namespace

void register_instance_normalization(OpTable& table) {
  table.add(
      {.domain = "", .name = "InstanceNormalization", .infer = infer_same, .evaluate = evaluate});
}

}  // namespace whittle
