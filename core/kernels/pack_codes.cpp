#include <cstring>

#include "core/kernels/code_layout.h"

namespace whittle {
namespace {

// Writes one panel: columns [n0, n0 + columns).
class PanelWriter {
 public:
  PanelWriter(const CodeWeights& w, const WeightStrides& strides, const PackShape& shape,
              const CodeLayout& layout, char* panel)
      : w_(w), strides_(strides), shape_(shape), layout_(layout), panel_(panel) {}

  void header(size_t j, size_t n, const float* bias) {
    float* const biases = reinterpret_cast<float*>(panel_);
    int32_t* const firsts = reinterpret_cast<int32_t*>(panel_) + layout_.nr;
    biases[j] = bias ? bias[n] : 0.0f;
    firsts[j] = w_.first ? w_.first[n] : 0;
  }

  // Columns past the last look like the first: kernels have a short way where all are alike.
  void pad(size_t columns) {
    int32_t* const firsts = reinterpret_cast<int32_t*>(panel_) + layout_.nr;
    for (size_t j = columns; j < layout_.nr; ++j) firsts[j] = firsts[0];
    for (size_t tap = 0; tap < layout_.taps; ++tap) {
      for (size_t run = 0; run < layout_.runs_per_tap; ++run) {
        float* const scales = reinterpret_cast<float*>(panel_ + layout_.run_at(tap, run));
        for (size_t j = columns; j < layout_.nr; ++j) scales[j] = scales[0];
      }
    }
  }

  void column(size_t j, size_t n) {
    for (size_t tap = 0; tap < layout_.taps; ++tap) {
      for (size_t run = 0; run < layout_.runs_per_tap; ++run) {
        char* const at = panel_ + layout_.run_at(tap, run);
        const size_t group =
            tap * w_.scale_strides.tap + run * w_.scale_strides.c + n * w_.scale_strides.n;
        reinterpret_cast<float*>(at)[j] = w_.scale ? w_.scale[group] : 1.0f;
        const int32_t zero = w_.zero_point ? w_.zero_point[group] : 0;
        reinterpret_cast<int16_t*>(at + layout_.nr * sizeof(float))[j] = static_cast<int16_t>(zero);
        codes(reinterpret_cast<uint8_t*>(at + layout_.run_header_bytes()), tap, run, j, n);
      }
    }
  }

 private:
  void codes(uint8_t* out, size_t tap, size_t run, size_t j, size_t n) {
    for (size_t row = 0; row < layout_.rows_of(run); ++row) {
      // With one run for everything its rows go through the taps.
      const size_t k = run * layout_.run_rows + row;
      const size_t t = shape_.block == 0 ? k / shape_.kc : tap;
      const size_t c = shape_.block == 0 ? k % shape_.kc : k;
      const uint8_t code = w_.codes[t * strides_.tap + c * strides_.c + n * strides_.n];
      uint8_t& byte = out[layout_.byte_of(row, j)];
      if (!layout_.nibbles) {
        byte = code;
      } else {
        byte = static_cast<uint8_t>(byte | code << (CodeLayout::in_high_nibble(row) ? 4 : 0));
      }
    }
  }

  const CodeWeights& w_;
  const WeightStrides& strides_;
  const PackShape& shape_;
  const CodeLayout& layout_;
  char* panel_;
};

}  // namespace

void pack_weights_codes(WeightKind kind, const CodeWeights& w, const WeightStrides& strides,
                        const float* bias, const PackShape& shape, const TileShape& tile,
                        void* packed) {
  const CodeLayout layout(kind, shape, tile.nr);
  const size_t pitch = panel_bytes(kind, shape, tile);
  std::memset(packed, 0, packed_bytes(kind, shape, tile));
  for (size_t n0 = 0; n0 < shape.n; n0 += tile.nr) {
    const size_t columns = shape.n - n0 < tile.nr ? shape.n - n0 : tile.nr;
    PanelWriter panel(w, strides, shape, layout, static_cast<char*>(packed) + n0 / tile.nr * pitch);
    for (size_t j = 0; j < columns; ++j) {
      panel.header(j, n0 + j, bias);
      panel.column(j, n0 + j);
    }
    panel.pad(columns);
  }
}

}  // namespace whittle
