#pragma once

#include <string>

#include "core/tensor/tensor.h"

namespace whittle::test {

/** Empty when `actual` equals `expected` within the conformance tolerances
 * (tests/support/tolerance.h); else what differs first. */
std::string difference(const Tensor& actual, const Tensor& expected);

}  // namespace whittle::test
