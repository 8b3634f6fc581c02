// Convolution: what its files ask of each other.
#pragma once

#include "device/heavy_table.h"

namespace cnn::cuda {

inline int64_t elements(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

// Some images, or of one image some positions: of y.
struct Piece {
  int64_t image = 0, images = 0, position = 0, positions = 0;
  int64_t rows() const { return images * positions; }
};

// How a matrix of columns lies: what each position of a piece reads. Of planes an element is at
//   image * image_pitch + (channel * taps + tap) * row_pitch + position,
// of pixels, whose rows are [group][image, position][tap][channel of the group], nothing is to be told.
struct ColumnsLayout {
  int64_t image_pitch = 0, row_pitch = 0;
};

// columns = x, or 0 outside.
void gather_columns(const ConvArgs& a, const Piece& piece, const ColumnsLayout& layout, void* columns);

// dx[i] = the sum of the columns' elements that were read there, which are of the sums' dtype, and the bias. A piece of
// an image leaves its sums in `kept`, [channels, in...] or [in..., channels], until the last one.
void sum_columns(const ConvArgs& a, const Piece& piece, const ColumnsLayout& layout, const void* columns, void* kept);

// to[r, j] = clamp(from[r, j] * scale + bias, low, high), n elements a row. `from` is of dtype from_type, `to` of
// a.dtype.
struct FinishRows {
  int64_t rows, n;
  const void* from;
  DType from_type;
  int64_t from_pitch;
  void* to;
  int64_t to_pitch;
  int64_t channels;
  bool by_column;  // the channel is j, else r % channels
  const void *scale, *bias;  // of the sums' dtype, or null
  double low = -__builtin_inf(), high = __builtin_inf();
};
void finish_rows(DType t, const FinishRows& f);

// to[i, k, j] = from[i, j, k] of [outer, rows, columns], in another dtype perhaps.
void turn(DType from_type, const void* from, DType to_type, void* to, int64_t outer, int64_t rows, int64_t columns);

// to[i] = (accumulate ? to[i] : 0) + parts[0][i] + parts[1][i] + ..., of n elements each
void add_parts(DType t, int64_t parts, int64_t n, const void* from, bool accumulate, void* to);

// A channel to a group: each output is summed by a thread, each weight's gradient by blocks.
bool is_depthwise(const ConvArgs& a);
void depthwise_forward(const ConvArgs& a);
void depthwise_backward_input(const ConvArgs& a);
// dw [out_channels, taps], of the sums' dtype.
void depthwise_backward_weight(const ConvArgs& a, void* dw);

// NotImplementedError where an image has more elements than 32 bits count.
void check_sizes(const ConvArgs& a);

}  // namespace cnn::cuda
