#include <algorithm>
#include <limits>

#include "core/ops/op.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

// How many boxes survive depends on the data.
void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  context.set_output(0, DType::i64, Dims{Dim{}, Dim(3)});
}

struct Box {
  float top, left, bottom, right;
  float area() const { return (bottom - top) * (right - left); }
};

/** Corners in any order (y1, x1, y2, x2), or centre and size (x, y, width, height). */
Box box_at(const float* values, bool centred) {
  if (centred) {
    const float half_w = values[2] / 2.0f;
    const float half_h = values[3] / 2.0f;
    return {values[1] - half_h, values[0] - half_w, values[1] + half_h, values[0] + half_w};
  }
  return {std::min(values[0], values[2]), std::min(values[1], values[3]),
          std::max(values[0], values[2]), std::max(values[1], values[3])};
}

/** Intersection over union; 0 for boxes without area. */
float overlap(const Box& a, const Box& b) {
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0.0f && width > 0.0f) || !(a.area() > 0.0f && b.area() > 0.0f)) return 0.0f;
  const float shared = height * width;
  return shared / (a.area() + b.area() - shared);
}

// For each image and class: boxes by falling score (the lower index first among equals) as long as
// the score is above score_threshold; one is taken unless it overlaps a taken one by more than
// iou_threshold, until there are max_output_boxes_per_class.
//   boxes [batch, n, 4]   scores [batch, classes, n]   max_output_boxes_per_class (default 0),
//   iou_threshold (default 0), score_threshold (default: none) []
//   selected [taken, 3] i64: image, class, box
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor boxes = float_input(context, 0);
  const Tensor scores = float_input(context, 1);
  if (boxes.shape().rank() != 3 || scores.shape().rank() != 3 || boxes.shape()[2] != 4 ||
      boxes.shape()[0] != scores.shape()[0] || boxes.shape()[1] != scores.shape()[2]) {
    fail(Code::SHAPE_MISMATCH, node.label(),
         "Expected boxes [batch,n,4] and scores [batch,classes,n] for ", node.label(),
         " but received ", to_string(boxes.shape()), " and ", to_string(scores.shape()));
  }
  int64_t limit = 0;
  if (context.has_input(2) && context.input(2).elements() > 0) {
    limit = to_int64s(context.input(2), node.label())[0];
  }
  const auto scalar = [&](size_t i, float fallback) {
    const std::vector<float> values = float_values(context, i);
    return values.empty() ? fallback : values[0];
  };
  const float iou_threshold = scalar(3, 0.0f);
  const float score_threshold = scalar(4, -std::numeric_limits<float>::infinity());
  const bool centred = node.int_attribute("center_point_box", 0) != 0;
  const int64_t count = boxes.shape()[1];
  const int64_t classes = scores.shape()[1];

  std::vector<int64_t> selected;
  for (int64_t pair = 0; pair < boxes.shape()[0] * classes; ++pair) {
    const float* score = scores.data<float>().data() + pair * count;
    const float* box = boxes.data<float>().data() + pair / classes * count * 4;
    std::vector<int64_t> order;
    for (int64_t i = 0; i < count; ++i) {
      if (score[i] > score_threshold) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [score](int64_t a, int64_t b) { return score[a] > score[b]; });
    std::vector<Box> taken;
    for (int64_t i : order) {
      if (static_cast<int64_t>(taken.size()) >= limit) break;
      const Box candidate = box_at(box + i * 4, centred);
      const bool covered = std::any_of(taken.begin(), taken.end(), [&](const Box& other) {
        return overlap(candidate, other) > iou_threshold;
      });
      if (covered) continue;
      taken.push_back(candidate);
      selected.insert(selected.end(), {pair / classes, pair % classes, i});
    }
  }
  Tensor& y = context.output(0, DType::i64, Shape{static_cast<int64_t>(selected.size()) / 3, 3});
  std::copy(selected.begin(), selected.end(), y.mutable_data<int64_t>().begin());
}

}  // namespace

void register_non_max_suppression(OpTable& table) {
  table.add({.domain = "", .name = "NonMaxSuppression", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
