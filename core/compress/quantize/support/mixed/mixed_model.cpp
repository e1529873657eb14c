#include "core/compress/quantize/support/mixed/mixed_model.h"

#include <algorithm>
#include <numeric>

#include "core/compress/quantize/support/weights/rounding.h"
#include "core/compress/weights.h"
#include "core/onnx/writer.h"

namespace whittle {
namespace {

using nlohmann::json;

const TechniqueDef& quantize_weights() {
  return all_techniques().at("quantize-weights", "mixed-precision");
}

bool allows(const Options& options, const std::string& form) {
  const std::vector<std::string> wanted = options.list("candidates");
  return std::find(wanted.begin(), wanted.end(), form) != wanted.end();
}

/** The options of quantize-weights for a form, with the step's way of rounding. */
json options_of(const MixedForm& form, const Options& step) {
  json options = form.options;
  if (form.bits >= 8) return options;
  for (const OptionSpec& spec : rounding_options()) {
    if (spec.per_layer && step.given(spec.name)) options[spec.name] = step.given().at(spec.name);
  }
  return options;
}

const StepReport::Touched* touched(const StepReport& report, const std::string& name) {
  for (const StepReport::Touched& layer : report.touched) {
    if (layer.name == name) return &layer;
  }
  return nullptr;
}

}  // namespace

MixedModel::MixedModel(TechniqueContext& context)
    : context_(context), finder_(context.model.graph), layers_(context.layers(weight_ops())) {
  for (const MixedForm& form : mixed_forms()) {
    const bool wanted = std::any_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
      return layer.selected && allows(layer.options, form.name);
    });
    if (form.is_float() || !wanted) continue;
    forms_.push_back(std::make_unique<Prepared>());
    forms_.back()->form = form;
  }
}

const std::string& MixedModel::form_name(int form) const {
  return form < 0 ? mixed_forms().front().name : forms_[static_cast<size_t>(form)]->form.name;
}

bool MixedModel::has_classes() const {
  return std::any_of(units_.begin(), units_.end(), [](const MixedUnit& unit) {
    return std::any_of(unit.options.begin(), unit.options.end(),
                       [](const MixedOption& option) { return option.alone.classes; });
  });
}

Job MixedModel::prepare_form(Prepared& prepared) {
  const Options options(quantize_weights().options, options_of(prepared.form, context_.options),
                        "mixed-precision");
  std::vector<Layer> layers = layers_;
  for (Layer& layer : layers) {
    layer.selected = layer.selected && allows(layer.options, prepared.form.name);
    layer.options = options;
  }
  TechniqueContext context{context_.model,   context_.original, context_.unquantized,
                           context_.options, context_.rules,    context_.target,
                           context_.ops,     context_.kernels,  context_.pool,
                           context_.seed,    context_.cancel,   prepared.report};
  co_await prepared.plan.make(context, layers, finder_);
}

Job MixedModel::prepare(int& passes) {
  const bool learned = rounding_of(context_.options) != Rounding::nearest;
  for (const std::unique_ptr<Prepared>& prepared : forms_) {
    if (learned && prepared->form.bits < 8 && passes++ > 0) co_await rewind_data("mixed-precision");
    co_await prepare_form(*prepared);
  }
  group_layers();
  float_bytes_ = static_cast<int64_t>(write_model(context_.model).size());
}

void MixedModel::group_layers() {
  std::vector<size_t> group(layers_.size());  // the first layer it shares weights with
  std::iota(group.begin(), group.end(), size_t{0});
  std::map<ConstantRef, size_t> first;
  std::vector<std::vector<ConstantRef>> weights(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i].selected) continue;
    for (size_t input : weight_inputs(*layers_[i].node)) {
      const ConstantRef constant =
          finder_.find_weight(*layers_[i].graph, layers_[i].node->input(input));
      const bool planned = std::any_of(forms_.begin(), forms_.end(), [&](const auto& prepared) {
        return prepared->plan.contains(constant);
      });
      if (!planned) continue;
      weights[i].push_back(constant);
      const size_t other = group[first.try_emplace(constant, i).first->second];
      const size_t joined = std::min(other, group[i]);
      const size_t replaced = std::max(other, group[i]);
      std::replace(group.begin(), group.end(), replaced, joined);
    }
  }
  std::map<size_t, size_t> unit_of_group;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (weights[i].empty()) continue;
    const auto [place, added] = unit_of_group.try_emplace(group[i], units_.size());
    if (added) units_.emplace_back();
    MixedUnit& unit = units_[place->second];
    unit.name += (unit.name.empty() ? "" : ", ") + layers_[i].name();
    unit.layers.push_back(i);
    for (const ConstantRef& constant : weights[i]) unit_of_.emplace(constant, place->second);
  }
  for (size_t u = 0; u < units_.size(); ++u) {
    MixedUnit& unit = units_[u];
    const auto all_allow = [&](const std::string& form) {
      return std::all_of(unit.layers.begin(), unit.layers.end(),
                         [&](size_t layer) { return allows(layers_[layer].options, form); });
    };
    if (all_allow(form_name(-1))) unit.options.push_back({});
    for (size_t f = 0; f < forms_.size(); ++f) {
      const bool there = std::any_of(unit_of_.begin(), unit_of_.end(), [&](const auto& entry) {
        return entry.second == u && forms_[f]->plan.contains(entry.first);
      });
      if (!there || !all_allow(forms_[f]->form.name)) continue;
      unit.options.emplace_back();
      unit.options.back().form = static_cast<int>(f);
    }
    if (unit.options.empty()) unit.options.push_back({});
  }
}

std::vector<int> MixedModel::forms_of(const MixedChoice& choice) const {
  std::vector<int> forms;
  for (size_t u = 0; u < units_.size(); ++u) forms.push_back(units_[u].options[choice[u]].form);
  return forms;
}

Model MixedModel::build(const MixedChoice& choice) const {
  return build_forms(forms_of(choice));
}

Model MixedModel::build_forms(const std::vector<int>& forms) const {
  Model model = context_.model;
  NameMaker names(model.graph);
  edit_graphs(model.graph, [&](Graph& graph, const Graph* before) {
    const Graph* planned = before == &model.graph ? &context_.model.graph : before;
    ConstantPool pool(graph, names);
    for (size_t f = 0; f < forms_.size(); ++f) {
      forms_[f]->plan.apply(graph, planned, names, pool, [&](const ConstantRef& constant) {
        return forms[unit_of_.at(constant)] == static_cast<int>(f);
      });
    }
  });
  compact_graphs(model.graph);
  return model;
}

int64_t MixedModel::file_bytes(const MixedChoice& choice) const {
  return static_cast<int64_t>(write_model(build(choice)).size());
}

Job MixedModel::build_alone(size_t unit, size_t option, Model& model) {
  MixedOption& changed = units_[unit].options[option];
  std::vector<int> forms(units_.size(), -1);
  forms[unit] = changed.form;
  model = build_forms(forms);
  co_await report_progress("sensitivity", units_[unit].name);
  changed.bytes = static_cast<int64_t>(write_model(model).size()) - float_bytes_;
}

json MixedModel::step_of(const MixedChoice& choice) const {
  const std::vector<int> forms = forms_of(choice);
  std::vector<LayerRule> rules;
  std::vector<json> wanted(layers_.size());  // null: float
  std::vector<size_t> ruled;                 // layers
  for (size_t u = 0; u < units_.size(); ++u) {
    if (forms[u] < 0) continue;
    const MixedForm& form = forms_[static_cast<size_t>(forms[u])]->form;
    for (size_t i : units_[u].layers) wanted[i] = form.options;
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (wanted[i].is_null()) continue;
    LayerRule& rule = rules.emplace_back();
    rule.name = layers_[i].name();
    rule.overrides = wanted[i];
    rule.path = "mixed-precision";
    ruled.push_back(i);
  }
  if (layers_.empty()) return {{"technique", "quantize-weights"}};
  if (rules.empty()) {
    LayerRule& none = rules.emplace_back();
    none.name = "*";
    none.skip = true;
  } else {
    // Names need not tell layers apart (branches of a subgraph); positions do.
    const Options defaults(quantize_weights().options, json::object(), "mixed-precision");
    const std::vector<Layer> picked =
        select_layers(context_.model.graph, weight_ops(), {}, defaults, rules);
    bool exact = true;
    for (size_t i = 0; i < picked.size(); ++i) {
      exact = exact && picked[i].selected == !wanted[i].is_null() &&
              (!picked[i].selected || picked[i].options.given() == wanted[i]);
    }
    for (size_t r = 0; r < rules.size() && !exact; ++r) {
      rules[r].index = static_cast<int64_t>(ruled[r]);
    }
  }
  json step = {{"technique", "quantize-weights"}, {"layers", json::array()}};
  for (const LayerRule& rule : rules) step["layers"].push_back(to_json(rule));
  json codes = json::object();
  for (size_t f = 0; f < forms_.size(); ++f) {
    const json changes = forms_[f]->plan.changes(context_.model.graph);
    for (const auto& [constant, unit] : unit_of_) {
      if (constant.owner != &context_.model.graph) continue;
      const std::string& name = constant.value().name;
      if (forms[unit] == static_cast<int>(f) && changes.contains(name)) {
        codes[name] = changes.at(name);
      }
    }
  }
  if (!codes.empty()) step["codes"] = std::move(codes);
  return step;
}

void MixedModel::report(const MixedChoice& choice) const {
  const std::vector<int> forms = forms_of(choice);
  std::vector<int> form(layers_.size(), -2);  // -2: in no unit
  for (size_t u = 0; u < units_.size(); ++u) {
    for (size_t i : units_[u].layers) form[i] = forms[u];
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Node& node = *layers_[i].node;
    if (form[i] >= 0) {
      const Prepared& prepared = *forms_[static_cast<size_t>(form[i])];
      json detail = {{"form", prepared.form.name}};
      if (const auto* layer = touched(prepared.report, node.name)) detail.update(layer->detail);
      context_.report.touch(node, std::move(detail));
    } else if (form[i] == -1) {
      context_.report.leave(node, "stays float: too sensitive for the bytes it would save");
    } else if (!layers_[i].selected) {
      context_.report.leave(node, "not selected");
    } else if (allowed_forms(layers_[i].options).back().is_float()) {
      context_.report.leave(node, "float is its only candidate");
    } else {
      for (const std::unique_ptr<Prepared>& prepared : forms_) {
        const auto& left = prepared->report.left_alone;
        const auto found = std::find_if(left.begin(), left.end(), [&](const auto& layer) {
          return layer.name == node.name && layer.reason != "not selected";
        });
        if (found == left.end()) continue;
        context_.report.leave(node, found->reason);
        break;
      }
    }
  }
}

}  // namespace whittle
