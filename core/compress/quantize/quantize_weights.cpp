#include "core/compress/quantize/support/weight_only.h"
#include "core/compress/quantize/support/weights.h"
#include "core/compress/technique.h"

namespace whittle {
namespace {

Job run(TechniqueContext& context) {
  co_await store_weights_as_int8(context, context.layers(weight_ops()));
}

}  // namespace

void register_quantize_weights(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "quantize-weights";
  technique.summary =
      "8-bit weights, one scale per output channel; arithmetic stays float and no data is needed";
  technique.ops = weight_ops();
  technique.not_after = {"palettize"};
  technique.quantizes = true;
  technique.weight_bits = [](const Options&) { return 8.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
