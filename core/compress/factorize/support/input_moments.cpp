#include "core/compress/factorize/support/input_moments.h"

#include <algorithm>

#include "core/compress/layer_error/patch.h"
#include "core/compress/observed_model.h"
#include "core/ops/support/conv_geometry.h"

namespace whittle {
namespace {

/** Vectors a moment is made of, for each of its inputs, and the fewest of a sample. */
constexpr int64_t kVectorsPerInput = 8;
constexpr int64_t kFewest = 16;

int groups_of(const Node& node) {
  return node.is("Conv") ? static_cast<int>(node.int_attribute("group", 1)) : 1;
}

}  // namespace

int InputMoments::inputs_of(const Node& node, const Tensor& weight) {
  const Shape& shape = weight.shape();
  if (node.is("Conv")) return static_cast<int>(shape.elements(1, shape.rank()));
  if (node.is("Gather") || node.int_attribute("transA", 0) != 0) return 0;
  if (node.is("Gemm") && node.int_attribute("transB", 0) != 0) return static_cast<int>(shape[1]);
  if (node.is("Gemm") || node.is("MatMul")) return static_cast<int>(shape[0]);
  return static_cast<int>(shape.back());  // recurrent
}

Job InputMoments::observe(TechniqueContext& context, const std::vector<FactorTarget>& targets,
                          int64_t samples, const std::string& stage) {
  std::vector<ValueId> values;
  const int64_t expected = samples > 0 ? samples : 64;
  for (const FactorTarget& target : targets) {
    const int inputs = inputs_of(target.node(), target.weight());
    const int groups = groups_of(target.node());
    if (inputs == 0 || groups * SecondMoment::bytes(inputs) > kMostBytes) continue;
    for (const Layer* layer : target.readers) {
      if (layer->in_subgraph) continue;
      std::vector<SecondMoment>& moments = moments_[target.constant];
      if (moments.empty()) moments.assign(static_cast<size_t>(groups), SecondMoment(inputs));
      const ValueId x = layer->node->input(0);
      const int64_t rows = std::max(kFewest, kVectorsPerInput * inputs / expected);
      std::vector<Reader>& readers = readers_[x];
      if (readers.empty()) values.push_back(x);
      readers.push_back({layer->node, &target.weight(), &moments, rows});
    }
  }
  ObservedModel model(context, context.model, values, [this](ValueId id, const Tensor& x) {
    for (const Reader& reader : readers_.at(id)) look(reader, x);
  });
  int64_t count = 0;
  while (samples == 0 || count < samples) {
    const std::optional<Sample> sample = co_await next_sample(stage, "", count, -1);
    if (!sample) break;
    context.cancel.poll();
    model.run(*sample, ++count);
  }
  require_samples(count, stage);
}

void InputMoments::look(const Reader& reader, const Tensor& x) {
  if (x.dtype() != DType::f32 || x.elements() == 0) return;
  std::vector<SecondMoment>& moments = *reader.moments;
  const auto inputs = static_cast<size_t>(moments[0].n());
  const std::span<const float> values = x.data<float>();
  const bool convolves = reader.node->is("Conv");
  ConvGeometry geometry;
  if (convolves) geometry = conv_geometry(*reader.node, x.shape(), reader.weight->shape());
  const int64_t count = convolves ? geometry.batch * geometry.output_pixels()
                                  : x.elements() / static_cast<int64_t>(inputs);
  const int64_t taken = std::min(count, reader.rows);
  row_.resize(inputs * moments.size());
  for (int64_t i = 0; i < taken; ++i) {
    const int64_t index = (2 * i + 1) * count / (2 * taken);
    if (convolves) {
      read_patch(geometry, values, index, row_);
    } else {
      std::copy_n(values.begin() + index * static_cast<int64_t>(inputs), inputs, row_.begin());
    }
    for (size_t g = 0; g < moments.size(); ++g) {
      moments[g].add(std::span<const float>(row_).subspan(g * inputs, inputs));
    }
  }
}

std::span<const double> InputMoments::of(const FactorTarget& target, int group) {
  const auto found = moments_.find(target.constant);
  if (found == moments_.end()) return {};
  SecondMoment& moment = found->second[static_cast<size_t>(group)];
  return moment.count() > 0 ? moment.finish() : std::span<const double>();
}

}  // namespace whittle
