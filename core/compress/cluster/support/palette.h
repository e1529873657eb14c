#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/tensor/tensor.h"

namespace whittle {

/** How the codes of a palette lie in a file. */
enum class CodeStorage : uint8_t {
  u4,       // UINT4: two to a byte
  u8,       // UINT8: one to a byte
  nibbles,  // UINT8: two to a byte, taken apart by BitwiseAnd and BitShift
};

/** Which elements of a weight share a codebook: `group` consecutive indices of axis `axis`. */
struct PaletteGroups {
  Shape shape;
  int axis = 0;
  int64_t group = 0;  // 0: all

  size_t count() const;
  /** The group of element `i` of the row-major weight. */
  size_t of(size_t i) const;
};

/** A weight as codes into codebooks: w = scale[g] * codebook[g][code]. */
struct Palette {
  PaletteGroups groups;
  size_t entries = 0;            // of each codebook
  std::vector<float> codebooks;  // [groups][entries], or [entries] shared by all
  std::vector<float> scales;     // [groups] where the codebook is shared, else empty: 1
  std::vector<uint8_t> codes;    // by element
  double signal = 0;             // sum of squares of the weight
  double noise = 0;              // sum of squares of the rounding error

  /** The code whose value is nearest to `value` for element `i`, and what a code stands for there.
   */
  uint8_t nearest(float value, size_t i) const;
  float value_of(uint8_t code, size_t i) const;
  /** Every element as its readers see it. */
  std::vector<float> values() const;
  /** Sets signal and noise. */
  void compare(const Tensor& weight);

  bool keeps_zero() const;
  /** 10 log10(signal / noise); 300 when there is no noise. */
  double sqnr_db() const;
  /** Bytes of everything stored, without the nodes around it. */
  int64_t stored_bytes(CodeStorage storage) const;

 private:
  std::span<const float> book_of(size_t group) const;
};

/** The codes nearest to `weight` (f32). `codebooks` as in Palette, each ascending; `scales` too. */
Palette assign_codes(const Tensor& weight, const PaletteGroups& groups,
                     std::vector<float> codebooks, size_t entries, std::vector<float> scales);

/**
 * Puts a palette in the place of constant `id`: Gather(codebook, Cast(codes)), with an Add of each
 * group's first index where there are several codebooks, a Mul where there are scales. Every reader
 * sees the same value under its old name, so tied weights stay tied.
 */
void store_palette(Graph& graph, NameMaker& names, ConstantPool& pool, ValueId id,
                   const Palette& palette, CodeStorage storage);

}  // namespace whittle
