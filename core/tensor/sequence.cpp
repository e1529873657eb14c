#include "core/tensor/sequence.h"

namespace whittle {

Tensor make_sequence(DType element, std::vector<Tensor> items, const std::string& where) {
  for (Tensor& item : items) {
    if (item.dtype() != element || is_container(element)) {
      fail(Code::TYPE_MISMATCH, where, "Expected tensors of ", dtype_name(element), " in ", where,
           " but received ", dtype_name(item.dtype()));
    }
    if (item.owner() == nullptr) item = item.clone();
  }
  auto sequence = std::make_shared<Sequence>(Sequence{element, std::move(items)});
  return Tensor::borrow(DType::sequence, Shape{}, nullptr, std::move(sequence));
}

const Sequence& as_sequence(const Tensor& value, const std::string& where) {
  if (!is_sequence(value)) {
    fail(Code::TYPE_MISMATCH, where, "Expected a sequence for ", where, " but received ",
         is_container(value.dtype()) ? "an optional without content"
                                     : concat("a tensor of ", dtype_name(value.dtype())));
  }
  return *static_cast<const Sequence*>(value.owner().get());
}

Tensor make_none() {
  return Tensor::borrow(DType::optional, Shape{}, nullptr);
}

}  // namespace whittle
