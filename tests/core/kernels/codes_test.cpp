// Products with weights stored as codes: the same bits as with those weights stored as floats.

#include "tests/core/kernels/conv_cases.h"
#include "tests/core/kernels/support.h"

namespace whittle::test {
namespace {

// How the codes of a test are made.
struct Form {
  const char* name;
  WeightKind kind;
  size_t block;    // rows that share scales; 0: all
  size_t columns;  // that share a codebook; 0: all
  bool affine;     // scales and zero points other than 1 and 0
  bool has_table;  // else the code itself
};

const Form kForms[] = {
    {"palette4", WeightKind::code4, 0, 0, false, true},
    {"palette4_groups_of_8", WeightKind::code4, 0, 8, false, true},
    {"palette4_groups_of_3", WeightKind::code4, 0, 3, true, true},
    {"int4_channels", WeightKind::code4, 0, 0, true, true},
    {"int4_blocks_of_16", WeightKind::code4, 16, 0, true, true},
    {"int4_blocks_of_6", WeightKind::code4, 6, 0, true, true},
    {"palette8", WeightKind::code8, 0, 0, false, true},
    {"palette8_groups_of_1", WeightKind::code8, 0, 1, true, true},
    {"int8_blocks_of_16", WeightKind::code8, 16, 0, true, false},
    {"int8_blocks_of_5", WeightKind::code8, 5, 0, true, false},
};

// Random weights of a form, as codes and as floats, both [taps][kc][n].
struct CodedWeights {
  Form form;
  PackShape shape;
  std::vector<uint8_t> codes;
  std::vector<float> table;
  std::vector<int32_t> first;
  std::vector<float> scale;
  std::vector<int32_t> zero_point;
  std::vector<float> floats;
  std::vector<float> bias;

  CodedWeights(const Form& f, const PackShape& s, uint32_t seed) : form(f), shape(s) {
    shape.block = f.block;
    Random random(seed);
    const size_t entries = f.kind == WeightKind::code4 ? 16 : 256;
    const size_t books = f.columns == 0 ? 1 : (s.n + f.columns - 1) / f.columns;
    table = random.floats(books * entries + kTablePad);
    codes = random.bytes(s.taps * s.kc * s.n);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(code % entries);
    for (size_t n = 0; n < s.n; ++n) {
      first.push_back(static_cast<int32_t>(f.columns == 0 ? 0 : n / f.columns * entries));
    }
    const size_t groups = s.taps * blocks() * s.n;
    scale = f.affine ? random.floats(groups, 0.01f, 0.1f) : std::vector<float>(groups, 1.0f);
    for (size_t i = 0; i < groups; ++i) {
      zero_point.push_back(f.affine ? random.integer(-8, 127) : 0);
    }
    bias = random.floats(s.n);
    floats.resize(codes.size());
    for (size_t i = 0; i < codes.size(); ++i) {
      const size_t n = i % s.n, c = i / s.n % s.kc, tap = i / s.n / s.kc;
      const size_t group = f.block == 0 ? n : (tap * blocks() + c / f.block) * s.n + n;
      const auto at = static_cast<size_t>(first[n]) + codes[i];
      const float value =
          f.has_table ? table[at] : static_cast<float>(static_cast<int8_t>(codes[i]));
      floats[i] = (value - static_cast<float>(zero_point[group])) * scale[group];
    }
  }
  size_t blocks() const { return form.block == 0 ? 1 : (shape.kc + form.block - 1) / form.block; }
  WeightStrides strides() const { return {shape.kc * shape.n, shape.n, 1}; }
  CodeTable code_table() const { return {form.has_table ? table.data() : nullptr, form.block}; }

  Packed pack(const TileShape& tile) const {
    Packed packed(packed_bytes(form.kind, shape, tile));
    CodeWeights w{codes.data(),
                  first.data(),
                  scale.data(),
                  zero_point.data(),
                  {blocks() * shape.n, shape.n, 1}};
    pack_weights_codes(form.kind, w, strides(), bias.data(), shape, tile, packed.data());
    return packed;
  }
  Packed pack_floats(const TileShape& tile) const {
    Packed packed(packed_bytes(WeightKind::f32, shape, tile));
    pack_weights_f32(floats.data(), strides(), bias.data(), shape, tile, packed.data());
    return packed;
  }
};

class CodesTest : public testing::TestWithParam<Tier> {
 protected:
  const KernelTable& table() const { return *kernels_for(GetParam()); }
};

TEST_P(CodesTest, GemmHasTheBitsOfFloatWeights) {
  struct Size {
    size_t m, n, k;
  };
  const TileShape tile = table().gemm_tile;
  for (const Form& form : kForms) {
    for (const Size& size : {Size{1, 1, 1}, Size{1, 45, 67}, Size{1, 32, 200}, Size{2, 8, 16},
                             Size{5, 11, 7}, Size{100, 19, 33}, Size{3, 9, 0}}) {
      SCOPED_TRACE(std::string(form.name) + " m " + std::to_string(size.m) + " n " +
                   std::to_string(size.n) + " k " + std::to_string(size.k));
      const CodedWeights w(form, {1, size.k, size.n}, static_cast<uint32_t>(size.k));
      Random random(1);
      const std::vector<float> a = random.floats(size.m * size.k + 1);
      std::vector<float> results[2];
      for (const bool coded : {false, true}) {
        const WeightKind kind = coded ? form.kind : WeightKind::f32;
        Packed packed = coded ? w.pack(tile) : w.pack_floats(tile);
        Packed scratch(gemm_scratch_bytes(kind, size.k, tile));
        Guarded<float> c(size.m * size.n);
        GemmArgs args{a.data(), size.k, packed.data(),  c.data(), size.n, size.k,
                      size.n,   {},     scratch.data(), {}};
        if (coded) args.codes = w.code_table();
        table().gemm_for(kind)(args, {0, size.m}, {0, size.n});
        results[coded].assign(c.data(), c.data() + c.size());
      }
      expect_all(results[1].data(), results[0].data(), results[0].size(), kExact);
    }
  }
}

TEST_P(CodesTest, ConvHasTheBitsOfFloatWeights) {
  const TileShape tile = table().gemm_tile;
  for (const Form& form : kForms) {
    for (const ConvCase& c : kConvCases) {
      const ConvShape s = c.shape();
      const size_t n = 13;
      SCOPED_TRACE(std::string(form.name) + " " + c.name);
      const CodedWeights w(form, {s.taps(), s.kc, n}, 5);
      Random random(3);
      const std::vector<float> input = random.floats(s.in_h * s.row_stride);
      const std::vector<float> zero_row(s.kc);
      std::vector<float> results[2];
      for (const bool coded : {false, true}) {
        const WeightKind kind = coded ? form.kind : WeightKind::f32;
        Packed packed = coded ? w.pack(tile) : w.pack_floats(tile);
        Packed scratch(conv_scratch_bytes(kind, s, tile));
        Guarded<float> out(s.out_h * s.out_w * n);
        ConvArgs args;
        args.input = input.data();
        args.zero_row = zero_row.data();
        args.packed = packed.data();
        args.c = out.data();
        args.ldc = args.n = n;
        args.scratch = scratch.data();
        if (coded) args.codes = w.code_table();
        table().conv_for(kind)(s, args, {0, s.out_h * s.out_w}, {0, n});
        results[coded].assign(out.data(), out.data() + out.size());
      }
      expect_all(results[1].data(), results[0].data(), results[0].size(), kExact);
    }
  }
}

/** Only of tiers that pack several columns together: the reference's panels are one column and its
 * header. */
class CodesPanelTest : public CodesTest {};

TEST_P(CodesPanelTest, PackedBytesShrink) {
  const TileShape tile = table().gemm_tile;
  const PackShape plain{1, 1024, 64};
  const auto floats = static_cast<double>(packed_bytes(WeightKind::f32, plain, tile));
  const PackShape blocks{1, 1024, 64, 32};
  EXPECT_LT(static_cast<double>(packed_bytes(WeightKind::code4, plain, tile)), 0.13 * floats);
  EXPECT_LT(static_cast<double>(packed_bytes(WeightKind::code8, plain, tile)), 0.26 * floats);
  EXPECT_LT(static_cast<double>(packed_bytes(WeightKind::code4, blocks, tile)), 0.19 * floats);
}

std::vector<Tier> every_tier() {
  std::vector<Tier> tiers = fast_tiers();
  tiers.insert(tiers.begin(), Tier::reference);
  return tiers;
}

INSTANTIATE_TEST_SUITE_P(Tiers, CodesTest, testing::ValuesIn(every_tier()), TierName());
INSTANTIATE_TEST_SUITE_P(Tiers, CodesPanelTest, testing::ValuesIn(fast_tiers()), TierName());

}  // namespace
}  // namespace whittle::test
