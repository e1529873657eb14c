#include "core/compress/quantize/support/bias/bias_means.h"

#include <cmath>

#include "core/compress/observed_model.h"
#include "core/compress/quantize/support/equalization/channel_layer.h"
#include "core/compress/quantize/support/weights/quantized_weight.h"

namespace whittle {
namespace {

void check_finite(const Graph& graph, const std::map<ValueId, ChannelMeans>& means,
                  const Sample& sample, int64_t number) {
  for (const auto& [id, mean] : means) {
    if (mean.finite()) continue;
    const std::string& name = graph.value(id).name;
    fail(Code::INVALID_DATA, sample.id, "Expected finite activations for \"", name, "\" on ",
         sample_name(sample, number), " but received an infinity: the model overflows on it");
  }
}

}  // namespace

void ChannelMeans::add(const Tensor& value, int axis) {
  const Shape& shape = value.shape();
  const int at = axis < 0 ? axis + shape.rank() : axis;
  const auto channels = static_cast<size_t>(shape[at]);
  const auto inner = static_cast<size_t>(shape.elements(at + 1, shape.rank()));
  if (sum_.empty()) sum_.assign(channels, 0.0);
  const std::span<const float> values = value.data<float>();
  if (inner == 0) return;
  for (size_t begin = 0, c = 0; begin < values.size(); begin += inner, c = (c + 1) % channels) {
    double sum = 0;
    double absolute = 0;
    for (float each : values.subspan(begin, inner)) {
      sum += each;
      absolute += std::fabs(each);
    }
    sum_[c] += sum;
    absolute_ += absolute;
  }
  elements_ += value.elements();
}

std::vector<double> ChannelMeans::mean() const {
  std::vector<double> result = sum_;
  const double count = static_cast<double>(elements_) / static_cast<double>(sum_.size());
  for (double& each : result) each = count > 0 ? each / count : 0;
  return result;
}

double ChannelMeans::magnitude() const {
  return elements_ > 0 ? absolute_ / static_cast<double>(elements_) : 0;
}

bool ChannelMeans::finite() const {
  return std::isfinite(absolute_);
}

Job observe_means(TechniqueContext& context, const Model& model,
                  const std::map<ValueId, int>& values, SampleStore& samples,
                  std::string_view layer, std::map<ValueId, ChannelMeans>& means) {
  std::vector<ValueId> ids;
  for (const auto& [id, axis] : values) ids.push_back(id);
  ObservedModel observed(context, model, ids, [&](ValueId id, const Tensor& tensor) {
    if (tensor.dtype() == DType::f32) means[id].add(tensor, values.at(id));
  });
  const SampleStore::Visit visit = [&](const Sample& sample, int64_t number) {
    observed.run(sample, number);
    check_finite(model.graph, means, sample, number);
  };
  co_await report_progress("correct biases", layer, 0, -1);
  co_await samples.for_each(context, "bias correction", visit);
}

std::vector<double> weight_shift(const Graph& quantized, const Graph& reference,
                                 const std::string& name, const std::vector<double>& mean) {
  const auto named = [&](const Graph& graph) -> const Node* {
    for (const Node& node : graph.nodes) {
      if (node.name == name) return &node;
    }
    return nullptr;
  };
  const Node* now = named(quantized);
  const Node* was = named(reference);
  if (now == nullptr || was == nullptr || now->input(1) == kNoValue) return {};
  const Node* maker = GraphIndex(quantized).producer(now->input(1));
  if (maker == nullptr || !maker->is("DequantizeLinear")) return {};
  const Tensor* codes = quantized.constant(maker->input(0));
  const Tensor* scales = quantized.constant(maker->input(1));
  const Tensor* zeros = quantized.constant(maker->input(2));
  const Tensor& weight = *reference.constant(was->input(1));
  if (codes == nullptr || scales == nullptr || codes->shape() != weight.shape()) return {};
  QuantizedWeight stored;
  stored.values = *codes;
  stored.scales = *scales;
  if (zeros != nullptr) stored.zero_points = *zeros;
  stored.axis = normalize_axis(maker->int_attribute("axis", 1), codes->shape().rank(), name);
  if (scales->shape().rank() == 0) stored.axis = 0;
  stored.block = maker->int_attribute("block_size", 0);
  Tensor error = stored.dequantized();
  const std::span<float> e = error.mutable_data<float>();
  const std::span<const float> w = weight.data<float>();
  for (size_t i = 0; i < e.size(); ++i) e[i] = w[i] - e[i];
  const ChannelLayer layer(reference, *was);
  if (static_cast<size_t>(layer.inputs()) != mean.size()) return {};
  std::vector<double> shift(static_cast<size_t>(layer.outputs()), 0.0);
  layer.for_each_sum(error, [&](int64_t o, int64_t j, double sum) {
    shift[static_cast<size_t>(o)] += sum * mean[static_cast<size_t>(layer.input_of(o, j))];
  });
  return shift;
}

}  // namespace whittle
