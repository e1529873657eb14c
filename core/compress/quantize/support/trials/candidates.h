#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/compress/technique.h"
#include "core/measure/fidelity.h"
#include "core/runtime/session.h"

namespace whittle {

/** How near a candidate is to the original on the samples it was run on. */
struct Nearness {
  double sqnr_db = 300;  // of the worst float output; 300 is exact
  double mean_db = 300;  // SQNR, mean over the float outputs
  double agreement = 1;  // share of samples none of whose outputs changed class
  int64_t samples = 0;
  int64_t changed = 0;   // samples with an output that changed class
  bool classes = false;  // an output holds class scores or pixels: agreement means something
  /** Mean over rows, of the output of class scores that is worst; nullopt without such. */
  std::optional<double> kl;

  /** Noise over signal of the worst output; the inverse of sqnr_db. */
  double noise() const;
};

/** Models run beside the original on the same samples, their outputs compared. */
class Candidates {
 public:
  Candidates(const TechniqueContext& context, const Model& original);

  void add(const Model& model);
  /** Forgets all candidates, to compare others. */
  void clear();
  /** expect() and compare() for all candidates. */
  void run(const Sample& sample);
  /** Runs the original; then each candidate can be compared on the same sample. */
  void expect(const Sample& sample);
  void compare(size_t candidate, const Sample& sample);
  /**
   * Reads the data from its first sample again, at most `most` samples (0: all), and runs every
   * candidate on each. Throws EMPTY_DATA, INVALID_DATA for a sample that is not finite.
   */
  Job run_again(std::string_view technique, std::string_view stage, int64_t most);

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
  std::vector<Tensor> expected_;    // of the latest sample
  bool has_classes_ = false;
  int64_t samples_ = 0;
  std::vector<Entry> entries_;
};

/** How many sessions of a model may be held at once for their weights to take little memory: 1 to
 * `most`. */
size_t sessions_at_once(const Model& model, size_t most);

}  // namespace whittle
