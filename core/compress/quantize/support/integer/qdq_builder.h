#pragma once

#include <map>
#include <set>
#include <vector>

#include "core/compress/graph_edit.h"
#include "core/compress/quantize/support/integer/placement.h"
#include "core/compress/quantize/support/integer/static_parameters.h"

namespace whittle {

/** Appends QuantizeLinear / DequantizeLinear pairs and what stands between them to a graph, and
 * knows the 8-bit form of every value that has one. */
class QdqBuilder {
 public:
  /** `read_dequantized`: the values made by integer nodes that somebody reads dequantized. */
  QdqBuilder(Graph& graph, NameMaker& names, const Placement& placement,
             const StaticParameters& parameters, std::set<ValueId> read_dequantized);

  DType dtype() const { return parameters_.form.is_signed ? DType::i8 : DType::u8; }
  const Affine& affine_of(ValueId id) const { return parameters_.activations.at(id); }
  ValueId scale_of(Affine affine) { return constant(Tensor::scalar(affine.scale), "s"); }
  ValueId zero_point_of(Affine affine);
  /** A constant, equal ones once. */
  ValueId constant(const Tensor& tensor, std::string_view prefix) {
    return pool_.get(tensor, prefix);
  }

  /** The 8-bit form of a quantized value; one that a float node made gets it here. */
  ValueId narrow_of(ValueId id);
  /** The 8-bit form of a value if it has been made. */
  ValueId known_narrow(ValueId id) const;
  /** A quantized value as integer nodes read it: dequantized. */
  ValueId read_quantized(ValueId id);
  /** DequantizeLinear of `narrow` read with those parameters. */
  ValueId append_dequantize(ValueId narrow, Affine affine);
  /** QuantizeLinear and DequantizeLinear with those parameters behind `real`. */
  ValueId append_pair(ValueId real, Affine affine);
  /** A constant of Add or Mul in 8 bits, exact: the scale is |value| / steps. */
  ValueId append_scalar(float value, const Shape& shape);

  /** Appends an integer node that stands for `outputs`, with their pairs. It makes them under the
   * names `made` (its own, where quantizing does what a clip behind it did: then it does not make
   * the clipped values), unless somebody reads them dequantized: then the pair makes the name. */
  void append_made(Node node, const std::vector<ValueId>& outputs, std::vector<ValueId> made);
  void append_made(Node node, const std::vector<ValueId>& outputs) {
    append_made(std::move(node), outputs, outputs);
  }
  /** Appends a node whose `outputs` are made in 8 bits, with the parameters `affine`. */
  void append_narrow(Node node, const std::vector<ValueId>& outputs, Affine affine);

  Graph& graph() const { return graph_; }
  NameMaker& names() const { return names_; }

 private:
  ValueId append_quantize(ValueId real, ValueId stands_for);
  void append_dequantize_to(ValueId narrow, ValueId out, Affine affine);

  Graph& graph_;
  NameMaker& names_;
  ConstantPool pool_;
  const Placement& placement_;
  const StaticParameters& parameters_;
  std::set<ValueId> read_dequantized_;
  std::map<ValueId, ValueId> narrow_;       // by what they stand for
  std::map<ValueId, ValueId> dequantized_;  // of values that float nodes made
};

}  // namespace whittle
