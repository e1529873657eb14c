#include "core/passes/quantized_forms.h"

#include <algorithm>
#include <array>

namespace whittle {
namespace {

using Inputs = QuantizedForm::Inputs;
constexpr std::string_view kMicrosoft = "com.microsoft";

constexpr std::array<QuantizedForm, 11> kForms = {{
    {"Conv", "", "QLinearConv", Inputs::product},
    {"MatMul", "", "QLinearMatMul", Inputs::product},
    {"Gemm", kMicrosoft, "QGemm", Inputs::gemm},
    {"Add", kMicrosoft, "QLinearAdd", Inputs::binary},
    {"Mul", kMicrosoft, "QLinearMul", Inputs::binary},
    {"Sigmoid", kMicrosoft, "QLinearSigmoid", Inputs::unary},
    {"LeakyRelu", kMicrosoft, "QLinearLeakyRelu", Inputs::unary},
    {"Softmax", kMicrosoft, "QLinearSoftmax", Inputs::unary},
    {"AveragePool", kMicrosoft, "QLinearAveragePool", Inputs::unary},
    {"GlobalAveragePool", kMicrosoft, "QLinearGlobalAveragePool", Inputs::unary},
    {"Concat", kMicrosoft, "QLinearConcat", Inputs::variadic},
}};

}  // namespace

const QuantizedForm* form_of_float(const Node& node) {
  const auto found = std::find_if(kForms.begin(), kForms.end(), [&](const QuantizedForm& form) {
    return node.domain.empty() && node.op == form.op;
  });
  return found == kForms.end() ? nullptr : &*found;
}

const QuantizedForm* form_of_quantized(const Node& node) {
  const auto found = std::find_if(kForms.begin(), kForms.end(), [&](const QuantizedForm& form) {
    return node.is(form.domain, form.quantized);
  });
  return found == kForms.end() ? nullptr : &*found;
}

bool moves_quantized(const Node& node, const OpTable& ops) {
  if (node.is("MaxPool")) return node.output(1) == kNoValue;
  const OpDef* op = ops.find(node);
  if (op == nullptr || !op->has(Trait::moves_data) || node.is("Concat") || node.is("Where")) {
    return false;
  }
  // A padding of 0.0 is another number among quantized values, and interpolation computes.
  if (node.is("Pad")) return node.string_attribute("mode", "constant") != "constant";
  if (node.is("Resize")) return node.string_attribute("mode", "nearest") == "nearest";
  return true;
}

}  // namespace whittle
