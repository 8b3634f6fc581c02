// Convolution of bfloat16 without copies in float: what some outputs read is gathered as rows of a matrix, 32 at a
// time, and multiplied by panels of the weights as in products of bfloat16 (gemm/bf16_tiles.h). Only for processors
// with matrix tiles or products of pairs.
#pragma once

#include "cpu/conv/pixels.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "cpu/gemm/bf16_tiles.h"

namespace cnn::cpu::inline CNN_ISA {

// n elements of 16 bits; nothing past them is touched.
inline void copy_halves(const uint16_t* from, int64_t n, uint16_t* to) {
  for (; n >= 32; n -= 32, from += 32, to += 32) _mm512_storeu_si512(to, _mm512_loadu_si512(from));
  const __mmask32 rest = (1u << n) - 1;
  if (n > 0) _mm512_mask_storeu_epi16(to, rest, _mm512_maskz_loadu_epi16(rest, from));
}
inline void clear_halves(uint16_t* to, int64_t n) {
  if (n > 0) __builtin_memset(to, 0, size_t(n) * sizeof *to);
}

// What the outputs of a class read of a source whose channels lie side by side, as rows of a matrix: of each tap, in
// the order of the pixels, `channels` of a pixel's `pixel` channels. Outputs are numbered image by image.
class PixelRows {
 public:
  PixelRows(const TapClass& c, int64_t batch, const int64_t (&in)[3], int64_t pixel, int64_t channels);

  int64_t count() const { return batch_ * outs_[0] * outs_[1] * outs_[2]; }
  int64_t depth() const { return taps_[0] * taps_[1] * taps_[2] * channels_; }
  // Is row i pixel i of the source, all its channels in blocks that tiles read?
  bool in_place() const { return in_place_; }

  // Rows [first, first + n), zeros up to whole blocks; they begin `row` apart. `source` is the first channel.
  void gather(const uint16_t* source, int64_t first, int64_t n, uint16_t* to, int64_t row) const;
  // The places, counted in pixels, of the same outputs in an image of size `out`, in which they lie `step` apart.
  void places(int64_t first, int64_t n, const int64_t (&out)[3], const int64_t (&step)[3], const int64_t (&residue)[3],
              int64_t* to) const;

 private:
  // Calls f(image, d, h, w) for each of them.
  template <class F> void each(int64_t first, int64_t n, const F& f) const {
    int64_t w = first % outs_[2], h = first / outs_[2] % outs_[1], d = first / outs_[2] / outs_[1] % outs_[0],
            image = first / outs_[2] / outs_[1] / outs_[0];
    for (; n > 0; --n) {
      f(image, d, h, w);
      if (++w < outs_[2]) continue;
      w = 0;
      if (++h < outs_[1]) continue;
      h = 0;
      if (++d == outs_[0]) d = 0, ++image;
    }
  }

  int64_t batch_, outs_[3], taps_[3], step_[3], first_[3], gap_[3];  // gaps rise along rows
  int64_t in_[3], pixel_, channels_;
  bool joined_, in_place_;
};

// [batch, rows, cols] to [batch, cols, rows], elements of 16 bits.
void turn_halves(int64_t batch, int64_t rows, int64_t cols, const uint16_t* from, uint16_t* to);

bool prefers_bf16(const ConvArgs& args, ConvPass pass);
void bf16_forward(const ConvArgs& args);
void bf16_backward_input(const ConvArgs& args);
void bf16_backward_weight(const ConvArgs& args);

// Places in the order of a class's rows of the taps of a kernel, -1 for those that it does not have.
void fill_places(const TapClass& c, const int64_t (&kernel)[3], int64_t* places);

}  // namespace cnn::cpu::CNN_ISA

#endif
