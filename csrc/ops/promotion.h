// The common dtype of operands, in PyTorch's three categories: dimensioned, 0-d, Python number.
#pragma once

#include <initializer_list>

#include "cnn/tensor.h"

namespace cnn {

class Promotion {
 public:
  void add(const Tensor& x) {
    const DType t = x.impl()->wrapped_number && is_floating(x.dtype()) ? default_dtype() : x.dtype();
    Category& c = x.dim() > 0 ? dimensioned_ : x.impl()->wrapped_number ? number_ : scalar_;
    c.dtype = c.any ? promote(c.dtype, t) : t;
    c.any = true;
  }
  DType result() const { return combine(combine(dimensioned_, scalar_), number_).dtype; }

 private:
  struct Category {
    bool any = false;
    DType dtype = DType::Bool;
  };
  // The lower category decides only when it is of a higher kind (bool < integer < floating).
  static Category combine(const Category& higher, const Category& lower) {
    if (!higher.any) return lower;
    if (!lower.any || is_floating(higher.dtype)) return higher;
    if (higher.dtype == DType::Bool || is_floating(lower.dtype)) return {true, promote(higher.dtype, lower.dtype)};
    return higher;
  }
  Category dimensioned_, scalar_, number_;
};

inline DType promoted(std::initializer_list<const Tensor*> operands) {
  Promotion promotion;
  for (const Tensor* x : operands) promotion.add(*x);
  return promotion.result();
}

}  // namespace cnn
