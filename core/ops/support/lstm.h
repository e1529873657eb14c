#pragma once

#include "core/base/thread_pool.h"
#include "core/ops/support/recurrent.h"

namespace whittle {

/**
 * Gates in the order i, o, f, c; X_g = w_g x + wb_g; peepholes p act on the cell state:
 *   i = f(X_i + r_i h + rb_i + p_i * c)      f = f(X_f + r_f h + rb_f + p_f * c)
 *   n = g(X_c + r_c h + rb_c)                c' = f * c + i * n
 *   o = f(X_o + r_o h + rb_o + p_o * c')     h' = o * h(c')
 * With input_forget, f = 1 - i.
 *   w [directions, 4 * hidden, input]   r [directions, 4 * hidden, hidden]
 *   b [directions, 8 * hidden]: wb, then rb   initial_h, initial_c [directions, batch, hidden]
 *   p [directions, 3 * hidden]: i, o, f
 *
 * x_all, w and r_all (f32) are given apart from the node's other inputs; `before_use` may change
 * the hidden state that the recurrent weights are about to be applied to.
 */
void evaluate_lstm(EvalContext& context, const Tensor& x_all, const Tensor& w, const Tensor& r_all,
                   FunctionRef<void(std::vector<float>&)> before_use);

}  // namespace whittle
