// ai.onnx.ml: ArrayFeatureExtractor, Binarizer and LabelEncoder.
#include <bit>
#include <map>

#include "core/ops/support/convert.h"
#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

void infer_extractor(InferContext& context) {
  require_inputs(context.node(), 2);
  std::optional<Dims> dims = context.dims(0);
  if (dims && dims->size() < 2) dims->insert(dims->begin(), Dim(1));
  if (dims) {
    dims->back() =
        context.dims(1) ? dim_product(*context.dims(1), 0, rank_of(*context.dims(1))) : Dim();
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

// z[.., i] = x[.., y[i]]
void evaluate_extractor(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 2);
  const Tensor& x = context.input(0);
  require_rank(node, x.shape(), 1);
  const int64_t columns = x.shape().back();
  const std::vector<int64_t> picked = read_indices(context.input(1), columns, node);
  Shape shape = x.shape().rank() == 1 ? Shape{1, 1} : x.shape();
  shape[shape.rank() - 1] = static_cast<int64_t>(picked.size());
  Tensor& z = context.output(0, x.dtype(), shape);
  int64_t at = 0;
  for (int64_t row = 0; row < shape.elements(0, shape.rank() - 1); ++row) {
    for (int64_t column : picked) copy_elements(z, at++, x, row * columns + column, 1);
  }
}

// y = 1 where x > threshold, else 0
void evaluate_binarizer(EvalContext& context) {
  require_inputs(context.node(), 1);
  const double threshold = context.node().float_attribute("threshold", 0.0f);
  const Tensor x = convert(context.input(0), DType::f64);
  Tensor y = x.clone();
  for (double& value : y.mutable_data<double>()) value = value > threshold ? 1 : 0;
  convert_into(y, context.output(0, context.input(0).dtype(), x.shape()));
}

Tensor texts(const std::vector<std::string>& values) {
  Tensor tensor = Tensor::allocate(DType::string, {static_cast<int64_t>(values.size())});
  tensor.mutable_strings() = values;
  return tensor;
}

template <typename T>
Tensor list(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

/** The list that one of the attributes <name>_tensor, _strings, _int64s, _floats holds. */
Tensor list_attribute(const Node& node, const std::string& name) {
  if (node.has(name + "_tensor")) return node.tensor_attribute(name + "_tensor");
  if (node.has(name + "_strings")) return texts(node.strings_attribute(name + "_strings"));
  if (node.has(name + "_int64s")) return list(node.ints_attribute(name + "_int64s"));
  if (node.has(name + "_floats")) return list(node.floats_attribute(name + "_floats"));
  fail(Code::INVALID_GRAPH, node.label(), "Expected ", name, " for ", node.label(),
       " but received none");
}

/** What keys without an entry get: of the values' type. */
Tensor default_value(const Node& node, DType dtype) {
  if (node.has("default_tensor")) return node.tensor_attribute("default_tensor");
  if (dtype == DType::string) return texts({node.string_attribute("default_string", "_Unused")});
  if (dtype == DType::i64) return Tensor::scalar(node.int_attribute("default_int64", -1));
  return convert(Tensor::scalar(node.float_attribute("default_float", -0.0f)), dtype);
}

void infer_encoder(InferContext& context) {
  require_inputs(context.node(), 1);
  context.set_output(0, list_attribute(context.node(), "values").dtype(), context.dims(0));
}

// y = the value whose key equals x, or the default; the last of equal keys counts
void evaluate_encoder(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const Tensor keys = list_attribute(node, "keys");
  const Tensor values = list_attribute(node, "values");
  const Tensor otherwise = default_value(node, values.dtype());
  if (keys.elements() != values.elements() || keys.dtype() != x.dtype() ||
      otherwise.elements() != 1 || otherwise.dtype() != values.dtype()) {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected as many keys as values and the input's type for ", node.label(),
         " but received ", keys.elements(), " keys of ", dtype_name(keys.dtype()), " and ",
         values.elements(), " values for ", dtype_name(x.dtype()));
  }
  Tensor& y = context.output(0, values.dtype(), x.shape());
  const auto encode = [&]<typename Key>(const auto& key_at) {
    std::map<Key, int64_t> entries;
    for (int64_t i = 0; i < keys.elements(); ++i) entries[key_at(keys, i)] = i;
    for (int64_t i = 0; i < x.elements(); ++i) {
      const auto found = entries.find(key_at(x, i));
      const bool known = found != entries.end();
      copy_elements(y, i, known ? values : otherwise, known ? found->second : 0, 1);
    }
  };
  if (x.dtype() == DType::string) {
    encode.template operator()<std::string>(
        [](const Tensor& tensor, int64_t i) { return tensor.strings()[static_cast<size_t>(i)]; });
    return;
  }
  // By bits, so that integers stay exact and NaN finds NaN.
  encode.template operator()<int64_t>([](const Tensor& tensor, int64_t i) {
    int64_t bits = 0;
    if (is_integer(tensor.dtype())) {
      load_block(tensor, i, 1, 1, &bits);
      return bits;
    }
    double value = 0;
    load_block(tensor, i, 1, 1, &value);
    value += 0.0;  // -0 is 0
    return std::bit_cast<int64_t>(value);
  });
}

}  // namespace

void register_ml_features(OpTable& table) {
  table.add({.domain = "ai.onnx.ml",
             .name = "ArrayFeatureExtractor",
             .infer = infer_extractor,
             .evaluate = evaluate_extractor,
             .traits = Trait::moves_data});
  table.add({.domain = "ai.onnx.ml",
             .name = "Binarizer",
             .infer = infer_same,
             .evaluate = evaluate_binarizer,
             .traits = Trait::elementwise});
  table.add({.domain = "ai.onnx.ml",
             .name = "LabelEncoder",
             .infer = infer_encoder,
             .evaluate = evaluate_encoder,
             .traits = Trait::elementwise});
}

}  // namespace whittle
