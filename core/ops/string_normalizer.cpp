// StringNormalizer: drops stop words and changes the case of a list of texts.
#include <algorithm>
#include <set>

#include "core/ops/support/infer.h"
#include "core/ops/support/text.h"
#include "core/ops/support/utf8.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  if (dims && !dims->empty() && context.node().has("stopwords")) dims->back() = Dim();
  context.set_output(0, DType::string, std::move(dims));
}

using CaseMap = char32_t (*)(char32_t);

CaseMap case_map(const Node& node) {
  const std::string action = node.string_attribute("case_change_action", "NONE");
  if (action == "LOWER") return to_lower;
  if (action == "UPPER") return to_upper;
  if (action == "NONE") return nullptr;
  fail(Code::INVALID_GRAPH, node.label(),
       "Expected LOWER, UPPER or NONE for attribute 'case_change_action' of ", node.label(),
       " but received ", action);
}

// y = the texts of x that are no stop words (compared in small letters unless is_case_sensitive),
// in the case asked for; one empty text when none is left.   x [C] or [1, C]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& x = text_input(context, 0);
  const int rank = x.shape().rank();
  if (rank < 1 || rank > 2 || (rank == 2 && x.shape()[0] != 1)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected [C] or [1,C] texts for ", node.label(),
         " but received ", to_string(x.shape()));
  }
  const bool exact = node.int_attribute("is_case_sensitive", 0) != 0;
  const auto folded = [&](const std::string& text) {
    return exact ? text : map_code_points(text, to_lower);
  };
  std::set<std::string> stops;
  for (const std::string& word : node.strings_attribute("stopwords")) stops.insert(folded(word));
  const CaseMap map = case_map(node);
  std::vector<std::string> kept;
  for (const std::string& text : x.strings()) {
    if (stops.count(folded(text)) != 0) continue;
    kept.push_back(map == nullptr ? text : map_code_points(text, map));
  }
  if (kept.empty()) kept.emplace_back();
  Shape shape = x.shape();
  shape[rank - 1] = static_cast<int64_t>(kept.size());
  context.output(0, DType::string, shape).mutable_strings() = std::move(kept);
}

}  // namespace

void register_string_normalizer(OpTable& table) {
  table.add({.name = "StringNormalizer", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
