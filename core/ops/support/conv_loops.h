#pragma once

#include "core/ops/support/conv_geometry.h"

namespace whittle {

/**
 * y[b, m, o] += sum over c, t of w[m, c, t] * x[b, group(m) * C + c, position(o, t)], taps in the
 * padding left out. The caller has put the bias, or zeros, into y.
 *   x [batch, in_channels, input pixels], w [out_channels, C = in_channels / groups, taps],
 *   y [batch, out_channels, output pixels]
 * Instantiated for float and uint32_t (integers modulo 2^32).
 */
template <typename T>
void convolve(const ConvGeometry& geometry, const T* x, const T* w, T* y);

/**
 * The adjoint, for a transposed geometry: y[b, group(c) * M + m, position(i, t)] +=
 * w[c, m, t] * x[b, c, i]; for float.   w [in_channels, M = out_channels / groups, taps]
 */
template <typename T>
void convolve_transposed(const ConvGeometry& geometry, const T* x, const T* w, T* y);

}  // namespace whittle
