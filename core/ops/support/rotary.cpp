#include "core/ops/support/rotary.h"

#include <algorithm>

#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {

RotaryTable RotaryTable::read(const EvalContext& context, size_t cosines, size_t sines,
                              bool interleaved) {
  RotaryTable table;
  table.cosines = float_values(context, cosines);
  table.sines = float_values(context, sines);
  table.interleaved = interleaved;
  const Node& node = context.node();
  require_elements(context, context.input(sines), context.input(cosines).elements(), "sines");
  require_rank(node, context.input(cosines).shape(), 2);
  table.half = table.columns = context.input(cosines).shape().back();
  if (table.cosines.empty()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected a table of angles for ", node.label(),
         " but received an empty one");
  }
  return table;
}

void RotaryTable::rotate(const float* x, float* y, int64_t size, int64_t position,
                         const Node& node) const {
  if (position < 0 || position >= positions() || 2 * half > size) {
    fail(Code::INVALID_DATA, node.label(), "Expected a position below ", positions(),
         " and heads of at least ", 2 * half, " for ", node.label(), " but received ", position,
         " and ", size);
  }
  const float* c = cosines.data() + position * columns;
  const float* s = sines.data() + position * columns;
  for (int64_t i = 0; i < half; ++i) {
    const int64_t first = interleaved ? 2 * i : i;
    const int64_t second = interleaved ? first + 1 : i + half;
    const float a = x[first];
    const float b = x[second];
    y[first] = a * c[i] - b * s[i];
    y[second] = a * s[i] + b * c[i];
  }
  std::copy(x + 2 * half, x + size, y + 2 * half);
}

}  // namespace whittle
