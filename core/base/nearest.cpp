#include "core/base/nearest.h"

#include <algorithm>
#include <numeric>

namespace whittle {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& known, size_t count) {
  // Long names are cut: the distance is quadratic, and files may state names of any length.
  constexpr size_t kLongest = 128;
  std::vector<std::pair<size_t, const std::string*>> ranked;
  for (const std::string& name : known) {
    const size_t distance =
        edit_distance(wanted.substr(0, kLongest), std::string_view(name).substr(0, kLongest));
    if (2 * distance < std::max(wanted.size(), name.size()) + 1)
      ranked.emplace_back(distance, &name);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> nearest;
  for (size_t i = 0; i < std::min(count, ranked.size()); ++i) nearest.push_back(*ranked[i].second);
  return nearest;
}

std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& known,
                         size_t count) {
  const std::vector<std::string> nearest = nearest_names(wanted, known, count);
  if (nearest.empty()) return "";
  std::string text = ". Did you mean ";
  for (size_t i = 0; i < nearest.size(); ++i) {
    if (i) text += i + 1 == nearest.size() ? " or " : ", ";
    text += '"' + nearest[i] + '"';
  }
  return text + "?";
}

}  // namespace whittle
