// What Reshape, Flatten, Squeeze and Unsqueeze couple: the same elements under other axes.
#include <algorithm>

#include "core/compress/prune/support/coupling_rules.h"

namespace whittle {
namespace {

/** Axes [in_begin, in_end) of the input hold the elements of [out_begin, out_end) of the output. */
struct Segment {
  int in_begin, in_end, out_begin, out_end;
};

/** Equal for certain: both known, both of one symbol, or the one copied from the other. */
bool same(const Coupling& coupling, const Node& node, const Dims& in, const Dims& out, size_t at) {
  if (in[at] == out[at]) return true;
  if (!node.is("Reshape") || node.int_attribute("allowzero", 0) != 0) return false;
  const auto target = coupling.integers(node, 1);
  return target && at < target->size() && (*target)[at] == 0;
}

/** Extents with unknown ones replaced by one large prime, when each side has at most one and the
 * rest is equal: then the unknown are the same. */
std::optional<std::vector<int64_t>> extents(const Dims& dims, size_t begin, size_t end) {
  constexpr int64_t kStandIn = 1'000'003;
  std::vector<int64_t> list;
  bool unknown = false;
  for (size_t i = begin; i < end; ++i) {
    if (!dims[i].known() && unknown) return std::nullopt;
    unknown = unknown || !dims[i].known();
    list.push_back(dims[i].known() ? dims[i].value : kStandIn);
  }
  return list;
}

/** The finest segments both shapes fall into, or nothing when unknown extents hide them. */
std::vector<Segment> segments(const Coupling& coupling, const Node& node, const Dims& in,
                              const Dims& out) {
  std::vector<Segment> result;
  size_t head = 0;
  while (head < std::min(in.size(), out.size()) && same(coupling, node, in, out, head)) {
    const int at = static_cast<int>(head++);
    result.push_back({at, at + 1, at, at + 1});
  }
  const auto a = extents(in, head, in.size());
  const auto b = extents(out, head, out.size());
  if (!a || !b) return result;
  size_t i = 0;
  size_t j = 0;
  while (i < a->size() || j < b->size()) {
    const size_t first_i = i;
    const size_t first_j = j;
    int64_t left = i < a->size() ? (*a)[i++] : 1;
    int64_t right = j < b->size() ? (*b)[j++] : 1;
    while (left != right) {
      int64_t& smaller = left < right ? left : right;
      const auto& list = left < right ? *a : *b;
      size_t& at = left < right ? i : j;
      if (at == list.size() || list[at] < 1) return result;
      if (__builtin_mul_overflow(smaller, list[at++], &smaller)) return result;
    }
    result.push_back({static_cast<int>(head + first_i), static_cast<int>(head + i),
                      static_cast<int>(head + first_j), static_cast<int>(head + j)});
  }
  return result;
}

/** Axes of more than one place in [begin, end). */
std::vector<int> wide_axes(const Dims& dims, int begin, int end) {
  std::vector<int> axes;
  for (int i = begin; i < end; ++i) {
    if (dims[static_cast<size_t>(i)] != Dim(1)) axes.push_back(i);
  }
  return axes;
}

int64_t product(const Dims& dims, const std::vector<int>& axes, size_t first) {
  int64_t result = 1;
  for (size_t i = first; i < axes.size(); ++i) {
    const Dim& dim = dims[static_cast<size_t>(axes[i])];
    if (!dim.known()) return -1;
    result *= dim.value;
  }
  return result;
}

/** One axis of `whole` holds the axes `parts` of `pieces`: the one at `which` is tied to it, and
 * every place of it goes as often as it occurs. */
bool tie_part(Coupling& coupling, ValueId whole, int axis, ValueId pieces, const Dims& dims,
              const std::vector<int>& parts, size_t which) {
  const int part = parts[which];
  const int64_t extent = coupling.extent(pieces, part);
  const int64_t inner = product(dims, parts, which + 1);
  const int64_t all = coupling.extent(whole, axis);
  if (extent < 1 || inner < 1 || all < 1) return false;
  for (int64_t i = 0; i < all; ++i) {
    coupling.tie({whole, axis}, i, {pieces, part}, i / inner % extent);
  }
  return true;
}

/** The axis that carries channels through a split into several: the widest, of equals the last. */
size_t carrier(const Dims& dims, const std::vector<int>& parts) {
  size_t best = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto extent = [&](size_t at) { return dims[static_cast<size_t>(parts[at])].value; };
    if (extent(i) >= extent(best)) best = i;
  }
  return best;
}

}  // namespace

void couple_reshape(Coupling& coupling, const Node& node, Operand from, int axis) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0);
  const ValueId at = from.of(node);
  const std::string fixed = concat("its width is fixed at ", node.label());
  const bool computed = node.is("Reshape") && coupling.graph().constant(node.input(1)) == nullptr;
  if (from.index != 0 || coupling.rank(x) < 0 || coupling.rank(y) < 0 || computed) {
    return coupling.pin(at, axis, fixed);
  }
  const Dims& in = *coupling.dims(x);
  const Dims& out = *coupling.dims(y);
  for (const Segment& segment : segments(coupling, node, in, out)) {
    const int begin = from.output ? segment.out_begin : segment.in_begin;
    const int end = from.output ? segment.out_end : segment.in_end;
    if (axis < begin || axis >= end) continue;
    const std::vector<int> ins = wide_axes(in, segment.in_begin, segment.in_end);
    const std::vector<int> outs = wide_axes(out, segment.out_begin, segment.out_end);
    if (coupling.extent(at, axis) == 1) return;  // one place: nothing to remove
    if (ins.size() == 1 && outs.size() == 1) return coupling.tie(x, ins[0], y, outs[0]);
    bool tied = false;
    if (ins.size() == 1) {
      const size_t which =
          from.output
              ? static_cast<size_t>(std::find(outs.begin(), outs.end(), axis) - outs.begin())
              : carrier(out, outs);
      tied = tie_part(coupling, x, ins[0], y, out, outs, which);
    } else if (outs.size() == 1) {
      const size_t which =
          from.output ? carrier(in, ins)
                      : static_cast<size_t>(std::find(ins.begin(), ins.end(), axis) - ins.begin());
      tied = tie_part(coupling, y, outs[0], x, in, ins, which);
    }
    if (!tied) coupling.pin(at, axis, fixed);
    return;
  }
  coupling.pin(at, axis, fixed);
}

}  // namespace whittle
