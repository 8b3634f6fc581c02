// What batch and group normalisation share: an affine map of every channel of every image, and sums over them.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// RuntimeError unless t, where it is given, has one dimension with a number for each channel of x.
void check_channels(const char* name, const std::optional<Tensor>& t, const Tensor& x);

// x[N, C, ...] as rows, one for each image and channel; [N, C] itself is rows along the images. Tensors in a
// channels-last format are worked on as they lie, and give results in it.
class Channels {
 public:
  explicit Channels(const Tensor& x);
  int64_t channels() const { return channels_; }
  int64_t positions() const { return positions_; }  // of one channel of one image

  // y = (x - center) scale + shift, each of shape [C] or [N, C], center and shift 0 where undefined; 0 instead of
  // negative ones if `rectified`.
  Tensor scaled(const Tensor& x, const Tensor& center, const Tensor& scale, const Tensor& shift, DType result,
                bool rectified = false) const;
  // sum g and sum g (x - mean), over the positions: [N, C], or [1, C] where the rows run along the images.
  struct Sums {
    Tensor g, gx;
  };
  // With a shift, g is the gradient behind a ReLU of (x - mean) scale + shift, and counts as 0 where that is not
  // positive.
  Sums sums(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale = {},
            const Tensor& shift = {}) const;
  // dx = g a + (x - mean) b + c; with a shift, g as above, of the scale a.
  Tensor gradient(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& a, const Tensor& b,
                  const Tensor& c, const Tensor& shift = {}) const;

 private:
  Tensor per_row(const Tensor& v) const;
  Tensor as_rows(const Tensor& x) const;
  Tensor result(const Tensor& x, DType dtype) const;

  int64_t images_, channels_, positions_;
  MemoryFormat format_;
  Dims rows_;
  int dim_;
};

// The mean and the reciprocal root of the variance in T, and what of bias - mean scale is left after taking off the
// mean in T: the bias, and the rest of the mean that T cannot hold.
struct Normalizer {
  Normalizer(const Tensor& mean, const Tensor& var, double eps, DType key);
  Tensor shift(const Tensor& scale, const Tensor& bias) const;
  Tensor mean, rstd;
  Tensor rest;  // of the mean, in double; undefined where T is double
};

}  // namespace cnn
