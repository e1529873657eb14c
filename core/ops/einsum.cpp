// Einsum: y[out] = sum over the labels not in `out` of the product of the inputs at their labels.
#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <vector>

#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"
#include "core/ops/support/walk.h"

namespace whittle {
namespace {

/** A label is a letter, or for the axes an ellipsis stands for a digit counted from the right ('0'
 * is the last one). */
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

[[noreturn]] void fail_equation(const Node& node, const std::string& equation) {
  fail(Code::INVALID_GRAPH, node.label(), "Expected an equation that fits the inputs of ",
       node.label(), " but received '", equation, "'");
}

/** Replaces "..." in a term by the labels of `count` axes. */
std::string expand_ellipsis(const std::string& term, int count) {
  const size_t at = term.find("...");
  if (at == std::string::npos) return term;
  std::string labels;
  for (int i = count - 1; i >= 0; --i) labels += static_cast<char>('0' + i);
  return term.substr(0, at) + labels + term.substr(at + 3);
}

Equation parse(const Node& node, const std::vector<int>& ranks) {
  const std::string text = node.string_attribute("equation", "");
  std::string compact;
  for (char c : text) {
    if (c != ' ') compact += c;
  }
  const size_t arrow = compact.find("->");
  const std::string left = compact.substr(0, arrow);
  Equation equation;
  size_t begin = 0;
  int widest = 0;
  for (int rank : ranks) {
    if (begin > left.size()) fail_equation(node, text);
    const size_t comma = std::min(left.find(',', begin), left.size());
    const std::string term = left.substr(begin, comma - begin);
    begin = comma + 1;
    const bool has_digit =
        std::any_of(term.begin(), term.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    const bool has_ellipsis = term.find("...") != std::string::npos;
    const int hidden = has_ellipsis ? rank - (static_cast<int>(term.size()) - 3) : 0;
    if (hidden < 0 || hidden > 9 || has_digit) fail_equation(node, text);
    widest = std::max(widest, hidden);
    equation.inputs.push_back(expand_ellipsis(term, hidden));
    const std::string& labels = equation.inputs.back();
    const bool is_valid = std::all_of(labels.begin(), labels.end(),
                                      [](unsigned char c) { return std::isalnum(c) != 0; });
    if (static_cast<int>(labels.size()) != rank || !is_valid) fail_equation(node, text);
  }
  if (begin <= left.size()) fail_equation(node, text);
  if (arrow != std::string::npos) {
    equation.output = expand_ellipsis(compact.substr(arrow + 2), widest);
  } else {
    // Implicit output: the ellipsis, then the labels that occur once, in alphabetical order.
    std::map<char, int> uses;
    for (const std::string& term : equation.inputs) {
      for (char label : term) ++uses[label];
    }
    equation.output = expand_ellipsis("...", widest);
    for (const auto& [label, count] : uses) {
      if (count == 1 && std::isalpha(static_cast<unsigned char>(label))) equation.output += label;
    }
  }
  std::string seen;
  for (char label : equation.output) {
    const bool occurs =
        std::any_of(equation.inputs.begin(), equation.inputs.end(),
                    [label](const auto& term) { return term.find(label) != std::string::npos; });
    if (!occurs || seen.find(label) != std::string::npos) fail_equation(node, text);
    seen += label;
  }
  return equation;
}

void infer_einsum(InferContext& context) {
  std::vector<int> ranks;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.dims(i)) return context.set_output(0, context.dtype(0));
    ranks.push_back(rank_of(*context.dims(i)));
  }
  const Equation equation = parse(context.node(), ranks);
  std::map<char, Dim> extents;
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    for (size_t k = 0; k < equation.inputs[i].size(); ++k) {
      const Dim& dim = (*context.dims(i))[k];
      const auto [at, is_new] = extents.emplace(equation.inputs[i][k], dim);
      if (!is_new) {
        at->second = broadcast_dims({at->second}, {dim}, context.node().label())[0];
      }
    }
  }
  Dims dims;
  for (char label : equation.output) dims.push_back(extents[label]);
  context.set_output(0, context.dtype(0), std::move(dims));
}

struct Labelled {
  std::string labels;  // output labels, then the summed ones
  Shape shape;         // their extents
};

Labelled all_labels(const Node& node, const Equation& equation, const std::vector<Shape>& shapes) {
  std::map<char, int64_t> extents;
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (size_t k = 0; k < equation.inputs[i].size(); ++k) {
      const int64_t extent = shapes[i][static_cast<int>(k)];
      const auto [at, is_new] = extents.emplace(equation.inputs[i][k], extent);
      if (is_new || extent == at->second || extent == 1) continue;
      if (at->second != 1) {
        fail(Code::SHAPE_MISMATCH, node.label(), "Expected one extent for label '",
             equation.inputs[i][k], "' of ", node.label(), " but received ", at->second, " and ",
             extent);
      }
      at->second = extent;
    }
  }
  Labelled all;
  all.labels = equation.output;
  for (const auto& [label, extent] : extents) {
    if (equation.output.find(label) == std::string::npos) all.labels += label;
  }
  for (char label : all.labels) all.shape.push_back(extents[label]);
  return all;
}

/** How far one step along each label moves inside a tensor; a label that occurs twice walks the
 * diagonal, an axis of extent 1 broadcasts. */
Shape label_strides(const std::string& term, const Shape& shape, const std::string& labels) {
  const Shape own = strides_of(shape);
  Shape strides;
  for (char label : labels) {
    int64_t stride = 0;
    for (size_t k = 0; k < term.size(); ++k) {
      const auto axis = static_cast<int>(k);
      if (term[k] == label && shape[axis] != 1) stride += own[axis];
    }
    strides.push_back(stride);
  }
  return strides;
}

void evaluate_einsum(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  std::vector<int> ranks;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < context.input_count(); ++i) {
    shapes.push_back(context.input(i).shape());
    ranks.push_back(shapes.back().rank());
  }
  const Equation equation = parse(node, ranks);
  const Labelled all = all_labels(node, equation, shapes);
  const auto kept = equation.output.size();
  const Shape shape(all.shape.dims().first(kept));
  const DType dtype = context.input(0).dtype();
  Tensor& y = context.output(0, dtype, shape);
  Shape summed(all.shape.dims().subspan(kept));
  summed.push_back(1);  // a rank of at least 1
  with_value_type(dtype, [&]<typename Value>() {
    // Whole inputs as values: an element is read once for each product it is in.
    std::vector<std::vector<Value>> values;
    std::vector<Shape> outer;
    std::vector<Shape> inner;
    for (size_t i = 0; i < shapes.size(); ++i) {
      values.emplace_back(static_cast<size_t>(context.input(i).elements()));
      load_block(context.input(i), 0, 1, context.input(i).elements(), values.back().data());
      const Shape strides = label_strides(equation.inputs[i], shapes[i], all.labels);
      outer.push_back(Shape(strides.dims().first(kept)));
      outer.back().push_back(0);
      inner.push_back(Shape(strides.dims().subspan(kept)));
      inner.back().push_back(0);
    }
    Shape positions = shape;
    positions.push_back(1);
    Shape sum_shape = summed;
    collapse_axes(sum_shape, inner);
    int64_t out = 0;
    for_each_row(positions, outer, [&](const int64_t* base) {
      Value total{};
      for_each_row(sum_shape, inner, [&](const int64_t* offset) {
        for (int64_t k = 0; k < sum_shape.back(); ++k) {
          Value product{1};
          for (size_t i = 0; i < values.size(); ++i) {
            product *= values[i][static_cast<size_t>(base[i] + offset[i] + k * inner[i].back())];
          }
          total += product;
        }
      });
      store_block(y, out++, 1, 1, &total);
    });
  });
}

/** One multiply-accumulate for every combination of all labels. */
Cost cost_of_einsum(const NodeFacts& facts) {
  std::vector<int> ranks;
  std::vector<Shape> shapes;
  for (const Fact& fact : facts.inputs) {
    const auto shape = fact.dims ? concrete(*fact.dims) : std::nullopt;
    if (!shape) return {};
    shapes.push_back(*shape);
    ranks.push_back(shape->rank());
  }
  if (shapes.size() < 2) return {};
  return {all_labels(facts.node, parse(facts.node, ranks), shapes).shape.elements()};
}

}  // namespace

void register_einsum(OpTable& table) {
  table.add({.name = "Einsum",
             .infer = infer_einsum,
             .evaluate = evaluate_einsum,
             .cost = cost_of_einsum});
}

}  // namespace whittle
