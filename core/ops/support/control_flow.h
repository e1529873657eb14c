#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** The subgraph attribute of a control flow node; throws INVALID_GRAPH when absent. */
std::shared_ptr<const Graph> require_subgraph(const Node& node, std::string_view attribute);
/** Throws INVALID_GRAPH unless the body has at least `outputs` outputs. */
void require_body_outputs(const Node& node, const Graph& body, size_t outputs);
/** The value of a condition; throws SHAPE_MISMATCH unless it is one boolean. */
bool truth(const Tensor& tensor, const Node& node);

/** What holds for both: dims that differ become unknown. */
std::optional<Dims> common_dims(const std::optional<Dims>& a, const std::optional<Dims>& b);
/** What a body knows of its input number `input` in every iteration, given that of the first: an
 * optional may come and go. */
Fact carried_fact(const Fact& first, const Graph& body, size_t input);
/** Facts of the body's outputs that hold in every iteration: dims of the n carried values, inputs
 * from `first` and outputs from `first_out` on, that change from one to the next become unknown. */
std::vector<Fact> infer_body(const InferContext& context, const Graph& body,
                             std::vector<Fact> inputs, size_t first, size_t n, size_t first_out);
/** `dims` with `length` inserted at `axis`. */
std::optional<Dims> stacked_dims(const Dim& length, const std::optional<Dims>& dims, int64_t axis);
/** Joins the outputs number `output` of all iterations along a new axis. Without iterations the
 * body's declared type and shape count, unknown dims as 0. */
Tensor stack(const Node& node, const Graph& body, size_t output, const std::vector<Tensor>& parts,
             int64_t axis);

}  // namespace whittle
