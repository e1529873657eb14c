// TfIdfVectorizer: counts of n-grams of words or numbers, weighted.
#include <algorithm>
#include <map>

#include "core/ops/support/dispatch.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

/** The n-grams that are counted, and where. Words are numbered by the pool. */
struct Grams {
  std::map<std::string, int64_t> words;
  std::map<std::vector<int64_t>, int64_t> columns;  // n-gram to column of the output
  int64_t width = 0;
  int64_t shortest = 1;
  int64_t longest = 1;

  explicit Grams(const Node& node);
};

Grams::Grams(const Node& node) {
  shortest = node.int_attribute("min_gram_length", 1);
  longest = node.int_attribute("max_gram_length", 1);
  std::vector<int64_t> pool = node.ints_attribute("pool_int64s");
  for (const std::string& word : node.strings_attribute("pool_strings")) {
    pool.push_back(words.emplace(word, static_cast<int64_t>(words.size())).first->second);
  }
  std::vector<int64_t> starts = node.ints_attribute("ngram_counts");
  const std::vector<int64_t> indexes = node.ints_attribute("ngram_indexes");
  for (int64_t index : indexes) width = std::max(width, index + 1);
  starts.push_back(static_cast<int64_t>(pool.size()));
  size_t gram = 0;
  for (size_t n = 1; n < starts.size(); ++n) {
    const auto length = static_cast<int64_t>(n);
    const int64_t first = starts[n - 1];
    bool fits = first >= 0 && first <= starts[n] && starts[n] <= starts.back();
    for (int64_t at = first; fits && at + length <= starts[n]; at += length, ++gram) {
      fits = gram < indexes.size() && indexes[gram] >= 0;
      if (!fits || length < shortest || length > longest) continue;
      columns.emplace(std::vector<int64_t>(pool.begin() + at, pool.begin() + at + length),
                      indexes[gram]);
    }
    if (!fits) {
      fail(Code::INVALID_GRAPH, node.label(),
           "Expected ascending ngram_counts and an ngram_index for each n-gram of ", node.label(),
           " but received ", indexes.size(), " indexes");
    }
  }
}

void infer(InferContext& context) {
  require_inputs(context.node(), 1);
  std::optional<Dims> dims = context.dims(0);
  if (dims) {
    if (!dims->empty()) dims->pop_back();
    dims->push_back(Grams(context.node()).width);
  }
  context.set_output(0, DType::f32, std::move(dims));
}

/** The items of x as the pool numbers them; -1 for words it does not have. */
std::vector<int64_t> items_of(const Tensor& x, const Grams& grams, const Node& node) {
  if (x.dtype() != DType::string) return to_int64s(x, node.label());
  std::vector<int64_t> items;
  for (const std::string& word : x.strings()) {
    const auto found = grams.words.find(word);
    items.push_back(found == grams.words.end() ? -1 : found->second);
  }
  return items;
}

// y[.., c] = how often the n-grams of column c occur in a row of x, their items 1 to
// max_skip_count + 1 apart. IDF: the column's weight if they do; TFIDF: times the weight.
//   x [C] or [batch, C]   y [columns] or [batch, columns]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  const int rank = x.shape().rank();
  if (rank > 2) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [C] or [batch,C] for ", node.label(),
         " but received ", to_string(x.shape()));
  }
  const Grams grams(node);
  const std::vector<int64_t> items = items_of(x, grams, node);
  const int64_t rows = rank == 2 ? x.shape()[0] : 1;
  const int64_t length = rows == 0 ? 0 : x.elements() / rows;
  Shape shape;
  if (rank == 2) shape.push_back(rows);
  shape.push_back(grams.width);
  const auto y = context.output(0, DType::f32, shape).mutable_data<float>();
  std::fill(y.begin(), y.end(), 0.0f);
  const int64_t farthest = std::min(node.int_attribute("max_skip_count", 0) + 1, length);
  std::vector<int64_t> gram;
  for (int64_t start = 0; start < rows * length; ++start) {
    const int64_t end = (start / length + 1) * length;
    for (int64_t step = 1; step <= std::max<int64_t>(1, farthest); ++step) {
      gram.clear();
      for (int64_t at = start; at < end && static_cast<int64_t>(gram.size()) < grams.longest;
           at += step) {
        gram.push_back(items[static_cast<size_t>(at)]);
        // One item alone is the same at every distance.
        if (step > 1 && gram.size() == 1) continue;
        const auto found = grams.columns.find(gram);
        if (found == grams.columns.end()) continue;
        y[static_cast<size_t>(start / length * grams.width + found->second)] += 1;
      }
    }
  }
  const std::string mode = node.string_attribute("mode", "TF");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") {
    fail(Code::INVALID_GRAPH, node.label(), "Expected TF, IDF or TFIDF for attribute 'mode' of ",
         node.label(), " but received ", mode);
  }
  std::vector<float> weights = node.floats_attribute("weights");
  weights.resize(static_cast<size_t>(grams.width), weights.empty() ? 1.0f : 0.0f);
  for (size_t i = 0; mode != "TF" && i < y.size(); ++i) {
    const float weight = weights[i % weights.size()];
    y[i] = mode == "IDF" ? (y[i] > 0 ? weight : 0.0f) : y[i] * weight;
  }
}

}  // namespace

void register_tf_idf_vectorizer(OpTable& table) {
  table.add({.name = "TfIdfVectorizer", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
