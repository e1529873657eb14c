// LinearAttention: attention whose state is a matrix for each head, updated token by token
// (Katharopoulos and others, 2020; with decay: Yang and others, "Gated Linear Attention", 2024;
// with the delta rule: Yang and others, "Gated Delta Networks", 2025).
#include <algorithm>
#include <cmath>

#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta };

struct Rule {
  bool decays = false;
  bool corrects = false;  // stores what the state does not say yet (the delta rule)
};

Rule rule_of(const Node& node) {
  const std::string rule = node.string_attribute("update_rule", "gated_delta");
  if (rule == "linear") return {false, false};
  if (rule == "gated") return {true, false};
  if (rule == "delta") return {false, true};
  if (rule == "gated_delta") return {true, true};
  fail(Code::INVALID_GRAPH, node.label(),
       "Expected update_rule linear, gated, delta or gated_delta for ", node.label(),
       " but received '", rule, "'");
}

struct Heads {
  int64_t query = 0;
  int64_t kv = 0;
};

Heads heads_of(const Node& node) {
  const Heads heads{node.int_attribute("q_num_heads", 0), node.int_attribute("kv_num_heads", 0)};
  if (heads.kv < 1 || heads.query < 1 || heads.query % heads.kv != 0) {
    fail(Code::INVALID_GRAPH, node.label(),
         "Expected q_num_heads to be a multiple of kv_num_heads for ", node.label(),
         " but received ", heads.query, " and ", heads.kv);
  }
  return heads;
}

Dim per_head(const Dims& dims, int64_t heads) {
  return dims[2].known() ? Dim(dims[2].value / heads) : Dim();
}

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Heads heads = heads_of(node);
  const DType dtype = context.dtype(kQuery);
  const DType state = context.has_input(kPast) ? context.dtype(kPast) : dtype;
  context.set_output(0, dtype);
  context.set_output(1, state);
  const auto &q = context.dims(kQuery), &k = context.dims(kKey), &v = context.dims(kValue);
  if (!q || !k || !v || q->size() != 3 || k->size() != 3 || v->size() != 3) return;
  const Dim value_size = per_head(*v, heads.kv);
  const Dim width = value_size.known() ? Dim(value_size.value * heads.query) : Dim();
  context.set_output(0, dtype, Dims{(*q)[0], (*q)[1], width});
  context.set_output(1, state, Dims{(*q)[0], Dim(heads.kv), per_head(*k, heads.kv), value_size});
}

/** One head's state S [size, value_size] and what a token does to it. */
class State {
 public:
  State(float* values, int64_t size, int64_t value_size)
      : values_(values), size_(size), value_size_(value_size), said_(value_size) {}

  /** S = exp(decay) S, with one decay for all rows or one for each. */
  void decay(const float* decays, bool for_each_row) {
    for (int64_t i = 0; i < size_; ++i) {
      const float factor = std::exp(decays[for_each_row ? i : 0]);
      for (int64_t j = 0; j < value_size_; ++j) row(i)[j] *= factor;
    }
  }
  /** S += k v^T */
  void add(const float* k, const float* v) {
    for (int64_t i = 0; i < size_; ++i) {
      for (int64_t j = 0; j < value_size_; ++j) row(i)[j] += k[i] * v[j];
    }
  }
  /** S += beta k (v - S^T k)^T */
  void correct(const float* k, const float* v, float beta) {
    read(k, said_.data(), 1.0f);
    for (int64_t j = 0; j < value_size_; ++j) {
      auto& difference = said_[static_cast<size_t>(j)];
      difference = beta * (v[j] - difference);
    }
    add(k, said_.data());
  }
  /** out = scale S^T q */
  void read(const float* q, float* out, float scale) const {
    std::fill_n(out, value_size_, 0.0f);
    for (int64_t i = 0; i < size_; ++i) {
      for (int64_t j = 0; j < value_size_; ++j) out[j] += q[i] * row(i)[j];
    }
    for (int64_t j = 0; j < value_size_; ++j) out[j] *= scale;
  }

 private:
  float* row(int64_t i) const { return values_ + i * value_size_; }

  float* values_;
  int64_t size_;
  int64_t value_size_;
  std::vector<float> said_;
};

/** [batch, tokens, heads * size] of an input. */
struct Packed {
  Tensor values;
  int64_t width = 0;

  Packed(const EvalContext& context, size_t input, int64_t batch, int64_t tokens, int64_t heads)
      : values(float_input(context, input)) {
    const Shape& shape = values.shape();
    const Node& node = context.node();
    if (shape.rank() != 3 || shape[0] != batch || shape[1] != tokens || shape[2] % heads != 0) {
      fail(Code::SHAPE_MISMATCH, node.label(), "Expected [", batch, ",", tokens, ",", heads,
           " * size] for input ", input, " of ", node.label(), " but received ", to_string(shape));
    }
    width = shape[2];
  }
  const float* at(int64_t token) const { return values.data<float>().data() + token * width; }
};

// For each token: S is decayed, takes up k and v, and gives y = scale S^T q. Heads of q share the
// states of k and v in groups.
//   q, k, v, y [batch, tokens, heads * size]   state [batch, kv_heads, size, value_size]
//   decay [batch, tokens, kv_heads (* size)] in log space   beta [batch, tokens, kv_heads or 1]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  const Rule rule = rule_of(node);
  const Heads heads = heads_of(node);
  const Shape& shape = context.input(kQuery).shape();
  require_rank(node, shape, 3);
  const int64_t batch = shape[0], tokens = shape[1];
  const Packed q(context, kQuery, batch, tokens, heads.query);
  const Packed k(context, kKey, batch, tokens, heads.kv);
  const Packed v(context, kValue, batch, tokens, heads.kv);
  const int64_t size = k.width / heads.kv, value_size = v.width / heads.kv;
  if (q.width != size * heads.query) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected queries as long as keys for ", node.label(),
         " but received ", q.width / heads.query, " and ", size);
  }
  std::optional<Packed> decay, beta;
  if (rule.decays) decay.emplace(context, kDecay, batch, tokens, heads.kv);
  if (rule.corrects) beta.emplace(context, kBeta, batch, tokens, 1);
  const bool row_decays = decay && decay->width != heads.kv;
  if ((row_decays && decay->width != k.width) ||
      (beta && beta->width != 1 && beta->width != heads.kv)) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected decays and betas for ", heads.kv,
         " heads of ", node.label(), " but received others");
  }
  float scale = node.float_attribute("scale", 0.0f);
  if (scale == 0) scale = 1 / std::sqrt(static_cast<float>(size));

  const Shape state_shape{batch, heads.kv, size, value_size};
  Tensor states = Tensor::zeros(DType::f32, state_shape);
  if (context.has_input(kPast)) {
    const Tensor past = float_input(context, kPast);
    require_elements(context, past, states.elements(), "a past state");
    std::copy_n(past.data<float>().data(), past.elements(), states.mutable_data<float>().data());
  }
  const int64_t group = heads.query / heads.kv;
  const DType dtype = context.input(kQuery).dtype();
  fill_widened(context, 0, dtype, {batch, tokens, heads.query * value_size}, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    context.pool().run(batch * heads.kv, [&](int64_t index, int) {
      const int64_t b = index / heads.kv, head = index % heads.kv;
      State state(states.mutable_data<float>().data() + index * size * value_size, size,
                  value_size);
      for (int64_t token = b * tokens; token < (b + 1) * tokens; ++token) {
        if (decay) {
          state.decay(decay->at(token) + head * (row_decays ? size : 1), row_decays);
        }
        const float* key = k.at(token) + head * size;
        const float* value = v.at(token) + head * value_size;
        if (beta) {
          state.correct(key, value, beta->at(token)[beta->width == 1 ? 0 : head]);
        } else {
          state.add(key, value);
        }
        for (int64_t h = head * group; h < (head + 1) * group; ++h) {
          state.read(q.at(token) + h * size, out + (token * heads.query + h) * value_size, scale);
        }
      }
    });
  });
  if (context.wants_output(1)) {
    const DType type = context.has_input(kPast) ? context.input(kPast).dtype() : dtype;
    convert_into(states, context.output(1, type, state_shape));
  }
}

Cost cost(const NodeFacts& facts) {
  if (facts.inputs.size() < 3 || !facts.inputs[kKey].dims || !facts.outputs[0].dims) return {};
  const auto k = concrete(*facts.inputs[kKey].dims);
  const auto y = concrete(*facts.outputs[0].dims);
  const int64_t heads = facts.node.int_attribute("kv_num_heads", 0);
  if (!k || !y || k->rank() != 3 || heads < 1) return {};
  return {checked_mul(2 * ((*k)[2] / heads), y->elements(), "MACs")};
}

}  // namespace

void register_linear_attention(OpTable& table) {
  table.add({.name = "LinearAttention", .infer = infer, .evaluate = evaluate, .cost = cost});
}

}  // namespace whittle
