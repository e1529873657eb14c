// TensorScatter: writes new rows into a cache (keys and values of attention).
#include "core/ops/support/axes.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

// y = cache, but y[b, .., at[b] + s, ..] = update[b, .., s, ..] along the axis; modulo the cache's
// length when circular.   cache, y [batch, .., length, ..]   update [batch, .., new, ..]   at
// [batch]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& cache = context.input(0);
  const Tensor& update = context.input(1);
  const bool circular = node.string_attribute("mode", "linear") == "circular";
  const AxisSplit split = split_at(cache.shape(), node.int_attribute("axis", -2), node);
  const AxisSplit fresh = split_at(update.shape(), node.int_attribute("axis", -2), node);
  std::vector<int64_t> starts;
  if (context.has_input(2)) starts = to_int64s(context.input(2), node.label());
  const int64_t batch = cache.shape()[0];
  if (starts.empty()) starts.resize(static_cast<size_t>(batch), 0);
  if (split.outer != fresh.outer || split.inner != fresh.inner || fresh.axis > split.axis ||
      static_cast<int64_t>(starts.size()) != batch || cache.dtype() != update.dtype()) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected an update that fits into ",
         to_string(cache.shape()), " for ", node.label(), " but received ",
         to_string(update.shape()));
  }
  Tensor& y = context.output(0, cache.dtype(), cache.shape());
  copy_elements(y, 0, cache, 0, cache.elements());
  for (int64_t o = 0; o < split.outer; ++o) {
    const int64_t start = starts[static_cast<size_t>(o * batch / split.outer)];
    if (start < 0 || start > split.axis - (circular ? 1 : fresh.axis)) {
      fail(Code::INVALID_DATA, node.label(), "Expected a write index inside the cache for ",
           node.label(), " but received ", start);
    }
    for (int64_t s = 0; s < fresh.axis; ++s) {
      copy_elements(y, (o * split.axis + (start + s) % split.axis) * split.inner, update,
                    (o * fresh.axis + s) * split.inner, split.inner);
    }
  }
}

}  // namespace

void register_tensor_scatter(OpTable& table) {
  table.add({.name = "TensorScatter",
             .infer = infer_same,
             .evaluate = evaluate,
             .traits = Trait::moves_data});
}

}  // namespace whittle
