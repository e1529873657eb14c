#pragma once

#include "core/compress/prune/support/choose_channels.h"
#include "core/compress/prune/support/reader_layers.h"

namespace whittle {

/**
 * Puts the classes of every candidate into the order in which they can go, and scores each by the
 * error its going adds: the sum over the layers that read it of the squared output error that
 * least-squares reconstruction leaves, as a share of the squared output. Greedy: after each stop
 * the rest is looked at anew, since of two channels that say the same only one can be spared. A
 * candidate that no reader has statistics of loses its stops.
 */
Job order_by_error(TechniqueContext& context, const std::vector<ReaderLayer>& readers,
                   const ReaderStatistics& statistics, double ridge,
                   std::vector<PruneCandidate>& candidates);

}  // namespace whittle
