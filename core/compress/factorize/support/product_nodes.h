#pragma once

#include <vector>

#include "core/compress/graph_edit.h"

namespace whittle {

/** x -> x W becomes x -> (x W1) W2; bias, name and outputs stay with the second. */
std::vector<Node> expand_product(Graph& graph, NameMaker& names, const Node& reader,
                                 const std::vector<ValueId>& factors);

/** A recurrent layer whose input is brought to fewer numbers in front of it. */
std::vector<Node> expand_recurrent(Graph& graph, NameMaker& names, const Node& reader,
                                   const std::vector<ValueId>& factors);

/** A table of short rows, and a product that makes them long. */
std::vector<Node> expand_embedding(Graph& graph, NameMaker& names, const Node& reader,
                                   const std::vector<ValueId>& factors);

}  // namespace whittle
