#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace whittle {

/** `list` is a list of some of the choices; `ranges` an object of tensor name -> [min, max], as a
 * report writes it; `numbers` a list of them; `texts` an object of tensor name -> text. */
enum class OptionType { number, integer, boolean, text, choice, list, ranges, numbers, texts };

/** The spelling in the exported schema: "number", "integer" ... */
std::string_view option_type_name(OptionType type);

/** One option of a technique, declared once: TypeScript types, command line flags, forms, messages
 * and reference pages are generated from it. */
struct OptionSpec {
  std::string name;
  OptionType type = OptionType::number;
  std::string doc = {};               // one line, without a full stop
  nlohmann::json default_value = {};  // null: unset unless given
  std::string unit = {};              // "dB", "bits"; may be empty
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // of a choice or list; of an integer, its only values
  /** Whether a layer rule may override it. */
  bool per_layer = true;
  /** Forms and help texts show it only on request. */
  bool advanced = false;
};

/** Option values that have passed validation, over the defaults of their specs. */
class Options {
 public:
  Options() = default;
  /** Validates `values` (an object) against `specs`; throws INVALID_OPTION with the path
   * ("steps[1].energy"), the range, and the nearest known name for an unknown key. */
  Options(const std::vector<OptionSpec>& specs, const nlohmann::json& values,
          const std::string& path);

  /** These options with those of a layer rule on top; throws as the constructor, and for an option
   * that cannot differ between layers. */
  Options with(const nlohmann::json& overrides, const std::string& path) const;

  /** Given, or has a default. */
  bool has(std::string_view name) const;
  /** Set by the user rather than by default. */
  bool given(std::string_view name) const { return given_.contains(name); }
  double number(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::string text(std::string_view name) const;
  /** An object; empty when not given. */
  nlohmann::json ranges(std::string_view name) const;
  nlohmann::json texts(std::string_view name) const { return ranges(name); }
  /** Empty when not given. */
  std::vector<float> numbers(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  /** What the user set, without defaults. */
  const nlohmann::json& given() const { return given_; }

 private:
  nlohmann::json at(std::string_view name) const;

  const std::vector<OptionSpec>* specs_ = nullptr;
  nlohmann::json given_ = nlohmann::json::object();
};

}  // namespace whittle
