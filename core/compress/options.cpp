#include "core/compress/options.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/nearest.h"

namespace whittle {
namespace {

const OptionSpec* find_spec(const std::vector<OptionSpec>& specs, std::string_view name) {
  for (const OptionSpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::string wanted_text(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::text:
      return "a text";
    case OptionType::ranges:
      return "an object of tensor name to [min, max]";
    case OptionType::texts:
      return "an object of tensor name to text";
    case OptionType::numbers:
      return "a list of numbers";
    case OptionType::choice:
    case OptionType::list: {
      std::string text = spec.type == OptionType::list ? "a list of some of " : "one of ";
      for (size_t i = 0; i < spec.choices.size(); ++i) {
        text += (i ? ", \"" : "\"") + spec.choices[i] + '"';
      }
      return text;
    }
    case OptionType::number:
    case OptionType::integer:
      break;
  }
  if (!spec.choices.empty()) {
    std::string text = "one of ";
    for (size_t i = 0; i < spec.choices.size(); ++i) text += (i ? ", " : "") + spec.choices[i];
    return text;
  }
  std::string text = spec.type == OptionType::integer ? "an integer" : "a number";
  const bool low = std::isfinite(spec.min);
  const bool high = std::isfinite(spec.max);
  if (low && high) {
    text += " from " + concat(spec.min) + " to " + concat(spec.max);
  } else if (low) {
    text += " of at least " + concat(spec.min);
  } else if (high) {
    text += " of at most " + concat(spec.max);
  }
  return text;
}

bool is_ranges(const nlohmann::json& value) {
  if (!value.is_object()) return false;
  return std::all_of(value.begin(), value.end(), [](const nlohmann::json& range) {
    return range.is_array() && range.size() == 2 && range[0].is_number() && range[1].is_number() &&
           range[0].get<double>() <= range[1].get<double>();
  });
}

bool is_texts(const nlohmann::json& value) {
  if (!value.is_object()) return false;
  return std::all_of(value.begin(), value.end(),
                     [](const nlohmann::json& text) { return text.is_string(); });
}

bool fits(const OptionSpec& spec, const nlohmann::json& value) {
  switch (spec.type) {
    case OptionType::boolean:
      return value.is_boolean();
    case OptionType::text:
      return value.is_string();
    case OptionType::ranges:
      return is_ranges(value);
    case OptionType::texts:
      return is_texts(value);
    case OptionType::numbers:
      return value.is_array() && std::all_of(value.begin(), value.end(),
                                             [](const auto& number) { return number.is_number(); });
    case OptionType::choice:
      return value.is_string() &&
             std::count(spec.choices.begin(), spec.choices.end(), value.get<std::string>()) > 0;
    case OptionType::list:
      return value.is_array() && !value.empty() &&
             std::all_of(value.begin(), value.end(), [&](const nlohmann::json& each) {
               return each.is_string() && std::count(spec.choices.begin(), spec.choices.end(),
                                                     each.get<std::string>()) > 0;
             });
    case OptionType::integer:
    case OptionType::number: {
      if (!value.is_number()) return false;
      const double number = value.get<double>();
      if (spec.type == OptionType::integer && number != std::floor(number)) return false;
      const auto is_number = [&](const std::string& choice) { return std::stod(choice) == number; };
      if (!spec.choices.empty()) {
        return std::any_of(spec.choices.begin(), spec.choices.end(), is_number);
      }
      return number >= spec.min && number <= spec.max;
    }
  }
  return false;
}

/** A value in a message: cut when long. */
std::string shown(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

void check(const std::vector<OptionSpec>& specs, const nlohmann::json& values,
           const std::string& path, bool in_rule) {
  for (const auto& [key, value] : values.items()) {
    const std::string place = path + "." + key;
    const OptionSpec* spec = find_spec(specs, key);
    if (spec == nullptr) {
      std::vector<std::string> known;
      for (const OptionSpec& each : specs) known.push_back(each.name);
      fail(Code::INVALID_OPTION, place, "Expected a known option for ", path, " but received \"",
           key, "\"", did_you_mean(key, known));
    }
    if (in_rule && !spec->per_layer) {
      fail(Code::INVALID_OPTION, place, "Expected an option that may differ between layers for ",
           path, " but received \"", key, "\", which holds for the whole step");
    }
    if (!fits(*spec, value)) {
      fail(Code::INVALID_OPTION, place, "Expected ", wanted_text(*spec), " for ", place,
           " but received ", shown(value));
    }
  }
}

}  // namespace

std::string_view option_type_name(OptionType type) {
  switch (type) {
    case OptionType::number:
      return "number";
    case OptionType::integer:
      return "integer";
    case OptionType::boolean:
      return "boolean";
    case OptionType::text:
      return "text";
    case OptionType::choice:
      return "choice";
    case OptionType::list:
      return "list";
    case OptionType::ranges:
      return "ranges";
    case OptionType::texts:
      return "texts";
    case OptionType::numbers:
      return "numbers";
  }
  return "";
}

Options::Options(const std::vector<OptionSpec>& specs, const nlohmann::json& values,
                 const std::string& path)
    : specs_(&specs), given_(values) {
  check(specs, values, path, false);
}

Options Options::with(const nlohmann::json& overrides, const std::string& path) const {
  Options merged = *this;
  if (overrides.empty()) return merged;
  check(*specs_, overrides, path, true);
  merged.given_.update(overrides);
  return merged;
}

nlohmann::json Options::at(std::string_view name) const {
  const auto found = given_.find(name);
  if (found != given_.end()) return *found;
  const OptionSpec* spec = specs_ == nullptr ? nullptr : find_spec(*specs_, name);
  return spec == nullptr ? nlohmann::json() : spec->default_value;
}

bool Options::has(std::string_view name) const {
  return !at(name).is_null();
}
double Options::number(std::string_view name) const {
  return at(name).get<double>();
}
int64_t Options::integer(std::string_view name) const {
  return static_cast<int64_t>(at(name).get<double>());
}
bool Options::boolean(std::string_view name) const {
  return at(name).get<bool>();
}
std::string Options::text(std::string_view name) const {
  return at(name).get<std::string>();
}
nlohmann::json Options::ranges(std::string_view name) const {
  nlohmann::json value = at(name);
  return value.is_null() ? nlohmann::json::object() : value;
}
std::vector<float> Options::numbers(std::string_view name) const {
  std::vector<float> list;
  for (const nlohmann::json& number : at(name)) list.push_back(number.get<float>());
  return list;
}
std::vector<std::string> Options::list(std::string_view name) const {
  const nlohmann::json value = at(name);
  return value.is_null() ? std::vector<std::string>() : value.get<std::vector<std::string>>();
}

}  // namespace whittle
