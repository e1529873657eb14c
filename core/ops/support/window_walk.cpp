#include "core/ops/support/window_walk.h"

namespace whittle {

SpatialAxes spatial_axes(const std::vector<WindowAxis>& axes, const std::string& where) {
  SpatialAxes made{};
  if (axes.size() > made.size()) {
    fail(Code::UNSUPPORTED, where, "Expected at most ", made.size(), " spatial axes for ", where,
         " but received ", axes.size());
  }
  for (size_t i = 0; i < axes.size(); ++i) made[made.size() - axes.size() + i] = axes[i];
  return made;
}

}  // namespace whittle
