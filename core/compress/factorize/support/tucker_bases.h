#pragma once

#include <string>
#include <vector>

#include "core/compress/factorize/support/tucker_ranks.h"
#include "core/linalg/input_subspace.h"
#include "core/linalg/output_basis.h"
#include "core/linalg/tucker2.h"

namespace whittle {

/** The directions that a group's outputs spread in and the combinations of input channels they are
 * made from, on data: the strongest first. */
struct TuckerBases {
  OutputBasis out;
  InputSubspace in;
  std::vector<double> channels;  // [inputs, inputs]: second moment of the input channels
};

/** `moment` is that of the group's patches, [inputs * taps, inputs * taps]. */
TuckerBases data_bases(const ConvKernel& kernel, int group, std::span<const double> moment);
std::vector<ModeSpectra> spectra_of(const std::vector<TuckerBases>& groups);

/** The first `ranks` of both and the decoder of the inputs as text, 16 bits a number, and the
 * decomposition that such a text gives; throws INVALID_OPTION naming `where`. */
std::string write_bases(const ConvKernel& kernel, TuckerRanks ranks, const TuckerBases& bases);
Tucker2 read_bases(const std::string& text, const ConvKernel& kernel, int group, TuckerRanks ranks,
                   const std::string& where);
size_t bases_length(const ConvKernel& kernel, TuckerRanks ranks);

}  // namespace whittle
