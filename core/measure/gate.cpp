#include "core/measure/gate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/measure/statistics.h"

namespace whittle {
namespace {

std::string percent(double share) {
  const double hundredths = std::round(share * 1e4) / 1e2;
  return concat(hundredths, " %");
}

std::optional<double> number(const nlohmann::json& source, const char* name, double low,
                             double high, const std::string& path) {
  const auto found = source.find(name);
  if (found == source.end()) return std::nullopt;
  const std::string place = path + "." + name;
  if (!found->is_number() || found->get<double>() < low || found->get<double>() > high) {
    fail(Code::INVALID_RECIPE, place, "Expected a number from ", low, " to ", high, " for ", place,
         " but received ", found->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return found->get<double>();
}

nlohmann::json unjudged(const char* name, double bound, const char* reason) {
  return {{"name", name}, {"bound", bound}, {"value", nullptr}, {"pass", false}, {"text", reason}};
}

/** The class-score output whose agreement is worst, or null. */
const nlohmann::json* worst_agreement(const nlohmann::json& evaluation) {
  const nlohmann::json* worst = nullptr;
  for (const nlohmann::json& output : evaluation.at("outputs")) {
    if (!output.contains("agreement")) continue;
    if (worst == nullptr ||
        output["agreement"]["top1"].get<double>() < (*worst)["agreement"]["top1"].get<double>()) {
      worst = &output;
    }
  }
  return worst;
}

nlohmann::json judge_agreement(double bound, const nlohmann::json& evaluation) {
  const nlohmann::json* output = worst_agreement(evaluation);
  if (output == nullptr) {
    return unjudged(
        "minAgreement", bound,
        "No output holds class scores, so agreement is not defined. Declare one, or use "
        "minSqnrDb");
  }
  const nlohmann::json& agreement = (*output)["agreement"];
  const double value = agreement["top1"].get<double>();
  const double low = agreement["interval"][0].get<double>();
  const auto count = agreement["count"].get<int64_t>();
  const auto changed = agreement["changed"].get<int64_t>();
  const bool pass = low >= bound;
  nlohmann::json check = {{"name", "minAgreement"},
                          {"bound", bound},
                          {"value", value},
                          {"pessimistic", low},
                          {"pass", pass}};
  std::string text = concat(changed, " of ", count, " changed: agreement ", percent(value),
                            ", at least ", percent(low), " with 95 % confidence");
  if (!pass) {
    text += concat(", below the bound of ", percent(bound));
    const int64_t needed = samples_to_resolve(value, bound);
    if (needed > count) {
      check["samplesNeeded"] = needed;
      text += concat(". About ", needed, " samples would resolve it at this agreement");
    }
  }
  check["text"] = text;
  return check;
}

nlohmann::json judge_drop(double bound, const nlohmann::json& evaluation) {
  const auto accuracy = evaluation.find("accuracy");
  if (accuracy == evaluation.end()) {
    return unjudged("maxDrop", bound,
                    "The samples have no labels (or no output holds class scores), so a drop of "
                    "accuracy is not defined. Give labels, or use minAgreement");
  }
  const double value = (*accuracy)["drop"].get<double>();
  const double high = (*accuracy)["dropInterval"][1].get<double>();
  const auto count = (*accuracy)["labelled"].get<int64_t>();
  const bool pass = high <= bound;
  nlohmann::json check = {{"name", "maxDrop"},
                          {"bound", bound},
                          {"value", value},
                          {"pessimistic", high},
                          {"pass", pass}};
  std::string text =
      concat("accuracy ", percent((*accuracy)["original"].get<double>()), " -> ",
             percent((*accuracy)["compressed"].get<double>()), ", a drop of at most ",
             percent(high), " with 95 % confidence over ", count, " samples");
  if (!pass) {
    text += concat(", above the bound of ", percent(bound));
    if (value < bound) {
      // The half width shrinks with the square root of the number of samples.
      const double ratio = (high - value) / (bound - value);
      const auto needed =
          static_cast<int64_t>(std::ceil(static_cast<double>(count) * ratio * ratio));
      check["samplesNeeded"] = needed;
      text += concat(". About ", needed, " samples would resolve it at this drop");
    }
  }
  check["text"] = text;
  return check;
}

nlohmann::json judge_sqnr(double bound, const nlohmann::json& evaluation) {
  std::optional<double> worst;
  std::string name;
  for (const nlohmann::json& output : evaluation.at("outputs")) {
    if (!output["sqnrDb"].is_number()) continue;
    const double value = output["sqnrDb"].get<double>();
    if (!worst || value < *worst) {
      worst = value;
      name = output["name"].get<std::string>();
    }
  }
  if (!worst) {
    // Null means no error at all, or nothing to measure.
    const bool exact = evaluation.value("exact", false);
    nlohmann::json check = unjudged("minSqnrDb", bound, "No output has a signal to measure");
    if (exact) {
      check["pass"] = true;
      check["text"] = "Every output is equal bit by bit";
    }
    return check;
  }
  const bool pass = *worst >= bound;
  const double shown = std::round(*worst * 10) / 10;
  return {{"name", "minSqnrDb"},
          {"bound", bound},
          {"value", *worst},
          {"pessimistic", *worst},
          {"pass", pass},
          {"text", concat("worst output \"", name, "\" has ", shown, " dB",
                          pass ? "" : concat(", below the bound of ", bound, " dB"))}};
}

}  // namespace

Gate parse_gate(const nlohmann::json& source, const std::string& path) {
  Gate gate;
  if (source.is_null()) return gate;
  if (!source.is_object()) {
    fail(Code::INVALID_RECIPE, path, "Expected an object for ", path, " but received ",
         source.type_name());
  }
  const std::vector<std::string> known = {"minAgreement", "maxDrop", "minSqnrDb"};
  for (const auto& [key, value] : source.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fail(Code::INVALID_RECIPE, path + "." + key,
           "Expected minAgreement, maxDrop or minSqnrDb for ", path, " but received \"", key, "\"",
           did_you_mean(key, known));
    }
  }
  gate.min_agreement = number(source, "minAgreement", 0, 1, path);
  gate.max_drop = number(source, "maxDrop", 0, 1, path);
  gate.min_sqnr_db = number(source, "minSqnrDb", -100, 300, path);
  return gate;
}

nlohmann::json to_json(const Gate& gate) {
  nlohmann::json out = nlohmann::json::object();
  if (gate.min_agreement) out["minAgreement"] = *gate.min_agreement;
  if (gate.max_drop) out["maxDrop"] = *gate.max_drop;
  if (gate.min_sqnr_db) out["minSqnrDb"] = *gate.min_sqnr_db;
  return out;
}

nlohmann::json judge(const Gate& gate, const nlohmann::json& evaluation) {
  nlohmann::json checks = nlohmann::json::array();
  if (gate.min_agreement) checks.push_back(judge_agreement(*gate.min_agreement, evaluation));
  if (gate.max_drop) checks.push_back(judge_drop(*gate.max_drop, evaluation));
  if (gate.min_sqnr_db) checks.push_back(judge_sqnr(*gate.min_sqnr_db, evaluation));
  bool pass = true;
  for (const nlohmann::json& check : checks) pass = pass && check["pass"].get<bool>();
  return {{"pass", pass}, {"checks", std::move(checks)}};
}

}  // namespace whittle
