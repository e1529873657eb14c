#include <cmath>

#include "core/passes/match.h"
#include "core/passes/pass.h"
#include "core/passes/subgraphs.h"

namespace whittle {
namespace {

constexpr int64_t kGeluOpset = 20;

/** The factors of a product; products that only it reads are taken apart. */
void collect_factors(const Matcher& match, ValueId id, bool is_top, std::vector<ValueId>& factors) {
  const Node* mul = is_top ? match.made_by(id, "Mul") : match.made_only_for(id, "Mul");
  if (mul == nullptr) return factors.push_back(id);
  for (ValueId input : mul->inputs) collect_factors(match, input, false, factors);
}

/** `a` of 1 + a */
ValueId one_plus(const Matcher& match, ValueId id) {
  const Node* add = match.made_by(id, "Add");
  for (size_t side = 0; add != nullptr && side < 2; ++side) {
    if (match.scalar(add->input(side)) == 1.0f) return add->input(1 - side);
  }
  return kNoValue;
}

/** x of x * c, or of x / (1 / c). */
ValueId scaled_by(const Matcher& match, ValueId id, float factor) {
  if (const Node* divide = match.made_by(id, "Div")) {
    return match.is_scalar(divide->input(1), 1 / factor) ? divide->input(0) : kNoValue;
  }
  const Node* mul = match.made_by(id, "Mul");
  for (size_t side = 0; mul != nullptr && side < 2; ++side) {
    if (match.is_scalar(mul->input(side), factor)) return mul->input(1 - side);
  }
  return kNoValue;
}

/** x of x + 0.044715 x^3 */
ValueId cubic(const Matcher& match, ValueId id) {
  const Node* add = match.made_by(id, "Add");
  for (size_t side = 0; add != nullptr && side < 2; ++side) {
    const ValueId x = add->input(side);
    const ValueId cube = scaled_by(match, add->input(1 - side), 0.044715f);
    if (const Node* pow = match.made_by(cube, "Pow")) {
      if (pow->input(0) == x && match.scalar(pow->input(1)) == 3.0f) return x;
    }
    std::vector<ValueId> factors;
    if (cube != kNoValue) collect_factors(match, cube, true, factors);
    if (factors == std::vector<ValueId>{x, x, x}) return x;
  }
  return kNoValue;
}

/** x where `id` is 1 + erf(x / sqrt(2)), or its approximation by tanh. */
ValueId gate_of(const Matcher& match, ValueId id, bool& by_tanh) {
  const ValueId curve = one_plus(match, id);
  if (const Node* erf = match.made_by(curve, "Erf")) {
    by_tanh = false;
    return scaled_by(match, erf->input(0), std::sqrt(0.5f));
  }
  if (const Node* tanh = match.made_by(curve, "Tanh")) {
    by_tanh = true;
    return cubic(match, scaled_by(match, tanh->input(0), 0.7978845608f));
  }
  return kNoValue;
}

bool fuse(const Matcher& match, Node& node) {
  if (!node.is("Mul")) return false;
  std::vector<ValueId> factors;
  collect_factors(match, node.output(0), true, factors);
  if (factors.size() != 3) return false;
  for (size_t i = 0; i < 3; ++i) {
    bool by_tanh = false;
    const ValueId x = gate_of(match, factors[i], by_tanh);
    if (x == kNoValue) continue;
    const ValueId a = factors[(i + 1) % 3];
    const ValueId b = factors[(i + 2) % 3];
    const bool fits = (a == x && match.is_scalar(b, 0.5f)) || (b == x && match.is_scalar(a, 0.5f));
    if (!fits) continue;
    node.op = "Gelu";
    node.inputs = {x};
    node.attributes.clear();
    if (by_tanh) node.attributes["approximate"] = std::string("tanh");
    return true;
  }
  return false;
}

}  // namespace

/** x / 2 * (1 + erf(x / sqrt(2))), in any order of the factors, and its approximation by tanh
 * become Gelu, where the context's opset has it (20). */
bool fuse_gelu(Graph& graph, const PassContext& context) {
  if (context.opset < kGeluOpset) return false;
  bool changed = false;
  for (Node& node : graph.nodes) {
    changed |=
        change_subgraphs(node, [&](Graph& subgraph) { return fuse_gelu(subgraph, context); });
  }
  const Matcher match(graph);
  for (Node& node : graph.nodes) changed |= fuse(match, node);
  return changed;
}

}  // namespace whittle
