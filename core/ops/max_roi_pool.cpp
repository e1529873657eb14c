#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

struct PooledSize {
  int64_t height = 0;
  int64_t width = 0;
};

PooledSize pooled_size(const Node& node) {
  const std::vector<int64_t> sizes = node.ints_attribute("pooled_shape");
  if (sizes.size() != 2 || sizes[0] < 1 || sizes[1] < 1) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected two positive values for attribute",
         " 'pooled_shape' of ", node.label(), " but received ", sizes.size());
  }
  return {sizes[0], sizes[1]};
}

/** A region's coordinate rounded to an element. */
int64_t element_at(const Node& node, float value) {
  constexpr float kLimit = 1e9f;
  if (!(std::fabs(value) < kLimit)) {
    fail(Code::INVALID_DATA, node.label(), "Expected finite regions for ", node.label(),
         " but received ", value);
  }
  return static_cast<int64_t>(std::round(value));
}

void infer(InferContext& context) {
  require_inputs(context.node(), 2);
  const PooledSize size = pooled_size(context.node());
  Dims out = unknown_dims(2);
  if (context.dims(1) && !context.dims(1)->empty()) out[0] = context.dims(1)->front();
  if (context.dims(0) && context.dims(0)->size() == 4) out[1] = (*context.dims(0))[1];
  out.push_back(size.height);
  out.push_back(size.width);
  context.set_output(0, context.dtype(0), out);
}

// y[r, c, i, j] = the greatest x[batch, c, ..] in cell (i, j) of the region, whose corners are
// rounded to elements and inclusive and whose cells may overlap by one; 0 for a cell outside the
// image.
//   x [batch, channels, height, width]   rois [regions, 5]: batch, x1, y1, x2, y2
//   y [regions, channels, pooled height, pooled width]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Tensor rois = float_input(context, 1);
  if (x.shape().rank() != 4 || rois.shape().rank() != 2 || rois.shape()[1] != 5) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected an image batch and [regions,5] for ",
         node.label(), " but received ", to_string(x.shape()), " and ", to_string(rois.shape()));
  }
  const PooledSize size = pooled_size(node);
  const float scale = node.float_attribute("spatial_scale", 1.0f);
  const int64_t channels = x.shape()[1];
  const int64_t height = x.shape()[2];
  const int64_t width = x.shape()[3];
  const Shape shape{rois.shape()[0], channels, size.height, size.width};
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    for (int64_t r = 0; r < shape[0]; ++r) {
      const float* roi = rois.data<float>().data() + r * 5;
      const int64_t batch = element_at(node, roi[0]);
      if (batch < 0 || batch >= x.shape()[0]) {
        fail(Code::INVALID_DATA, node.label(), "Expected regions of images in [0,", x.shape()[0],
             ") for ", node.label(), " but received ", roi[0]);
      }
      const int64_t left = element_at(node, roi[1] * scale);
      const int64_t top = element_at(node, roi[2] * scale);
      const int64_t right = element_at(node, roi[3] * scale);
      const int64_t bottom = element_at(node, roi[4] * scale);
      const float cell_h = static_cast<float>(std::max<int64_t>(1, bottom - top + 1)) /
                           static_cast<float>(size.height);
      const float cell_w = static_cast<float>(std::max<int64_t>(1, right - left + 1)) /
                           static_cast<float>(size.width);
      const auto begin = [](int64_t i, float cell, int64_t start, int64_t limit) {
        const auto at = static_cast<int64_t>(std::floor(static_cast<float>(i) * cell)) + start;
        return std::clamp<int64_t>(at, 0, limit);
      };
      const auto end = [](int64_t i, float cell, int64_t start, int64_t limit) {
        const auto at = static_cast<int64_t>(std::ceil(static_cast<float>(i + 1) * cell)) + start;
        return std::clamp<int64_t>(at, 0, limit);
      };
      for (int64_t c = 0; c < channels; ++c) {
        const float* image = x.data<float>().data() + (batch * channels + c) * height * width;
        for (int64_t i = 0; i < size.height; ++i) {
          for (int64_t j = 0; j < size.width; ++j) {
            bool any = false;
            float best = 0.0f;
            for (int64_t h = begin(i, cell_h, top, height); h < end(i, cell_h, top, height); ++h) {
              for (int64_t w = begin(j, cell_w, left, width); w < end(j, cell_w, left, width);
                   ++w) {
                const float value = image[h * width + w];
                best = any ? std::max(best, value) : value;
                any = true;
              }
            }
            *out++ = best;
          }
        }
      }
    }
  });
}

}  // namespace

void register_max_roi_pool(OpTable& table) {
  table.add({.domain = "", .name = "MaxRoiPool", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
