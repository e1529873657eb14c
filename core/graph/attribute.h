#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/graph/value_type.h"
#include "core/tensor/tensor.h"

namespace whittle {

class Graph;

/** An attribute's value. Subgraphs are shared and treated as immutable: copy one to change it. */
using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>, Tensor,
                               std::vector<Tensor>, std::shared_ptr<const Graph>,
                               std::vector<std::shared_ptr<const Graph>>, ValueType>;

/** Attributes by name, in a stable order. */
using Attributes = std::map<std::string, Attribute, std::less<>>;

}  // namespace whittle
