// What ops over one to three spatial dimensions share.
#pragma once

#include "cnn/check.h"

namespace cnn {

inline void check_spatial(const char* op, int n) {
  check(n >= 1 && n <= 3, op, "expected 1, 2 or 3 spatial dimensions, got ", n);
}

// Of a list for 1, 2 and 3 of them.
template <class T>
const T& of_spatial(const char* op, const T (&list)[3], int n) {
  check_spatial(op, n);
  return list[n - 1];
}

}  // namespace cnn
