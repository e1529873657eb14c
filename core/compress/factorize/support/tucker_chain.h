#pragma once

#include <vector>

#include "core/compress/factorize/support/tucker_ranks.h"
#include "core/linalg/tucker2.h"

namespace whittle {

/** The kernel [outputs, inputs, taps] that a group's factors amount to. */
std::vector<float> multiply_out(const Tucker2& group, const ConvKernel& kernel);

/** Fills in the factors, their product and the chain of convolutions of a layer whose groups were
 * decomposed with the same ranks. */
void assemble_tucker(const ConvKernel& kernel, TuckerLinks with, TuckerRanks ranks,
                     const std::vector<Tucker2>& groups, Factorization& result);

}  // namespace whittle
