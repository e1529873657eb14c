#include "core/measure/matching.h"

#include <algorithm>

#include "core/base/error.h"

namespace whittle {

std::map<std::string, std::string> match_names(const Graph& a, const std::vector<ValueId>& of_a,
                                               const Graph& b, const std::vector<ValueId>& of_b,
                                               const char* what) {
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < of_a.size(); ++i) {
    const std::string& name = a.value(of_a[i]).name;
    const bool same =
        std::any_of(of_b.begin(), of_b.end(), [&](ValueId id) { return b.value(id).name == name; });
    if (!same && of_a.size() != of_b.size()) {
      fail(Code::SHAPE_MISMATCH, name, "Expected the ", what, " \"", name,
           "\" in the second model but received one without it");
    }
    names[name] = same ? name : b.value(of_b[i]).name;
  }
  return names;
}

}  // namespace whittle
