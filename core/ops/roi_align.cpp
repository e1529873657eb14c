#include <algorithm>
#include <cmath>

#include "core/ops/op.h"
#include "core/ops/support/convert.h"
#include "core/ops/support/float_io.h"
#include "core/ops/support/infer.h"

namespace whittle {
namespace {

void infer(InferContext& context) {
  const Node& node = context.node();
  require_inputs(node, 3);
  Dims out = unknown_dims(2);
  if (context.dims(1) && !context.dims(1)->empty()) out[0] = context.dims(1)->front();
  if (context.dims(0) && context.dims(0)->size() == 4) out[1] = (*context.dims(0))[1];
  out.push_back(node.int_attribute("output_height", 1));
  out.push_back(node.int_attribute("output_width", 1));
  context.set_output(0, context.dtype(0), out);
}

/** Four neighbours and their weights of a point in an image of height x width; weights are 0 for a
 * point more than one element outside. */
struct Sample {
  int64_t offset[4] = {};
  float weight[4] = {};
};

Sample sample_at(float row, float column, int64_t height, int64_t width) {
  Sample sample;
  if (!(row >= -1.0f && row <= static_cast<float>(height) && column >= -1.0f &&
        column <= static_cast<float>(width))) {
    return sample;
  }
  row = std::clamp(row, 0.0f, static_cast<float>(height - 1));
  column = std::clamp(column, 0.0f, static_cast<float>(width - 1));
  const auto top = static_cast<int64_t>(row);
  const auto left = static_cast<int64_t>(column);
  const int64_t bottom = std::min(top + 1, height - 1);
  const int64_t right = std::min(left + 1, width - 1);
  const float down = row - static_cast<float>(top);
  const float along = column - static_cast<float>(left);
  const int64_t offsets[4] = {top * width + left, top * width + right, bottom * width + left,
                              bottom * width + right};
  const float weights[4] = {(1 - down) * (1 - along), (1 - down) * along, down * (1 - along),
                            down * along};
  std::copy_n(offsets, 4, sample.offset);
  std::copy_n(weights, 4, sample.weight);
  return sample;
}

// Sample points along one axis of a cell: more than any image has elements there.
constexpr int64_t kMaxPoints = 4096;

/** A region in elements of the image, cut into cells with a grid of sample points in each. */
struct Region {
  float top = 0, left = 0;
  float cell_h = 0, cell_w = 0;
  int64_t grid_h = 1, grid_w = 1;
};

Region region_of(const Node& node, const float* roi, int64_t out_h, int64_t out_w) {
  const float scale = node.float_attribute("spatial_scale", 1.0f);
  const bool half_pixel =
      node.string_attribute("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const float shift = half_pixel ? 0.5f : 0.0f;
  const int64_t ratio = node.int_attribute("sampling_ratio", 0);
  if (ratio < 0 || ratio > kMaxPoints) {
    fail(Code::INVALID_GRAPH, node.label(), "Expected a value in [0,", kMaxPoints,
         "] for attribute 'sampling_ratio' of ", node.label(), " but received ", ratio);
  }
  Region region;
  region.left = roi[0] * scale - shift;
  region.top = roi[1] * scale - shift;
  float width = roi[2] * scale - shift - region.left;
  float height = roi[3] * scale - shift - region.top;
  if (!half_pixel) {
    width = std::max(width, 1.0f);
    height = std::max(height, 1.0f);
  }
  region.cell_h = height / static_cast<float>(out_h);
  region.cell_w = width / static_cast<float>(out_w);
  const auto points = [&](float cell) {
    if (ratio > 0) return ratio;
    // A region of no size (or of NaN) has no points.
    const float count = std::ceil(cell);
    return count > 0.0f ? static_cast<int64_t>(std::min(count, static_cast<float>(kMaxPoints))) : 0;
  };
  region.grid_h = points(region.cell_h);
  region.grid_w = points(region.cell_w);
  return region;
}

// y[r, c, i, j] = the mean (or, mode max, the greatest) over a grid of points in cell (i, j) of the
// region of x[batch_indices[r], c] interpolated there. Max takes the greatest weighted neighbour of
// all points, as onnxruntime does.
//   x [batch, channels, height, width]   rois [regions, 4]: x1, y1, x2, y2   batch_indices
//   [regions] y [regions, channels, output_height, output_width]
void evaluate(EvalContext& context) {
  const Node& node = context.node();
  const Tensor x = float_input(context, 0);
  const Tensor rois = float_input(context, 1);
  const std::vector<int64_t> batches = to_int64s(context.input(2), node.label());
  const int64_t out_h = node.int_attribute("output_height", 1);
  const int64_t out_w = node.int_attribute("output_width", 1);
  if (x.shape().rank() != 4 || rois.shape().rank() != 2 || rois.shape()[1] != 4 ||
      rois.shape()[0] != static_cast<int64_t>(batches.size()) || out_h < 1 || out_w < 1 ||
      x.shape()[2] < 1 || x.shape()[3] < 1) {
    fail(Code::SHAPE_MISMATCH, node.label(), "Expected an image batch and [regions,4] for ",
         node.label(), " but received ", to_string(x.shape()), " and ", to_string(rois.shape()));
  }
  const bool takes_max = node.string_attribute("mode", "avg") == "max";
  const int64_t channels = x.shape()[1];
  const int64_t height = x.shape()[2];
  const int64_t width = x.shape()[3];
  const Shape shape{rois.shape()[0], channels, out_h, out_w};
  fill_widened(context, 0, context.input(0).dtype(), shape, [&](Tensor& y) {
    float* out = y.mutable_data<float>().data();
    std::fill_n(out, y.elements(), 0.0f);
    for (int64_t r = 0; r < shape[0]; ++r) {
      const int64_t batch = batches[static_cast<size_t>(r)];
      if (batch < 0 || batch >= x.shape()[0]) {
        fail(Code::INVALID_DATA, node.label(), "Expected regions of images in [0,", x.shape()[0],
             ") for ", node.label(), " but received ", batch);
      }
      const Region region = region_of(node, rois.data<float>().data() + r * 4, out_h, out_w);
      const int64_t points = region.grid_h * region.grid_w;
      const float* images = x.data<float>().data() + batch * channels * height * width;
      for (int64_t at = 0; at < out_h * out_w * points; ++at) {
        const int64_t cell = at / points;
        const int64_t gy = at % points / region.grid_w;
        const int64_t gx = at % region.grid_w;
        const auto place = [](float start, int64_t index, float size, int64_t g, int64_t grid) {
          return start + static_cast<float>(index) * size +
                 (static_cast<float>(g) + 0.5f) * size / static_cast<float>(grid);
        };
        const Sample sample = sample_at(
            place(region.top, cell / out_w, region.cell_h, gy, region.grid_h),
            place(region.left, cell % out_w, region.cell_w, gx, region.grid_w), height, width);
        for (int64_t c = 0; c < channels; ++c) {
          float& target = out[(r * channels + c) * out_h * out_w + cell];
          for (int k = 0; k < 4; ++k) {
            const float value = sample.weight[k] * images[c * height * width + sample.offset[k]];
            if (!takes_max) {
              target += value / static_cast<float>(points);
            } else {
              target = at % points == 0 && k == 0 ? value : std::max(target, value);
            }
          }
        }
      }
    }
  });
}

}  // namespace

void register_roi_align(OpTable& table) {
  table.add({.domain = "", .name = "RoiAlign", .infer = infer, .evaluate = evaluate});
}

}  // namespace whittle
