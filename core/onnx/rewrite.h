#pragma once

#include <string_view>
#include <vector>

#include "core/graph/graph.h"

/** What the reader and the canonicalize rules share. */
namespace whittle::onnx {

/** Gives every node a name of its own: one without gets its operator's, a second one a number. */
void name_nodes(Graph& graph);

/** Adds an int64 constant of one dimension, named after the node. */
ValueId add_integers(Graph& graph, const Node& node, std::string_view suffix,
                     const std::vector<int64_t>& values);
/** Adds a scalar of the element type of `like` (float32 where that is not known). */
ValueId add_scalar_like(Graph& graph, const Node& node, std::string_view suffix, float value,
                        ValueId like);

/** Sets input `index`, filling the ones before it with kNoValue. */
void set_input(Node& node, size_t index, ValueId id);
/** Drops absent inputs at the end. */
void trim_inputs(Node& node);

/** Turns an integer list attribute, where present, into input `index`. */
void attribute_to_input(Graph& graph, Node& node, std::string_view attribute, size_t index);
/** The inverse, for an input that is absent or constant; an empty list is left out. */
void input_to_attribute(Graph& graph, Node& node, size_t index, std::string_view attribute);
/** True when input `index` is present and not constant: no attribute can hold it. */
bool is_computed(const Graph& graph, const Node& node, size_t index);

/** Appends a node before the one at hand; returns its output. */
ValueId add_node(Graph& graph, const Node& before, std::string_view op, std::vector<ValueId> inputs,
                 Attributes attributes, DType dtype);

/** The rank of a value where the graph read so far states it for certain, else -1. */
int rank_of(const Graph& graph, ValueId id);

}  // namespace whittle::onnx
