#pragma once

#include <optional>

#include "core/base/json.h"

namespace whittle {

/** The accuracy a compressed model must keep. Shares are in [0, 1]. */
struct Gate {
  std::optional<double> min_agreement;  // top-1 agreement with the original
  std::optional<double> max_drop;       // accuracy lost against labels (or by a metric of the user)
  std::optional<double> min_sqnr_db;    // of the worst output

  bool empty() const { return !min_agreement && !max_drop && !min_sqnr_db; }
};

/** Parses {minAgreement?, maxDrop?, minSqnrDb?}; null gives an empty gate. Throws INVALID_RECIPE
 * naming `path` ("gate.minAgreement"), with the nearest name for an unknown key. */
Gate parse_gate(const nlohmann::json& source, const std::string& path = "gate");
nlohmann::json to_json(const Gate& gate);

/**
 * Judges an evaluation (EvaluateJob::result) against the pessimistic end of its 95 % intervals:
 * {pass, checks: [{name, bound, value, pessimistic, pass, samplesNeeded?, text}]}. `samplesNeeded`
 * is about how many samples would resolve the bound when the value meets it and the interval does
 * not. A bound that the evaluation cannot judge (no labels, no class scores) fails and says why.
 */
nlohmann::json judge(const Gate& gate, const nlohmann::json& evaluation);

}  // namespace whittle
