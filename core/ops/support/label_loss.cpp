#include "core/ops/support/label_loss.h"

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

std::string reduction_of(const Node& node) {
  std::string reduction = node.string_attribute("reduction", "mean");
  if (reduction != "none" && reduction != "mean" && reduction != "sum") {
    fail(Code::INVALID_GRAPH, node.label(), "Expected none, mean or sum for 'reduction' of ",
         node.label(), " but received '", reduction, "'");
  }
  return reduction;
}

double element(const Tensor& tensor, int64_t index) {
  double value = 0;
  load_block(tensor, index, 1, 1, &value);
  return value;
}

}  // namespace

void infer_label_loss(InferContext& context) {
  const bool keeps_shape = reduction_of(context.node()) == "none";
  context.set_output(0, context.dtype(0), keeps_shape ? context.dims(1) : Dims{});
}

void evaluate_label_loss(EvalContext& context, const Tensor& log_probabilities) {
  const Node& node = context.node();
  const Tensor& x = log_probabilities;
  require_rank(node, x.shape(), 2);
  const int64_t classes = x.shape()[1];
  const int64_t inner = x.shape().elements(2, x.shape().rank());
  const Tensor& labels = context.input(1);
  const Tensor& weights = context.input(2);
  if (labels.elements() != x.shape()[0] * inner ||
      (weights.defined() && weights.elements() != classes)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected labels and weights that fit ",
         to_string(x.shape()), " for ", node.label(), " but received ", to_string(labels.shape()));
  }
  const bool ignores = node.has("ignore_index");
  const int64_t ignored = node.int_attribute("ignore_index", 0);
  const std::string reduction = reduction_of(node);
  const bool keeps_shape = reduction == "none";
  Tensor& out = context.output(0, x.dtype(), keeps_shape ? labels.shape() : Shape{});
  double total = 0;
  double total_weight = 0;
  int64_t position = 0;
  for (int64_t label : to_int64s(labels, node.label())) {
    double loss = 0;
    if (!ignores || label != ignored) {
      if (label < 0 || label >= classes) {
        fail(Code::INVALID_DATA, node.label(), "Expected a label in [0,", classes - 1, "] for ",
             node.label(), " but received ", label);
      }
      const double weight = weights.defined() ? element(weights, label) : 1;
      const int64_t n = position / inner;
      loss = -weight * element(x, (n * classes + label) * inner + position % inner);
      total += loss;
      total_weight += weight;
    }
    if (keeps_shape) store_block(out, position, 1, 1, &loss);
    ++position;
  }
  if (reduction == "mean") total /= total_weight;
  if (!keeps_shape) store_block(out, 0, 1, 1, &total);
}

}  // namespace whittle
