#include "core/compress/layer_error/layer_rows.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/compress/layer_error/patch.h"

namespace whittle {

std::string LayerRows::why_not(const Node& node, size_t weight_input, const Shape& weight) {
  if (node.is("Conv")) return weight.rank() < 3 ? "its weight is not a kernel" : "";
  if (!node.is("Gemm") && !node.is("MatMul")) return concat(node.op, " has no rows to learn from");
  if (weight.rank() != 2) return "its weight is not a matrix";
  const bool transposed = node.is("Gemm") && node.int_attribute("transA", 0) != 0;
  return transposed && weight_input == 1 ? "its input is transposed" : "";
}

LayerRows::LayerRows(const Node& node, size_t weight_input, const Shape& weight)
    : node_(node), weight_input_(weight_input), weight_(weight) {
  if (node.is("Conv")) {
    matrix_.groups = node.int_attribute("group", 1);
    matrix_.outputs = weight[0] / matrix_.groups;
    matrix_.inputs = weight.elements(1, weight.rank());
    matrix_.output_stride = matrix_.inputs;
    matrix_.input_stride = 1;
    return;
  }
  const bool transposed = node.is("Gemm") && node.int_attribute("transB", 0) != 0;
  const int outputs = weight_input == 0 || transposed ? 0 : 1;
  matrix_.outputs = weight[outputs];
  matrix_.inputs = weight[1 - outputs];
  matrix_.output_stride = outputs == 0 ? weight[1] : 1;
  matrix_.input_stride = outputs == 0 ? 1 : weight[1];
}

int64_t LayerRows::open(const Tensor& x) {
  x_ = &x;
  if (!node_.is("Conv")) return x.elements() / matrix_.inputs;
  geometry_ = conv_geometry(node_, x.shape(), weight_);
  return geometry_.batch * geometry_.output_pixels();
}

void LayerRows::read(int64_t index, std::span<float> row) const {
  const std::span<const float> x = x_->data<float>();
  if (node_.is("Conv")) return read_patch(geometry_, x, index, row);
  const int64_t k = matrix_.inputs;
  if (weight_input_ == 1) {
    std::copy_n(x.begin() + index * k, k, row.begin());
    return;
  }
  // W x: the vectors are the columns of the last two axes.
  const int64_t columns = x_->shape().rank() < 2 ? 1 : x_->shape().back();
  const int64_t first = index / columns * k * columns + index % columns;
  for (int64_t i = 0; i < k; ++i) {
    row[static_cast<size_t>(i)] = x[static_cast<size_t>(first + i * columns)];
  }
}

std::vector<int64_t> spread_positions(int64_t count, int64_t most, Random& random) {
  const int64_t taken = std::min(count, most);
  std::vector<int64_t> positions(static_cast<size_t>(taken));
  for (int64_t i = 0; i < taken; ++i) {
    const int64_t begin = i * count / taken;
    const int64_t end = (i + 1) * count / taken;
    positions[static_cast<size_t>(i)] =
        begin + random.below(static_cast<uint32_t>(std::min<int64_t>(end - begin, UINT32_MAX)));
  }
  return positions;
}

RowReservoir::RowReservoir(int64_t capacity, int64_t row_size, uint64_t seed)
    : capacity_(capacity), row_size_(row_size), random_(seed, 11) {}

std::span<float> RowReservoir::next() {
  int64_t place = seen_++;
  const auto size = static_cast<size_t>(row_size_);
  if (place < capacity_) {
    values_.resize(values_.size() + size);
  } else {
    place = random_.below(static_cast<uint32_t>(std::min<int64_t>(seen_, UINT32_MAX)));
    if (place >= capacity_) return {};
  }
  return std::span<float>(values_).subspan(static_cast<size_t>(place) * size, size);
}

}  // namespace whittle
