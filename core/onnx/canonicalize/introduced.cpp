#include "core/onnx/canonicalize.h"
#include "core/onnx/rewrite.h"

namespace whittle {
namespace {

using namespace onnx;

bool always(const Graph&, const Node&) {
  return true;
}

struct Introduction {
  const char* op;
  int64_t opset;
};

constexpr Introduction kIntroductions[] = {
    {"HardSwish", 14},
    {"Trilu", 14},
    {"Bernoulli", 15},
    {"CastLike", 15},
    {"Optional", 15},
    {"OptionalGetElement", 15},
    {"OptionalHasElement", 15},
    {"GridSample", 16},
    {"BlackmanWindow", 17},
    {"DFT", 17},
    {"HammingWindow", 17},
    {"HannWindow", 17},
    {"LayerNormalization", 17},
    {"MelWeightMatrix", 17},
    {"STFT", 17},
    {"SequenceMap", 17},
    {"BitwiseAnd", 18},
    {"BitwiseNot", 18},
    {"BitwiseOr", 18},
    {"BitwiseXor", 18},
    {"CenterCropPad", 18},
    {"Col2Im", 18},
    {"GroupNormalization", 18},
    {"Mish", 18},
    {"DeformConv", 19},
    {"AffineGrid", 20},
    {"Gelu", 20},
    {"ImageDecoder", 20},
    {"RegexFullMatch", 20},
    {"StringConcat", 20},
    {"StringSplit", 20},
    {"Attention", 23},
    {"RMSNormalization", 23},
    {"RotaryEmbedding", 23},
    {"Swish", 24},
    {"TensorScatter", 24},
    {"BitCast", 26},
    {"CumProd", 26},
    {"CausalConvWithState", 27},
    {"LinearAttention", 27},
};

}  // namespace

/** Operators that came after opset 13: a model that has one needs the opset it came with. */
void register_canonicalize_introduced(CanonicalizeTable& table) {
  for (const Introduction& each : kIntroductions) {
    table.add({each.op, each.opset - 1, nullptr, nullptr, always});
  }
}

}  // namespace whittle
