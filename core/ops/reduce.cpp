// ReduceX: one number from the elements along the given axes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "core/ops/support/axes.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

double plus(double total, double x) {
  return total + x;
}
double plus_square(double total, double x) {
  return total + x * x;
}
double plus_absolute(double total, double x) {
  return total + std::fabs(x);
}
double times(double total, double x) {
  return total * x;
}
double larger(double total, double x) {
  return x > total || std::isnan(x) ? x : total;
}
double smaller(double total, double x) {
  return x < total || std::isnan(x) ? x : total;
}
double unchanged(double total, int64_t) {
  return total;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/** y = finish(x1 (step) x2 (step) ... from `start`, n), with exact integers where `integer` is. */
struct Row {
  std::string_view name;
  double start;
  double (*step)(double total, double x);
  double (*finish)(double total, int64_t n);
  int64_t integer_start = 0;
  int64_t (*integer)(int64_t total, int64_t x) = nullptr;
};

int64_t integer_plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t integer_times(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

constexpr Row kRows[] = {
    {"ReduceL1", 0, plus_absolute, unchanged},
    {"ReduceL2", 0, plus_square, [](double total, int64_t) { return std::sqrt(total); }},
    {"ReduceLogSum", 0, plus, [](double total, int64_t) { return std::log(total); }},
    {"ReduceMax", -kInfinity, larger, unchanged, std::numeric_limits<int64_t>::min(),
     [](int64_t a, int64_t b) { return a > b ? a : b; }},
    {"ReduceMean", 0, plus, [](double total, int64_t n) { return total / static_cast<double>(n); }},
    {"ReduceMin", kInfinity, smaller, unchanged, std::numeric_limits<int64_t>::max(),
     [](int64_t a, int64_t b) { return a < b ? a : b; }},
    {"ReduceProd", 1, times, unchanged, 1, integer_times},
    {"ReduceSum", 0, plus, unchanged, 0, integer_plus},
    {"ReduceSumSquare", 0, plus_square, unchanged, 0,
     [](int64_t a, int64_t b) { return integer_plus(a, integer_times(b, b)); }},
};

/** Axes to reduce: input 1, or all; nothing at all with noop_with_empty_axes. */
std::vector<int> reduced_axes(const Node& node, int rank,
                              const std::optional<std::vector<int64_t>>& given) {
  std::vector<int> axes;
  if (given && !given->empty()) return normalize_axes(*given, rank, node);
  if (node.int_attribute("noop_with_empty_axes", 0) != 0) return axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

bool keeps_dims(const Node& node) {
  return node.int_attribute("keepdims", 1) != 0;
}

void infer_reduce(InferContext& context) {
  const Node& node = context.node();
  const auto& dims = context.dims(0);
  const auto axes = context.integers(1);
  std::optional<Dims> result;
  if (dims && (axes || !context.has_input(1))) {
    result = reduced_dims(*dims, reduced_axes(node, rank_of(*dims), axes), keeps_dims(node));
  } else if (dims && keeps_dims(node)) {
    result = unknown_dims(rank_of(*dims));
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

/** Calls use(values, n) for blocks of the elements that reduce to one. */
template <typename Value, typename Use>
void for_each_block(const Tensor& x, const Reduction& reduction, int64_t start, Use use) {
  Value values[kBlock];
  const int64_t length = reduction.reduced.back();
  const int64_t step = reduction.reduced_strides.back();
  reduction.for_each_reduced_row(start, [&](int64_t offset) {
    for (int64_t done = 0; done < length; done += kBlock) {
      const int64_t n = std::min(kBlock, length - done);
      load_block(x, offset + done * step, step, n, values);
      use(values, n);
    }
  });
}

struct Task {
  const Tensor& x;
  Tensor& y;
  Reduction reduction;
};

Task start(EvalContext& context) {
  const Node& node = context.node();
  require_inputs(node, 1);
  const Tensor& x = context.input(0);
  std::optional<std::vector<int64_t>> given;
  if (context.has_input(1)) given = to_int64s(context.input(1), node.label());
  const std::vector<int> axes = reduced_axes(node, x.shape().rank(), given);
  Tensor& y = context.output(0, x.dtype(), reduced_shape(x.shape(), axes, keeps_dims(node)));
  return {x, y, Reduction(x.shape(), axes)};
}

/** The value nearest to `value` that an integer type of less than 64 bits has; others as they are.
 */
int64_t nearest_value(DType dtype, int64_t value) {
  const int bits = dtype == DType::boolean ? 1 : dtype_bits(dtype);
  if (bits >= 64) return value;
  const bool is_signed = dtype == DType::i32 || dtype == DType::i16 || dtype == DType::i8 ||
                         dtype == DType::i4 || dtype == DType::i2;
  const int64_t span = int64_t{1} << bits;
  const int64_t low = is_signed ? -span / 2 : 0;
  return std::clamp(value, low, low + span - 1);
}

void evaluate_reduce(EvalContext& context) {
  const Row* row = kRows;
  while (row->name != context.node().op) ++row;
  Task task = start(context);
  const Tensor& x = task.x;
  Tensor& y = task.y;
  const Reduction& reduction = task.reduction;
  if (is_integer(x.dtype()) && row->integer != nullptr) {
    // Turning the sign bit makes the order of int64 that of uint64 bit patterns.
    const bool orders = row->name == "ReduceMax" || row->name == "ReduceMin";
    const int64_t flip = orders && x.dtype() == DType::u64 ? INT64_MIN : 0;
    const int64_t start = nearest_value(x.dtype(), row->integer_start);
    reduction.for_each_kept([&](int64_t k, int64_t offset) {
      int64_t total = start;
      for_each_block<int64_t>(x, reduction, offset, [&](const int64_t* values, int64_t n) {
        for (int64_t i = 0; i < n; ++i) total = row->integer(total, values[i] ^ flip);
      });
      total ^= flip;
      store_block(y, k, 1, 1, &total);
    });
    return;
  }
  const int64_t count = reduction.count();
  Tensor real = is_integer(x.dtype()) ? Tensor::allocate(DType::f64, y.shape()) : y;
  reduction.for_each_kept([&](int64_t k, int64_t offset) {
    double total = row->start;
    for_each_block<double>(x, reduction, offset, [&](const double* values, int64_t n) {
      for (int64_t i = 0; i < n; ++i) total = row->step(total, values[i]);
    });
    total = row->finish(total, count);
    store_block(real, k, 1, 1, &total);
  });
  if (is_integer(x.dtype())) convert_into(real, y);
}

// log(sum e^x) = m + log(sum e^(x - m)) with m the maximum, so that nothing overflows.
void evaluate_log_sum_exp(EvalContext& context) {
  Task task = start(context);
  task.reduction.for_each_kept([&](int64_t k, int64_t offset) {
    double most = -kInfinity;
    for_each_block<double>(task.x, task.reduction, offset, [&](const double* values, int64_t n) {
      for (int64_t i = 0; i < n; ++i) most = larger(most, values[i]);
    });
    double total = 0;
    const double shift = std::isinf(most) ? 0 : most;
    for_each_block<double>(task.x, task.reduction, offset, [&](const double* values, int64_t n) {
      for (int64_t i = 0; i < n; ++i) total += std::exp(values[i] - shift);
    });
    const double result = shift + std::log(total);
    store_block(task.y, k, 1, 1, &result);
  });
}

}  // namespace

void register_reduce(OpTable& table) {
  for (const Row& row : kRows) {
    table.add({.name = row.name, .infer = infer_reduce, .evaluate = evaluate_reduce});
  }
  table.add({.name = "ReduceLogSumExp", .infer = infer_reduce, .evaluate = evaluate_log_sum_exp});
}

}  // namespace whittle
