// StringSplit: each text's parts along a new last axis, filled with empty texts.
#include <algorithm>
#include <string_view>

#include "core/ops/support/infer.h"
#include "core/ops/support/text.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  context.set_output(1, DType::i64, dims);
  if (dims) dims->push_back(Dim());  // the most parts of any text
  context.set_output(0, DType::string, std::move(dims));
}

/** Parts of `text` after at most `most` cuts; without a delimiter, what lies between white space.
 */
std::vector<std::string_view> split(std::string_view text, std::string_view delimiter,
                                    int64_t most) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  std::vector<std::string_view> parts;
  const auto skip_space = [&] {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(kSpace)));
  };
  if (delimiter.empty()) skip_space();
  if (delimiter.empty() && text.empty()) return parts;
  for (;;) {
    const bool cuts = static_cast<int64_t>(parts.size()) < most;
    const size_t end = !cuts               ? std::string_view::npos
                       : delimiter.empty() ? text.find_first_of(kSpace)
                                           : text.find(delimiter);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + std::max<size_t>(1, delimiter.size()));
    if (!delimiter.empty()) continue;
    skip_space();
    if (text.empty()) break;
  }
  return parts;
}

// y[.., p] = part p of x[..], or "" past the last; counts[..] = its parts
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor& x = text_input(context, 0);
  const std::string delimiter = node.string_attribute("delimiter", "");
  int64_t most = node.int_attribute("maxsplit", -1);
  if (most < 0) most = INT64_MAX;
  std::vector<std::vector<std::string_view>> parts;
  size_t longest = 0;
  for (const std::string& text : x.strings()) {
    parts.push_back(split(text, delimiter, most));
    longest = std::max(longest, parts.back().size());
  }
  Shape shape = x.shape();
  shape.push_back(static_cast<int64_t>(longest));
  std::vector<std::string>& y = context.output(0, DType::string, shape).mutable_strings();
  for (size_t i = 0; i < parts.size(); ++i) {
    std::copy(parts[i].begin(), parts[i].end(),
              y.begin() + static_cast<std::ptrdiff_t>(i * longest));
  }
  if (!context.wants_output(1)) return;
  const auto counts = context.output(1, DType::i64, x.shape()).mutable_data<int64_t>();
  for (size_t i = 0; i < parts.size(); ++i) counts[i] = static_cast<int64_t>(parts[i].size());
}

}  // namespace

void register_string_split(OpTable& table) {
  table.add({.name = "StringSplit", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
