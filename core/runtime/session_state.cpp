#include "core/runtime/session_state.h"

#include <algorithm>

#include "core/tensor/sequence.h"

namespace whittle {
namespace {

/** The position of the value called `name`, or the number of values. */
size_t find_name(const Graph& graph, const std::vector<ValueId>& ids, const std::string& name) {
  const auto found = std::find_if(ids.begin(), ids.end(),
                                  [&](ValueId id) { return graph.value(id).name == name; });
  return static_cast<size_t>(found - ids.begin());
}

size_t require_name(const Graph& graph, const std::vector<ValueId>& ids, const std::string& name,
                    Code code, const char* kind) {
  const size_t position = find_name(graph, ids, name);
  if (position == ids.size()) {
    fail(code, "state", "Expected an ", kind, " of the model in option 'state' but received '",
         name, "'");
  }
  return position;
}

/** What the dimension called `symbol` is in the tensors fed. */
std::optional<int64_t> fed_dim(const Graph& graph, const std::string& symbol, const Feeds& feeds) {
  if (symbol.empty()) return std::nullopt;
  for (ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    const auto fed = feeds.find(input.name);
    if (fed == feeds.end() || !input.dims) continue;
    const Shape& shape = fed->second.shape();
    for (size_t i = 0; i < input.dims->size() && static_cast<int>(i) < shape.rank(); ++i) {
      if ((*input.dims)[i].symbol == symbol) return shape[static_cast<int>(i)];
    }
  }
  return std::nullopt;
}

}  // namespace

SessionState::SessionState(const Graph& graph, const std::map<std::string, std::string>& links) {
  for (const auto& [output, input] : links) {
    Link link;
    link.output = require_name(graph, graph.outputs, output, Code::UNKNOWN_OUTPUT, "output");
    link.input = require_name(graph, graph.inputs, input, Code::UNKNOWN_INPUT, "input");
    if (is_input(link.input)) {
      fail(Code::INVALID_OPTION, "state", "Expected one output for input '", input,
           "' in option 'state' but received a second one, '", output, "'");
    }
    const DType from = graph.value(graph.outputs[link.output]).dtype;
    const DType to = graph.value(graph.inputs[link.input]).dtype;
    if (from != to && from != DType::undefined && to != DType::undefined) {
      fail(Code::TYPE_MISMATCH, "state", "Expected an output of ", dtype_name(to), " for input '",
           input, "' but received '", output, "' of ", dtype_name(from));
    }
    links_.push_back(std::move(link));
  }
}

bool SessionState::is_output(size_t position) const {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.output == position; });
}

bool SessionState::is_input(size_t position) const {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link& link) { return link.input == position; });
}

Tensor SessionState::kept(size_t position) const {
  for (const Link& link : links_) {
    if (link.input == position) return link.value;
  }
  return {};
}

Tensor SessionState::initial(const Graph& graph, const Value& input, const Feeds& feeds) {
  const std::string where = "input '" + input.name + "'";
  if (input.dtype == DType::sequence) return make_sequence(input.element, {}, where);
  if (is_container(input.dtype)) return make_none();
  Shape shape;
  bool is_known = input.dims && input.dtype != DType::undefined;
  for (size_t i = 0; is_known && i < input.dims->size(); ++i) {
    const Dim& dim = (*input.dims)[i];
    const auto size = dim.known() ? dim.value : fed_dim(graph, dim.symbol, feeds);
    is_known = size.has_value();
    if (is_known) shape.push_back(*size);
  }
  if (!is_known) {
    fail(Code::MISSING_INPUT, where, "Expected a tensor for ", where,
         " in the first run, for its shape ", input.dims ? to_string(*input.dims) : "",
         " is open, but received none");
  }
  return Tensor::zeros(input.dtype, shape);
}

void SessionState::keep(const std::vector<Tensor>& outputs) {
  for (Link& link : links_) link.value = outputs[link.output];
}

Feeds SessionState::values(const Graph& graph) const {
  Feeds values;
  for (const Link& link : links_) {
    if (link.value.defined()) values[graph.value(graph.inputs[link.input]).name] = link.value;
  }
  return values;
}

void SessionState::set_values(const Graph& graph, const Feeds& values) {
  for (const auto& [name, tensor] : values) {
    if (!is_input(find_name(graph, graph.inputs, name))) {
      fail(Code::UNKNOWN_INPUT, name, "Expected an input of option 'state' but received '", name,
           "'");
    }
  }
  for (Link& link : links_) {
    const auto found = values.find(graph.value(graph.inputs[link.input]).name);
    link.value = found == values.end() ? Tensor{} : found->second;
  }
}

}  // namespace whittle
