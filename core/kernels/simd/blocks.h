#pragma once

// How matrix kernels walk their output: blocks of rows, tiles of rows inside, and for each tile the
// pointers to its rows of A, laid out [tile][tap][row in tile]. Integer and float kernels share it.

#include <cstddef>

#include "core/kernels/kernel_table.h"
#include "core/kernels/tiling.h"

namespace whittle::simd {

// Splits `total` into the fewest parts of at most `limit`, sizes differing by at most one: 49 rows
// in tiles of 6 become 6 6 6 6 5 5 5 5 5, not eight full tiles and a slow single row.
class EvenSplit {
 public:
  EvenSplit(size_t total, size_t limit)
      : parts_((total + limit - 1) / limit),
        size_(parts_ ? total / parts_ : 0),
        larger_(parts_ ? total % parts_ : 0) {}
  size_t parts() const { return parts_; }
  size_t begin(size_t part) const { return part * size_ + (part < larger_ ? part : larger_); }
  size_t size(size_t part) const { return size_ + (part < larger_ ? 1 : 0); }

 private:
  size_t parts_;
  size_t size_;
  size_t larger_;
};

// Calls run(first row, tiles of the block) for every block of the rows.
template <size_t kRows, typename Run>
void for_each_block(IndexRange rows, Run run) {
  const EvenSplit blocks(rows.size(), kRows * kTilesPerBlock);
  for (size_t i = 0; i < blocks.parts(); ++i) {
    run(rows.begin + blocks.begin(i), EvenSplit(blocks.size(i), kRows));
  }
}

// Pointers of a plain matrix: one tap.
template <size_t kRows>
void matrix_pointers(const char* a, size_t row_bytes, size_t first_row, const EvenSplit& tiles,
                     const void** pointers) {
  for (size_t t = 0; t < tiles.parts(); ++t) {
    const char* row = a + (first_row + tiles.begin(t)) * row_bytes;
    for (size_t i = 0; i < tiles.size(t); ++i, row += row_bytes) pointers[t * kRows + i] = row;
  }
}

// Pointers of a convolution; taps in the padding point at zero_row.
template <size_t kRows>
void conv_pointers(const ConvShape& s, const char* input, const void* zero_row, size_t element,
                   size_t first_pixel, const EvenSplit& tiles, const void** pointers) {
  const size_t taps = s.taps();
  const size_t row_bytes = s.row_stride * element;
  const size_t pixel_bytes = s.pixel_stride * element;
  size_t oy = first_pixel / s.out_w;
  size_t ox = first_pixel % s.out_w;
  for (size_t t = 0; t < tiles.parts(); ++t) {
    for (size_t i = 0; i < tiles.size(t); ++i) {
      // Unsigned wrap-around makes positions above and left of the image fail `< in_h`, `< in_w`.
      const size_t y0 = oy * s.stride_h - s.pad_top;
      const size_t x0 = ox * s.stride_w - s.pad_left;
      const void** out = pointers + t * taps * kRows + i;
      for (size_t ky = 0; ky < s.kernel_h; ++ky) {
        const size_t y = y0 + ky * s.dilation_h;
        if (y >= s.in_h) {
          for (size_t kx = 0; kx < s.kernel_w; ++kx, out += kRows) *out = zero_row;
          continue;
        }
        const char* const row = input + y * row_bytes;
        size_t x = x0;
        for (size_t kx = 0; kx < s.kernel_w; ++kx, out += kRows, x += s.dilation_w) {
          *out = x < s.in_w ? static_cast<const void*>(row + x * pixel_bytes) : zero_row;
        }
      }
      if (++ox == s.out_w) {
        ox = 0;
        ++oy;
      }
    }
  }
}

}  // namespace whittle::simd
