#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/runtime/session.h"

namespace whittle {

/** Outputs of a session that become inputs of its next run: recurrent state, key-value caches. The
 * tensor a run made is bound as an input of the next, so feeding back copies nothing. */
class SessionState {
 public:
  /** `links` are output names to input names. Throws UNKNOWN_OUTPUT, UNKNOWN_INPUT, TYPE_MISMATCH,
   * INVALID_OPTION for two outputs that feed one input. */
  SessionState(const Graph& graph, const std::map<std::string, std::string>& links);

  bool is_output(size_t position) const;
  bool is_input(size_t position) const;
  /** What the last run left for the input at `position`; undefined before the first. */
  Tensor kept(size_t position) const;
  /** What a run starts from: zeros of the declared shape, symbols taken from what `feeds` gives
   * other inputs; an empty sequence, none. Throws MISSING_INPUT where the shape stays open. */
  static Tensor initial(const Graph& graph, const Value& input, const Feeds& feeds);
  /** Takes over the outputs of a run, in the graph's order. */
  void keep(const std::vector<Tensor>& outputs);

  /** The kept values by input name. */
  Feeds values(const Graph& graph) const;
  /** Replaces them; inputs left out start anew. Throws UNKNOWN_INPUT for others. */
  void set_values(const Graph& graph, const Feeds& values);

 private:
  struct Link {
    size_t output = 0;  // positions in the graph's outputs and inputs
    size_t input = 0;
    Tensor value;
  };
  std::vector<Link> links_;
};

}  // namespace whittle
