// com.microsoft EmbedLayerNormalization: the sum of word, position and segment embeddings,
// normalised.
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/indices.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/normalize.h"

namespace whittle {
namespace {

enum Input : size_t { kIds, kSegments, kWords, kPlaces, kKinds, kGamma, kBeta, kMask, kPositions };

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  const auto &ids = context.dims(kIds), &words = context.dims(kWords);
  std::optional<Dims> dims;
  if (ids && ids->size() == 2 && words && words->size() == 2) {
    dims = Dims{(*ids)[0], (*ids)[1], (*words)[1]};
  }
  context.set_output(0, context.dtype(kWords), dims);
  context.set_output(1, DType::i32, ids ? std::optional(Dims{(*ids)[0]}) : std::nullopt);
  context.set_output(2, context.dtype(kWords), dims);
}

// s = words[ids] + places[position] + kinds[segments]; y = (s - mean) / sqrt(variance + epsilon) *
// gamma + beta over the last axis, statistics in double; lengths[b] = the ones of mask[b]
//   ids, segments, mask, positions [batch, rows]   words, places, kinds [entries, size]
//   outputs: y [batch, rows, size], lengths [batch] i32, s
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Shape& shape = context.input(kIds).shape();
  const Tensor words = float_input(context, kWords);
  if (shape.rank() != 2 || words.shape().rank() != 2) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected ids [batch,rows] and words [entries,size] for ", node.label(), " but received ",
         to_string(shape), " and ", to_string(words.shape()));
  }
  const int64_t size = words.shape()[1];
  const int64_t tokens = shape.elements();
  std::vector<float> sums(static_cast<size_t>(tokens * size), 0.0f);
  const auto add = [&](size_t table_input, std::vector<int64_t> rows) {
    const Tensor table = float_input(context, table_input);
    if (table.shape().rank() != 2 || table.shape()[1] != size ||
        static_cast<int64_t>(rows.size()) != tokens) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected embeddings of ", size, " for ", tokens,
           " tokens of ", node.label(), " but received ", to_string(table.shape()));
    }
    for (size_t t = 0; t < rows.size(); ++t) {
      const float* row = table.data<float>().data() + rows[t] * size;
      float* sum = sums.data() + static_cast<int64_t>(t) * size;
      for (int64_t i = 0; i < size; ++i) sum[i] += row[i];
    }
  };
  const auto entries = [&](size_t input) {
    require_rank(node, context.input(input).shape(), 1);
    return context.input(input).shape()[0];
  };
  add(kWords, read_indices(context.input(kIds), entries(kWords), node));
  if (context.has_input(kSegments)) {
    add(kKinds, read_indices(context.input(kSegments), entries(kKinds), node));
  }
  Tensor positions = context.input(kPositions);
  if (!positions.defined()) {
    positions = Tensor::allocate(DType::i64, {shape[1]});
    for (int64_t r = 0; r < shape[1]; ++r)
      positions.mutable_data<int64_t>()[static_cast<size_t>(r)] = r;
  }
  std::vector<int64_t> rows = read_indices(positions, entries(kPlaces), node);
  const size_t given = rows.size();  // one row for all images, or one for each
  if (given == 0 || tokens % static_cast<int64_t>(given) != 0) rows.clear();
  for (size_t t = given; t < static_cast<size_t>(tokens) && !rows.empty(); ++t) {
    rows.push_back(rows[t - given]);
  }
  add(kPlaces, std::move(rows));

  const double epsilon = node.float_attribute("epsilon", 1e-12f);
  const std::vector<float> gamma = float_values(context, kGamma);
  std::vector<float> beta = float_values(context, kBeta);
  require_elements(context, context.input(kGamma), size, "gamma");
  if (!beta.empty()) require_elements(context, context.input(kBeta), size, "beta");
  beta.resize(static_cast<size_t>(size), 0.0f);
  const Shape out_shape{shape[0], shape[1], size};
  const DType dtype = context.input(kWords).dtype();
  fill_widened(context, 0, dtype, out_shape, [&](Tensor& y) {
    const auto out = y.mutable_data<float>();
    for (int64_t t = 0; t < tokens; ++t) {
      const Moments m = moments(sums.data() + t * size, size);
      const double inverse = 1.0 / std::sqrt(m.variance + epsilon);
      for (int64_t i = 0; i < size; ++i) {
        const auto at = static_cast<size_t>(t * size + i);
        const auto c = static_cast<size_t>(i);
        out[at] = static_cast<float>((sums[at] - m.mean) * inverse) * gamma[c] + beta[c];
      }
    }
  });
  if (context.wants_output(1)) {
    const auto lengths = context.output(1, DType::i32, {shape[0]}).mutable_data<int32_t>();
    std::fill(lengths.begin(), lengths.end(), 0);
    if (context.has_input(kMask)) {
      require_elements(context, context.input(kMask), tokens, "a mask");
      const std::vector<int64_t> mask = to_int64s(context.input(kMask), node.label());
      for (size_t t = 0; t < mask.size(); ++t) {
        lengths[t / static_cast<size_t>(shape[1])] += mask[t] == 1;
      }
    }
  }
  if (context.wants_output(2)) {
    fill_widened(context, 2, dtype, out_shape, [&](Tensor& y) {
      std::copy(sums.begin(), sums.end(), y.mutable_data<float>().begin());
    });
  }
}

}  // namespace

void register_ms_embed_layer_normalization(OpTable& table) {
  table.add({.domain = "com.microsoft",
             .name = "EmbedLayerNormalization",
             .infer = infer,
             .evaluate = evaluate});
}

}  // namespace whittle
