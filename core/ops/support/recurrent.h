#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/ops/op.h"

namespace whittle {

/** An activation of a recurrent operator with its parameters. */
struct RnnActivation {
  float (*function)(float x, float alpha, float beta) = nullptr;
  float alpha = 0.0f;
  float beta = 0.0f;
  float operator()(float x) const { return function(x, alpha, beta); }
};

/**
 * What LSTM, GRU and RNN nodes have in common, read and checked once.
 *   x [steps, batch, input], or [batch, steps, input] for layout 1
 *   w [directions, gates * hidden, input]   r [directions, gates * hidden, hidden]
 *   b [directions, 2 * gates * hidden]      lengths [batch]
 */
struct Recurrence {
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t input = 0;
  int64_t hidden = 0;
  int64_t directions = 1;
  int64_t gates = 1;
  bool reverse = false;                    // of a single direction
  bool batch_first = false;                // layout 1
  float clip = 0.0f;                       // 0: none; gate inputs are clamped to [-clip, clip]
  std::vector<RnnActivation> activations;  // per direction, `per_direction` each
  size_t per_direction = 1;
  std::vector<int64_t> lengths;  // steps of each sequence

  bool backwards(int64_t direction) const { return reverse || direction == 1; }
  /** The gate input after clipping. */
  float clipped(float value) const;
  const RnnActivation& activation(int64_t direction, size_t index) const {
    return activations[static_cast<size_t>(direction) * per_direction + index];
  }
};

/** `defaults` names the activations of one direction. Throws SHAPE_MISMATCH, INVALID_GRAPH,
 * UNSUPPORTED naming the node. */
Recurrence read_recurrence(const EvalContext& context, const Shape& x, const Shape& w,
                           const Shape& r, int64_t gates, std::vector<std::string> defaults);

/** One direction's step of one sequence: gate inputs in, new hidden state out. */
using RnnCell =
    std::function<void(int64_t direction, int64_t sequence, const float* gates_x, float* hidden)>;

/**
 * Drives the cell over all directions, sequences and steps and fills outputs 0 (y, all steps) and 1
 * (y_h, the last). gates_x [gates * hidden] holds w x + w_bias of the step; `hidden` [hidden] comes
 * in as the previous state (initial_h at first) and leaves as the new one. Steps past a sequence's
 * length give 0 in y. x and w are f32. y [steps, directions, batch, hidden]   y_h [directions,
 * batch, hidden]; for layout 1 y [batch, steps, directions, hidden]   y_h [batch, directions,
 * hidden]
 */
void run_recurrence(EvalContext& context, const Recurrence& recurrence, const Tensor& x,
                    const Tensor& w, const RnnCell& cell);

/** A state tensor (initial_h, initial_c) as [directions, batch, hidden]; zeros when absent. */
std::vector<float> read_state(const EvalContext& context, const Recurrence& recurrence, size_t i);
/** Writes a state of [directions, batch, hidden] to output i in the node's layout. */
void write_state(EvalContext& context, const Recurrence& recurrence, size_t i,
                 const std::vector<float>& state);

/** sum over h of r[row, h] * hidden[h] for one row of r. */
float recurrent_sum(const float* r_row, const float* hidden, int64_t size);

/** Output dims of such nodes: y, y_h and (LSTM) y_c. */
void infer_recurrence(InferContext& context);
/** MACs over all steps. */
Cost recurrence_cost(const NodeFacts& facts);

}  // namespace whittle
