#pragma once

// Layout of panels whose weights are codes (WeightKind::code4, code8); see pack.h. A panel is cut
// into runs of rows that share their scales: all of them, or the blocks of each tap.

#include <cstddef>
#include <cstdint>

#include "core/kernels/pack.h"

namespace whittle {

// Rows of 4-bit codes that lie together: the codes of two are the low nibbles, of two the high.
inline constexpr size_t kCodeRows = 4;

struct CodeLayout {
  size_t nr;            // columns of a panel
  size_t runs_per_tap;  // with one run for everything, that counts as one tap
  size_t taps;
  size_t run_rows;   // of all runs but the last of each tap
  size_t last_rows;  // of that one
  bool nibbles;

  CodeLayout(WeightKind kind, const PackShape& shape, size_t columns) : nr(columns) {
    nibbles = kind == WeightKind::code4;
    taps = shape.block == 0 ? 1 : shape.taps;
    const size_t rows = shape.block == 0 ? shape.taps * shape.kc : shape.kc;
    run_rows = shape.block == 0 || shape.block > rows ? rows : shape.block;
    runs_per_tap = rows == 0 ? 0 : (rows + run_rows - 1) / run_rows;
    last_rows = rows == 0 ? 0 : rows - (runs_per_tap - 1) * run_rows;
  }

  // [nr] f32 bias | [nr] i32 first entry in the table
  size_t header_bytes() const { return nr * 8; }
  // [nr] f32 scale | [nr] i16 zero point
  size_t run_header_bytes() const { return round4(nr * 6); }
  size_t code_bytes(size_t rows) const {
    return round4(nibbles ? (rows + kCodeRows - 1) / kCodeRows * kCodeRows / 2 * nr : rows * nr);
  }
  size_t rows_of(size_t run) const { return run + 1 < runs_per_tap ? run_rows : last_rows; }
  size_t run_bytes(size_t run) const { return run_header_bytes() + code_bytes(rows_of(run)); }
  size_t tap_bytes() const {
    if (runs_per_tap == 0) return 0;
    return (runs_per_tap - 1) * run_bytes(0) + run_bytes(runs_per_tap - 1);
  }
  size_t panel_bytes() const { return header_bytes() + taps * tap_bytes(); }
  // Offset of a run in the panel.
  size_t run_at(size_t tap, size_t run) const {
    return header_bytes() + tap * tap_bytes() + run * run_bytes(0);
  }
  // Where the code of `row` of a run is among its codes: the byte, and whether in the high nibble.
  size_t byte_of(size_t row, size_t column) const {
    if (!nibbles) return row * nr + column;
    return row / kCodeRows * (kCodeRows / 2) * nr + row % 2 * nr + column;
  }
  static bool in_high_nibble(size_t row) { return row % kCodeRows >= 2; }

 private:
  static constexpr size_t round4(size_t bytes) { return (bytes + 3) / 4 * 4; }
};

}  // namespace whittle
