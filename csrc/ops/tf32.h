// Which products of float32 a GPU may round to TF32.
#pragma once

namespace cnn {

// While it lives, whether those of this thread may, whatever is said of matrix products: layers of recurrence have a
// switch of their own.
class Tf32Products {
  const int before_;

 public:
  explicit Tf32Products(bool allowed);
  ~Tf32Products();
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;
};

}  // namespace cnn
