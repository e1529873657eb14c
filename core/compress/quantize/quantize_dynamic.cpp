#include "core/compress/quantize/support/integer/dynamic_lstm.h"
#include "core/compress/quantize/support/integer/integer_products.h"
#include "core/compress/quantize/support/weights/weight_only.h"
#include "core/compress/technique.h"
#include "core/compress/weights.h"

namespace whittle {
namespace {

/** Products that become integer, then layers of which only the weights do. */
const std::vector<std::string>& dynamic_ops() {
  static const std::vector<std::string> ops = {"MatMul", "Gemm", "LSTM", "GRU", "RNN", "Gather"};
  return ops;
}

bool is_product(const Layer& layer) {
  return layer.op() == "MatMul" || layer.op() == "Gemm" || layer.op() == "Conv";
}

/** A network made of convolutions gains little from ranges found at run time. */
void warn_about_convolutions(TechniqueContext& context) {
  int64_t convolutions = 0;
  int64_t others = 0;
  walk_nodes(context.model.graph, [&](const Graph&, const Node& node, int64_t) {
    convolutions += node.is("Conv") ? 1 : 0;
    others += node.is("MatMul") || node.is("Gemm") || node.is("LSTM") || node.is("GRU") ? 1 : 0;
  });
  if (convolutions <= others) return;
  context.report.warnings.push_back(
      concat("This is a convolutional network (", convolutions, " Conv, ", others,
             " other layers): ranges found at run time cost more than they save there. Use "
             "quantize-static with some calibration samples, or quantize-weights"));
}

Job run(TechniqueContext& context) {
  warn_about_convolutions(context);
  std::vector<std::string> ops = dynamic_ops();
  if (context.options.boolean("convolutions")) ops.push_back("Conv");
  std::vector<Layer> products;
  std::vector<Layer> lstms;
  std::vector<Layer> others;
  const ConstantFinder finder(context.model.graph);
  for (Layer& layer : context.layers(ops, {"Conv"})) {
    const bool lstm = layer.op() == "LSTM" && layer.options.text("lstm") == "dynamic";
    (is_product(layer) ? products : lstm ? lstms : others).push_back(std::move(layer));
  }
  IntegerProductPlan integer;
  co_await integer.make(context, products, finder);
  DynamicLstmPlan dynamic;
  co_await dynamic.make(context, lstms, finder);
  // A weight that an integer product reads too is stored once, by that product.
  std::vector<Layer> narrow;
  for (Layer& layer : others) {
    bool tied = false;
    for (size_t input : weight_inputs(*layer.node)) {
      tied = tied || integer.contains(finder.find(*layer.graph, layer.node->input(input)));
    }
    if (tied) {
      context.report.touch(*layer.node, {{"tied", true}});
    } else {
      narrow.push_back(std::move(layer));
    }
  }
  WeightOnlyPlan weights;
  co_await weights.make(context, narrow, finder);

  NameMaker names(context.model.graph);
  edit_graphs(context.model.graph, [&](Graph& graph, const Graph* before) {
    ConstantPool pool(graph, names);
    integer.apply(graph, before, names, pool);
    dynamic.apply(graph, before, names, pool);
    weights.apply(graph, before, names, pool);
  });
}

}  // namespace

void register_quantize_dynamic(TechniqueTable& table) {
  TechniqueDef technique;
  technique.name = "quantize-dynamic";
  technique.summary =
      "integer matrix products whose activation ranges are found at run time, 8-bit weights for "
      "recurrent layers and embeddings; no data is needed";
  technique.ops = dynamic_ops();
  technique.needs_passes = weight_passes();
  technique.optional_ops = {"Conv"};
  OptionSpec convolutions;
  convolutions.name = "convolutions";
  convolutions.type = OptionType::boolean;
  convolutions.doc = "make convolutions integer as well (ConvInteger)";
  convolutions.default_value = false;
  convolutions.per_layer = false;
  OptionSpec lstm;
  lstm.name = "lstm";
  lstm.type = OptionType::choice;
  lstm.doc =
      "\"weights\": 8-bit weights, float arithmetic; \"dynamic\": "
      "com.microsoft.DynamicQuantizeLSTM";
  lstm.default_value = "weights";
  lstm.choices = {"weights", "dynamic"};
  technique.options = {convolutions, lstm};
  technique.not_after = {"palettize", "fp16"};
  technique.quantizes = true;
  technique.weight_bits = [](const Options&) { return 8.0; };
  technique.run = run;
  table.add(std::move(technique));
}

}  // namespace whittle
