// The frame of Winograd's algorithm: planes are cut into blocks of tiles; a block's tiles are gathered with the
// channels in the lanes of vectors, transformed to their 36 points, multiplied point by point as matrices over the
// channels, and transformed back.
#pragma once

#include "cpu/conv/conv.h"
#include "cpu/conv/turn_pixels.h"
#include "cpu/conv/winograd_transform.h"

namespace cnn::cpu::inline CNN_ISA::winograd {

inline constexpr int64_t kMaxDilation = 4;  // planes of larger ones fall into few tiles
// Fewer do not repay the transforms, of the planes and of the weights.
inline constexpr int64_t kMinChannels = 16, kMinSize = 4, kMinTiles = 4;

// From point to point: a vector more than the matrix, or the 36 streams of stores would fall into one set of the cache.
CNN_HD int64_t point_stride(int64_t elements) { return round_up(elements, kSlice) + kSlice; }

// Some images, and of each the same rows of tiles.
struct Block {
  int64_t image, images, row, rows;
};

// The 4x4 tiles of planes. Of dilated convolutions each residue class of pixels is a picture of its own, one class
// after the other along rows and columns.
struct Tiling {
  Tiling(const ConvArgs& args, const int64_t (&planes)[3], int64_t wanted);

  int64_t count() const { return image_groups * bands; }
  Block block(int64_t i) const;
  int64_t tiles(const Block& b) const { return b.images * b.rows * cols; }
  int64_t all() const { return batch * rows * cols; }
  int64_t largest() const { return ceil_div(batch, image_groups) * ceil_div(rows, bands) * cols; }
  // Pixels of a band whose tiles reach `reach` pixels, from its first row, and where a tile begins among them.
  int64_t height(int64_t band_rows, int64_t reach) const {
    return dilation[0] * (kOut * (band_rows / dilation[0] - 1) + reach);
  }
  int64_t width(int64_t reach) const { return dilation[1] * (kOut * (across - 1) + reach); }
  int64_t top(int64_t row) const { return row / down + kOut * dilation[0] * (row % down); }
  int64_t left(int64_t col) const { return col / across + kOut * dilation[1] * (col % across); }

  int64_t batch, dilation[2], size[2];  // of the planes that the tiles cover
  int64_t down, across;  // tiles of one residue class
  int64_t rows, cols;  // of all
  int64_t image_groups, bands;
};

// Tiles of one image of a block through `Map`: point p of tile t goes to to + p * point + t * tile.
// `pixels` has room for height(rows, reach) * width(reach) vectors.
template <class Map>
void transform_tiles(const Tiling& tiling, const Block& block, const Planes<const float>& planes,
                     const int64_t (&padding)[2], float* pixels, float* to, int64_t point, int64_t tile);

// y of one image of a block from the points of its tiles.
void restore_tiles(const Tiling& tiling, const Block& block, const Planes<float>& planes, const Finish<float>& finish,
                   float* pixels, const float* from, int64_t point, int64_t tile);

}  // namespace cnn::cpu::CNN_ISA::winograd
