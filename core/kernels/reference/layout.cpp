// Layout changes, number formats, and the blend of linear resizing.

#include "core/base/half.h"
#include "core/kernels/reference/reference.h"

namespace whittle::reference {
namespace {

template <typename T>
void transpose(const T* x, size_t ldx, size_t cols, T* y, size_t ldy, IndexRange rows) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    for (size_t c = 0; c < cols; ++c) y[c * ldy + r] = x[r * ldx + c];
  }
}

void widen(const uint16_t* x, float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = half_to_float(x[i]);
}

void narrow(const float* x, uint16_t* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] = float_to_half(x[i]);
}

// top and bottom blend horizontally first, then vertically.
void resize_linear_row(const ResizeRowArgs& args, float* y) {
  for (size_t ox = 0; ox < args.out_w; ++ox) {
    const size_t left = args.left[ox] * args.channels;
    const size_t right = args.right[ox] * args.channels;
    const float t = args.fx[ox];
    for (size_t c = 0; c < args.channels; ++c) {
      const float top = args.row0[left + c] + (args.row0[right + c] - args.row0[left + c]) * t;
      const float bottom = args.row1[left + c] + (args.row1[right + c] - args.row1[left + c]) * t;
      y[ox * args.channels + c] = top + (bottom - top) * args.fy;
    }
  }
}

}  // namespace

void fill_layout(KernelTable& table) {
  table.transpose32 = transpose<uint32_t>;
  table.transpose8 = transpose<uint8_t>;
  table.half_to_float = widen;
  table.float_to_half = narrow;
  table.resize_linear_row = resize_linear_row;
}

}  // namespace whittle::reference
