// Rows of what outputs read, and tensors of 16 bits turned from planes to pixels and back (bf16.h).
#include "cpu/conv/bf16.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "core/parallel.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {

PixelRows::PixelRows(const TapClass& c, int64_t batch, const int64_t (&in)[3], int64_t pixel, int64_t channels)
    : batch_(batch), pixel_(pixel), channels_(channels) {
  in_place_ = channels == pixel && channels % kDepth == 0;
  for (int i = 0; i < 3; ++i) {
    const Axis& a = c.axes[i];
    outs_[i] = a.out, taps_[i] = a.taps, step_[i] = a.step, first_[i] = a.first, gap_[i] = a.gap;
    in_[i] = in[i];
    in_place_ &= a.taps == 1 && a.step == 1 && a.first == 0 && a.out == in[i];
  }
  if (gap_[2] < 0) first_[2] += (taps_[2] - 1) * gap_[2], gap_[2] = -gap_[2];
  joined_ = gap_[2] == 1 && channels == pixel;
}

void PixelRows::gather(const uint16_t* source, int64_t first, int64_t n, uint16_t* to, int64_t row) const {
  const int64_t run = taps_[2] * channels_, filled = depth(), rest = whole_blocks(filled) - filled;
  each(first, n, [&](int64_t image, int64_t d, int64_t h, int64_t w) {
    uint16_t* next = to;
    const int64_t x = step_[2] * w + first_[2];
    // Taps [left, right) of a row lie inside.
    const int64_t left = x >= 0 ? 0 : min_of(ceil_div(-x, gap_[2]), taps_[2]);
    const int64_t right = x < in_[2] ? max_of(left, min_of(taps_[2], ceil_div(in_[2] - x, gap_[2]))) : left;
    const bool whole = left == 0 && right == taps_[2];
    const int64_t slice = in_[1] * in_[2] * pixel_, line = in_[2] * pixel_;
    const int64_t z_first = step_[0] * d + first_[0], y_first = step_[1] * h + first_[1];
    const uint16_t* const origin = source + image * in_[0] * slice + (x + left * gap_[2]) * pixel_;
    const auto inside = [&](int64_t z, int64_t y) {
      return uint64_t(z) < uint64_t(in_[0]) && uint64_t(y) < uint64_t(in_[1]);
    };
    if (joined_ && whole && run <= 32) {  // few channels: a row of taps is a vector
      const __mmask32 kept = run < 32 ? (1u << run) - 1 : ~0u;
      for (int64_t i = 0, z = z_first; i < taps_[0]; ++i, z += gap_[0])
        for (int64_t j = 0, y = y_first; j < taps_[1]; ++j, y += gap_[1], next += run)
          _mm512_mask_storeu_epi16(
              next, kept,
              inside(z, y) ? _mm512_maskz_loadu_epi16(kept, origin + z * slice + y * line) : _mm512_setzero_si512());
      clear_halves(next, rest);
      to += row;
      return;
    }
    for (int64_t i = 0; i < taps_[0]; ++i)
      for (int64_t j = 0; j < taps_[1]; ++j, next += run) {
        const int64_t z = z_first + i * gap_[0], y = y_first + j * gap_[1];
        if (left == right || !inside(z, y)) {
          clear_halves(next, run);
          continue;
        }
        const uint16_t* from = origin + z * slice + y * line;
        clear_halves(next, left * channels_);
        if (joined_) copy_halves(from, (right - left) * channels_, next + left * channels_);
        else
          for (int64_t t = left; t < right; ++t, from += gap_[2] * pixel_)
            copy_halves(from, channels_, next + t * channels_);
        clear_halves(next + right * channels_, (taps_[2] - right) * channels_);
      }
    clear_halves(next, rest);
    to += row;
  });
}

void PixelRows::places(int64_t first, int64_t n, const int64_t (&out)[3], const int64_t (&step)[3],
                       const int64_t (&residue)[3], int64_t* to) const {
  each(first, n, [&](int64_t image, int64_t d, int64_t h, int64_t w) {
    const int64_t z = d * step[0] + residue[0], y = h * step[1] + residue[1], x = w * step[2] + residue[2];
    *to++ = ((image * out[0] + z) * out[1] + y) * out[2] + x;
  });
}

void fill_places(const TapClass& c, const int64_t (&kernel)[3], int64_t* places) {
  for (int64_t t = 0; t < elements(kernel); ++t) places[t] = -1;
  const Axis& row = c.axes[2];
  for (int64_t t = 0, d = 0; d < c.axes[0].taps; ++d)
    for (int64_t h = 0; h < c.axes[1].taps; ++h)
      for (int64_t w = 0; w < row.taps; ++w, ++t) {
        const int64_t at[3] = {d, h, row.gap < 0 ? row.taps - 1 - w : w};
        int64_t index = 0;
        for (int i = 0; i < 3; ++i) index = index * kernel[i] + c.axes[i].weight_first + at[i] * c.axes[i].weight_gap;
        places[index] = t;
      }
}

// Pairs of rows become words, whose squares are turned in registers.
void turn_halves(int64_t batch, int64_t rows, int64_t cols, const uint16_t* from, uint16_t* to) {
  constexpr int64_t kBand = 2 * kLines, kFew = 4;
  if (rows <= kFew) {
    const int64_t step = 1 << 12, pieces = ceil_div(cols, step);
    return parallel_for(batch * pieces, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % pieces * step, last = min_of(cols, first + step);
        const uint16_t* const x = from + i / pieces * rows * cols;
        uint16_t* const y = to + i / pieces * rows * cols;
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t col = first; col < last; ++col) y[col * rows + row] = x[row * cols + col];
      }
    });
  }
  const int64_t bands = ceil_div(rows, kBand);
  parallel_for(batch * bands, 1 + kTurnWork / (kBand * cols + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % bands * kBand, n = min_of(kBand, rows - row), image = i / bands * rows * cols;
      const __mmask32 kept = n < kBand ? (1u << n) - 1 : ~0u;
      for (int64_t col = 0; col < cols; col += kLines) {
        const int64_t some = min_of(kLines, cols - col);
        const __mmask16 lanes = __mmask16((1u << some) - 1);
        const auto load = [&](int64_t r) {
          const uint16_t* const at = from + image + (row + r) * cols + col;
          return r < n ? __builtin_convertvector((Half16)_mm256_maskz_loadu_epi16(lanes, at), Words) : Words{};
        };
        Vec<float> words[kLines];
#pragma GCC unroll 16
        for (int p = 0; p < kLines; ++p) words[p] = (Vec<float>)(load(2 * p) | load(2 * p + 1) << 16);
        transpose_lanes(words);
        uint16_t* const y = to + image + col * rows + row;
#pragma GCC unroll 16
        for (int c = 0; c < kLines; ++c)
          if (c < some) _mm512_mask_storeu_epi16(y + c * rows, kept, (__m512i)words[c]);
      }
    }
  });
}

}  // namespace cnn::cpu::CNN_ISA

#endif
