#pragma once

#include <memory>
#include <vector>

#include "core/compress/technique.h"
#include "core/measure/fidelity.h"
#include "core/runtime/session.h"

namespace whittle {

/** How near a candidate is to the original on the samples it was run on. */
struct Nearness {
  double sqnr_db = 300;  // of the worst float output; 300 is exact
  double agreement = 1;  // share of samples none of whose outputs changed class
};

/** Models run beside the original on the same samples, their outputs compared. */
class Candidates {
 public:
  Candidates(const TechniqueContext& context, const Model& original);

  void add(const Model& model);
  /** Forgets all candidates, to compare others. */
  void clear();
  void run(const Sample& sample);
  size_t size() const { return entries_.size(); }
  Nearness nearness(size_t candidate) const;
  /** Whether an output was recognised as class scores or pixels; known after the first run. */
  bool has_classes() const { return has_classes_; }

 private:
  struct Entry {
    std::unique_ptr<Session> session;
    std::vector<SignalStats> signals;        // by output
    std::vector<OutputFidelity> fidelities;  // by output
    int64_t changed = 0;
  };
  std::unique_ptr<Session> make_session(const Model& model) const;

  const TechniqueContext& context_;
  std::unique_ptr<Session> original_;
  std::vector<std::string> names_;  // of the outputs
  std::vector<OutputKind> kinds_;   // by output, once a sample has been run
  bool has_classes_ = false;
  int64_t samples_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace whittle
