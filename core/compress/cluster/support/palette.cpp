#include "core/compress/cluster/support/palette.h"

#include <algorithm>
#include <cmath>

#include "core/compress/cluster/support/kmeans.h"

namespace whittle {

size_t PaletteGroups::count() const {
  return group == 0 ? 1 : static_cast<size_t>((shape[axis] + group - 1) / group);
}

size_t PaletteGroups::of(size_t i) const {
  if (group == 0) return 0;
  const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
  const auto extent = static_cast<size_t>(shape[axis]);
  return i / inner % extent / static_cast<size_t>(group);
}

bool Palette::keeps_zero() const {
  const size_t books = codebooks.size() / entries;
  for (size_t g = 0; g < books; ++g) {
    const auto begin = codebooks.begin() + static_cast<std::ptrdiff_t>(g * entries);
    if (std::find(begin, begin + static_cast<std::ptrdiff_t>(entries), 0.0f) ==
        begin + static_cast<std::ptrdiff_t>(entries)) {
      return false;
    }
  }
  return true;
}

double Palette::sqnr_db() const {
  if (noise <= 0 || signal <= 0) return 300;
  return 10 * std::log10(signal / noise);
}

int64_t Palette::stored_bytes(CodeStorage storage) const {
  const auto count = static_cast<int64_t>(codes.size());
  const int64_t code_bytes = storage == CodeStorage::u8 ? count : (count + 1) / 2;
  const bool offsets = codebooks.size() > entries;
  const int64_t vectors =
      (offsets ? groups.shape[groups.axis] : 0) + (scales.size() > 1 ? groups.shape[groups.axis]
                                                   : scales.empty()  ? 0
                                                                     : 1);
  return code_bytes + 4 * (static_cast<int64_t>(codebooks.size()) + vectors);
}

std::span<const float> Palette::book_of(size_t group) const {
  const size_t first = codebooks.size() == entries ? 0 : group * entries;
  return std::span<const float>(codebooks).subspan(first, entries);
}

uint8_t Palette::nearest(float value, size_t i) const {
  const size_t group = groups.of(i);
  const float scale = scales.empty() ? 1.0f : scales[group];
  return static_cast<uint8_t>(nearest_center(book_of(group), value / scale));
}

float Palette::value_of(uint8_t code, size_t i) const {
  const size_t group = groups.of(i);
  const float value = book_of(group)[code];
  return scales.empty() ? value : scales[group] * value;
}

std::vector<float> Palette::values() const {
  std::vector<float> values(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) values[i] = value_of(codes[i], i);
  return values;
}

void Palette::compare(const Tensor& weight) {
  const std::span<const float> w = weight.data<float>();
  signal = 0;
  noise = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double error = static_cast<double>(value_of(codes[i], i)) - w[i];
    signal += static_cast<double>(w[i]) * w[i];
    noise += error * error;
  }
}

Palette assign_codes(const Tensor& weight, const PaletteGroups& groups,
                     std::vector<float> codebooks, size_t entries, std::vector<float> scales) {
  Palette palette;
  palette.groups = groups;
  palette.entries = entries;
  palette.codebooks = std::move(codebooks);
  palette.scales = std::move(scales);
  const std::span<const float> w = weight.data<float>();
  palette.codes.resize(w.size());
  for (size_t i = 0; i < w.size(); ++i) palette.codes[i] = palette.nearest(w[i], i);
  palette.compare(weight);
  return palette;
}

namespace {

Tensor pack_nibbles(const std::vector<uint8_t>& codes, DType dtype, const Shape& shape,
                    bool interleaved) {
  Tensor packed = Tensor::zeros(dtype, shape);
  std::byte* out = packed.mutable_raw();
  const size_t half = (codes.size() + 1) / 2;
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t at = interleaved ? i / 2 : i % half;
    const bool high = interleaved ? i % 2 != 0 : i >= half;
    out[at] |= static_cast<std::byte>(codes[i]) << (high ? 4 : 0);
  }
  return packed;
}

/** One value for each index of the groups' axis, shaped to broadcast over the weight. */
template <typename T, typename Make>
Tensor along_axis(const PaletteGroups& groups, Make make) {
  Shape shape;
  for (int d = groups.axis; d < groups.shape.rank(); ++d) {
    shape.push_back(d == groups.axis ? groups.shape[d] : 1);
  }
  Tensor vector = Tensor::allocate(dtype_of<T>, shape);
  const std::span<T> out = vector.mutable_data<T>();
  for (size_t c = 0; c < out.size(); ++c) out[c] = make(c / static_cast<size_t>(groups.group));
  return vector;
}

/** Builds the nodes that take the place of one constant. */
class PaletteWriter {
 public:
  PaletteWriter(Graph& graph, NameMaker& names, ConstantPool& pool)
      : graph_(graph), names_(names), pool_(pool) {}

  ValueId constant(Tensor tensor) {
    return graph_.add_constant(names_.fresh("q"), std::move(tensor));
  }
  ValueId shared(const Tensor& tensor) { return pool_.get(tensor, "c"); }
  /** A node; its output is new unless `output` names one. */
  ValueId node(std::string op, std::vector<ValueId> inputs, DType dtype, Attributes attributes = {},
               ValueId output = kNoValue) {
    Node node;
    node.op = std::move(op);
    node.name = names_.fresh("n");
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    if (output == kNoValue) output = graph_.add_value(names_.fresh("v"), dtype);
    node.outputs = {output};
    nodes_.push_back(std::move(node));
    return output;
  }
  /** Puts the nodes first in the graph. */
  void finish() {
    graph_.nodes.insert(graph_.nodes.begin(), std::make_move_iterator(nodes_.begin()),
                        std::make_move_iterator(nodes_.end()));
  }

 private:
  Graph& graph_;
  NameMaker& names_;
  ConstantPool& pool_;
  std::vector<Node> nodes_;
};

/** The codes in the weight's shape, as the file stores them. */
ValueId write_codes(PaletteWriter& writer, const Palette& palette, CodeStorage storage) {
  const Shape& shape = palette.groups.shape;
  if (storage == CodeStorage::u4) {
    return writer.constant(pack_nibbles(palette.codes, DType::u4, shape, true));
  }
  if (storage == CodeStorage::u8) {
    return writer.constant(Tensor::of<uint8_t>(shape, std::span<const uint8_t>(palette.codes)));
  }
  // Low nibbles are the first half of the codes, high ones the second: no interleaving is needed.
  const Shape half{static_cast<int64_t>(palette.codes.size()) / 2};
  const ValueId packed = writer.constant(pack_nibbles(palette.codes, DType::u8, half, false));
  const ValueId low =
      writer.node("BitwiseAnd", {packed, writer.shared(Tensor::of<uint8_t>({1}, {15}))}, DType::u8);
  const ValueId high =
      writer.node("BitShift", {packed, writer.shared(Tensor::of<uint8_t>({1}, {4}))}, DType::u8,
                  {{"direction", std::string("RIGHT")}});
  const ValueId both = writer.node("Concat", {low, high}, DType::u8, {{"axis", int64_t{0}}});
  std::vector<int64_t> dims;
  for (int d = 0; d < shape.rank(); ++d) dims.push_back(shape[d]);
  const Shape rank{static_cast<int64_t>(dims.size())};
  const ValueId target = writer.shared(Tensor::of<int64_t>(rank, std::span<const int64_t>(dims)));
  return writer.node("Reshape", {both, target}, DType::u8);
}

}  // namespace

void store_palette(Graph& graph, NameMaker& names, ConstantPool& pool, ValueId id,
                   const Palette& palette, CodeStorage storage) {
  PaletteWriter writer(graph, names, pool);
  const ValueId codes = write_codes(writer, palette, storage);
  ValueId index =
      writer.node("Cast", {codes}, DType::i32, {{"to", static_cast<int64_t>(DType::i32)}});
  const auto entries = static_cast<int32_t>(palette.entries);
  if (palette.codebooks.size() > palette.entries) {
    const Tensor offsets = along_axis<int32_t>(
        palette.groups, [&](size_t g) { return static_cast<int32_t>(g) * entries; });
    index = writer.node("Add", {index, writer.shared(offsets)}, DType::i32);
  }
  const Shape size{static_cast<int64_t>(palette.codebooks.size())};
  const ValueId codebook =
      writer.shared(Tensor::of<float>(size, std::span<const float>(palette.codebooks)));
  graph.value(id).constant = Tensor{};
  if (palette.scales.empty()) {
    writer.node("Gather", {codebook, index}, DType::f32, {}, id);
  } else {
    const ValueId unit = writer.node("Gather", {codebook, index}, DType::f32);
    const Tensor scales =
        palette.scales.size() == 1
            ? Tensor::scalar(palette.scales[0])
            : along_axis<float>(palette.groups, [&](size_t g) { return palette.scales[g]; });
    writer.node("Mul", {unit, writer.shared(scales)}, DType::f32, {}, id);
  }
  writer.finish();
}

}  // namespace whittle
