#include "core/runtime/session.h"

#include <algorithm>

#include "core/runtime/executor.h"
#include "core/runtime/session_state.h"
#include "core/tensor/sequence.h"

namespace whittle {
namespace {

std::string quoted_names(const Graph& graph, const std::vector<ValueId>& ids) {
  std::string text;
  for (ValueId id : ids) text += (text.empty() ? "'" : ", '") + graph.value(id).name + "'";
  return text;
}

bool fits(const Dims& dims, const Shape& shape) {
  if (static_cast<int>(dims.size()) != shape.rank()) return false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].known() && dims[i].value != shape[static_cast<int>(i)]) return false;
  }
  return true;
}

std::string describe(const Tensor& value, const std::string& where) {
  if (is_none(value)) return "none";
  if (!is_sequence(value)) return concat("a tensor of ", dtype_name(value.dtype()));
  return concat("a sequence of ", dtype_name(as_sequence(value, where).element));
}

/** A sequence or optional has the declared type inside, and tensors of the declared shape. */
void check_container(const Value& input, const Tensor& value, const std::string& where) {
  if (is_none(value) && input.dtype != DType::sequence) return;
  const bool wants_sequence = input.dtype != DType::optional;
  const auto check_item = [&](const Tensor& item) {
    if (input.element_dims && !fits(*input.element_dims, item.shape())) {
      fail(Code::SHAPE_MISMATCH, where, "Expected tensors of shape ",
           to_string(*input.element_dims), " in ", where, " but received ",
           to_string(item.shape()));
    }
  };
  if (is_sequence(value) && wants_sequence) {
    const Sequence& sequence = as_sequence(value, where);
    if (sequence.element == input.element || sequence.items.empty()) {
      for (const Tensor& item : sequence.items) check_item(item);
      return;
    }
  } else if (!is_container(value.dtype()) && !wants_sequence && value.dtype() == input.element) {
    return check_item(value);
  }
  fail(Code::TYPE_MISMATCH, where, "Expected ", wants_sequence ? "a sequence" : "a tensor", " of ",
       dtype_name(input.element), input.dtype == DType::sequence ? "" : ", or none,", " for ",
       where, " but received ", describe(value, where));
}

void check_feed(const Value& input, const Tensor& tensor) {
  const std::string where = "input '" + input.name + "'";
  if (is_container(input.dtype)) return check_container(input, tensor, where);
  if (input.dtype != DType::undefined && tensor.dtype() != input.dtype) {
    fail(Code::TYPE_MISMATCH, where, "Expected ", dtype_name(input.dtype), " for ", where,
         " but received ", dtype_name(tensor.dtype()));
  }
  if (input.dims && !fits(*input.dims, tensor.shape())) {
    fail(Code::SHAPE_MISMATCH, where, "Expected shape ", to_string(*input.dims), " for ", where,
         " but received ", to_string(tensor.shape()));
  }
  if (tensor.raw() == nullptr && tensor.bytes() > 0) {
    fail(Code::INVALID_DATA, where, "Expected a tensor with elements for ", where,
         " but received one without memory");
  }
}

}  // namespace

class Session::Impl {
 public:
  Impl(std::shared_ptr<const Model> model, SessionOptions options)
      : model_(std::move(model)),
        options_(std::move(options)),
        state_(model_->graph, options_.state) {
    for (size_t i = 0; i < this->graph().outputs.size(); ++i) {
      if (state_.is_output(i)) continue;
      default_outputs_.push_back(this->graph().value(this->graph().outputs[i]).name);
    }
    CompileOptions compile;
    compile.kernels = options_.kernels ? options_.kernels : kernels_for(best_tier());
    compile.ops = &all_ops();
    compile.pool = options_.pool ? options_.pool : &serial_;
    compile.fuse = options_.fuse;
    compile.arena = options_.arena;
    compile.observe = options_.observe;
    compile.observe_stored = options_.observe_stored;
    if (options_.profile && !options_.clock_ms) {
      fail(Code::INVALID_OPTION, "profile",
           "Expected a clock for option 'profile' but received none");
    }

    // Inputs with a default value (an initializer of the same name) are fed from it when absent.
    Graph graph = model_->graph;
    for (ValueId id : graph.inputs) {
      defaults_.push_back(graph.value(id).constant);
      graph.value(id).constant = Tensor{};
    }
    packs_ = std::make_shared<PackCache>();
    executor_ = std::make_unique<Executor>(std::move(graph), compile, packs_);
    prepare();
    if (options_.consume) release_weights();
  }

  const Model& model() const { return *model_; }
  const std::vector<std::string>& default_outputs() const { return default_outputs_; }
  Feeds state() const { return state_.values(graph()); }
  void set_state(const Feeds& state) { state_.set_values(graph(), state); }
  void set_observer(Observer observer) { observer_ = std::move(observer); }

  std::vector<Tensor> run(const Feeds& feeds, const std::vector<std::string>& outputs) {
    const std::vector<Tensor> inputs = gather_inputs(feeds);
    const bool wants_all = outputs.empty() && options_.state.empty();
    std::vector<size_t> wanted;
    if (!wants_all) wanted = positions_of(outputs.empty() ? default_outputs_ : outputs);
    std::vector<Tensor> results =
        executor_->run(inputs, &observer_, options_.profile ? &options_.clock_ms : nullptr);
    state_.keep(results);
    if (wants_all) return results;
    std::vector<Tensor> picked;
    for (size_t position : wanted) picked.push_back(results[position]);
    return picked;
  }

  std::vector<StepProfile> profile() const {
    std::vector<StepProfile> list;
    if (const Plan* plan = executor_->latest()) {
      for (const Step& step : plan->steps) list.push_back(step.profile);
    }
    return list;
  }
  int64_t constant_bytes() const { return packs_->bytes(); }
  int64_t arena_bytes() const {
    const Plan* plan = executor_->latest();
    return plan ? plan->arena_bytes : 0;
  }

 private:
  const Graph& graph() const { return model_->graph; }

  /** Compiles ahead where the model states every input shape. */
  void prepare() {
    std::vector<Shape> shapes;
    for (ValueId id : graph().inputs) {
      const auto& dims = graph().value(id).dims;
      const auto shape = dims ? concrete(*dims) : std::nullopt;
      if (!shape) return;
      shapes.push_back(*shape);
    }
    executor_->prepare(shapes);
  }

  /** Keeps the model's description only; with fixed input shapes also drops the weights' source. */
  void release_weights() {
    executor_->release_weights();
    auto description = std::make_shared<Model>(*model_);
    for (Value& value : description->graph.values) value.constant = Tensor{};
    description->graph.nodes.clear();
    model_ = std::move(description);
  }

  std::vector<Tensor> gather_inputs(const Feeds& feeds) const {
    for (const auto& [name, tensor] : feeds) {
      const auto named = [&, &wanted = name](ValueId id) {
        return graph().value(id).name == wanted;
      };
      if (std::none_of(graph().inputs.begin(), graph().inputs.end(), named)) {
        fail(Code::UNKNOWN_INPUT, "input '" + name + "'", "Expected one of the model's inputs (",
             quoted_names(graph(), graph().inputs), ") but received '", name, "'");
      }
    }
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < graph().inputs.size(); ++i) {
      const Value& input = graph().value(graph().inputs[i]);
      const auto fed = feeds.find(input.name);
      Tensor tensor = fed != feeds.end() ? fed->second : state_.kept(i);
      if (!tensor.defined()) tensor = defaults_[i];
      if (!tensor.defined() && state_.is_input(i)) {
        tensor = SessionState::initial(graph(), input, feeds);
      }
      const bool may_be_left_out =
          input.dtype == DType::optional || input.dtype == DType::optional_sequence;
      if (!tensor.defined() && may_be_left_out) tensor = make_none();
      if (!tensor.defined()) {
        fail(Code::MISSING_INPUT, "input '" + input.name + "'", "Expected a tensor for input '",
             input.name, "' but received none");
      }
      check_feed(input, tensor);
      inputs.push_back(std::move(tensor));
    }
    return inputs;
  }

  std::vector<size_t> positions_of(const std::vector<std::string>& outputs) const {
    std::vector<size_t> positions;
    for (const std::string& name : outputs) {
      const auto& ids = graph().outputs;
      const auto found = std::find_if(ids.begin(), ids.end(),
                                      [&](ValueId id) { return graph().value(id).name == name; });
      if (found == ids.end()) {
        fail(Code::UNKNOWN_OUTPUT, "output '" + name + "'", "Expected one of the model's outputs (",
             quoted_names(graph(), ids), ") but received '", name, "'");
      }
      positions.push_back(static_cast<size_t>(found - ids.begin()));
    }
    return positions;
  }

  std::shared_ptr<const Model> model_;
  SessionOptions options_;
  SerialPool serial_;
  SessionState state_;
  std::vector<std::string> default_outputs_;
  std::vector<Tensor> defaults_;  // by input; undefined where there is none
  std::shared_ptr<PackCache> packs_;
  std::unique_ptr<Executor> executor_;
  Observer observer_;
};

Session::Session(std::shared_ptr<const Model> model, SessionOptions options)
    : impl_(std::make_unique<Impl>(std::move(model), std::move(options))) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const Model& Session::model() const {
  return impl_->model();
}
std::vector<Tensor> Session::run(const Feeds& feeds, const std::vector<std::string>& outputs) {
  return impl_->run(feeds, outputs);
}
const std::vector<std::string>& Session::default_outputs() const {
  return impl_->default_outputs();
}
Feeds Session::state() const {
  return impl_->state();
}
void Session::set_state(const Feeds& state) {
  impl_->set_state(state);
}
void Session::set_observer(Observer observer) {
  impl_->set_observer(std::move(observer));
}
std::vector<StepProfile> Session::profile() const {
  return impl_->profile();
}
int64_t Session::constant_bytes() const {
  return impl_->constant_bytes();
}
int64_t Session::arena_bytes() const {
  return impl_->arena_bytes();
}

}  // namespace whittle
