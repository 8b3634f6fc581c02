// Tiles of planes to points and back.
#include "cpu/conv/winograd.h"

namespace cnn::cpu::inline CNN_ISA::winograd {
namespace {

void clear(float* to, int64_t vectors) {
  if (vectors > 0) __builtin_memset(to, 0, size_t(vectors * kSlice) * sizeof(float));
}

}  // namespace

Tiling::Tiling(const ConvArgs& args, const int64_t (&planes)[3], int64_t wanted)
    : batch(args.batch), dilation{args.dilation[1], args.dilation[2]}, size{planes[1], planes[2]} {
  down = ceil_div(ceil_div(size[0], dilation[0]), kOut), across = ceil_div(ceil_div(size[1], dilation[1]), kOut);
  rows = dilation[0] * down, cols = dilation[1] * across;
  bands = dilation[0] == 1 ? min_of(ceil_div(rows * cols, wanted), rows) : 1;
  const int64_t images = bands == 1 ? max_of(wanted / (rows * cols), 1) : 1;
  image_groups = ceil_div(batch, images);
}

Block Tiling::block(int64_t i) const {
  const Parts images(batch, image_groups), parts(rows, bands);
  const int64_t group = i / bands, band = i % bands;
  return {images.begin(group), images.size(group), parts.begin(band), parts.size(band)};
}

template <class Map>
void transform_tiles(const Tiling& tiling, const Block& block, const Planes<const float>& planes,
                     const int64_t (&padding)[2], float* pixels, float* to, int64_t point, int64_t tile) {
  const int64_t height = tiling.height(block.rows, Map::kFrom), pitch = tiling.width(Map::kFrom);
  const int64_t first = kOut * block.row - padding[0];  // row of the plane under row 0 of the pixels
  const int64_t begin = min_of(max_of(first, 0), planes.height),
                end = max_of(min_of(first + height, planes.height), begin);
  const int64_t left = padding[1], inside = min_of(planes.width, pitch - left), right = pitch - left - inside;
  const int64_t above = min_of(begin - first, height);
  clear(pixels, above * pitch);
  for (int64_t y = above; y < above + end - begin; ++y) {
    clear(pixels + y * pitch * kSlice, left);
    clear(pixels + ((y + 1) * pitch - right) * kSlice, right);
  }
  clear(pixels + (above + end - begin) * pitch * kSlice, (height - above - (end - begin)) * pitch);
  turn_in(planes, begin, end, pixels + (above * pitch + left) * kSlice, {kSlice, pitch * kSlice});

  const int64_t down = tiling.dilation[0] * pitch * kSlice, across = tiling.dilation[1] * kSlice;
  for (int64_t row = 0; row < block.rows; ++row)
    for (int64_t col = 0; col < tiling.cols; ++col, to += tile) {
      const float* from = pixels + (tiling.top(row) * pitch + tiling.left(col)) * kSlice;
      transform<Map>([&](int i, int j) { return vec_load(from + i * down + j * across); },
                     [&](int i, int j, V v) { vec_store(to + (i * kIn + j) * point, v); });
    }
}
template void transform_tiles<Input>(const Tiling&, const Block&, const Planes<const float>&, const int64_t (&)[2],
                                     float*, float*, int64_t, int64_t);
template void transform_tiles<OutputGradient>(const Tiling&, const Block&, const Planes<const float>&,
                                              const int64_t (&)[2], float*, float*, int64_t, int64_t);

void restore_tiles(const Tiling& tiling, const Block& block, const Planes<float>& planes, const Finish<float>& finish,
                   float* pixels, const float* from, int64_t point, int64_t tile) {
  const int64_t pitch = tiling.width(kOut);
  const int64_t down = tiling.dilation[0] * pitch * kSlice, across = tiling.dilation[1] * kSlice;
  for (int64_t row = 0; row < block.rows; ++row)
    for (int64_t col = 0; col < tiling.cols; ++col, from += tile) {
      float* to = pixels + (tiling.top(row) * pitch + tiling.left(col)) * kSlice;
      transform<Output>([&](int i, int j) { return vec_load(from + (i * kIn + j) * point); },
                        [&](int i, int j, V v) { vec_store(to + i * down + j * across, v); });
    }
  const int64_t first = kOut * block.row;
  turn_out(pixels, {kSlice, pitch * kSlice}, planes, first,
           min_of(first + tiling.height(block.rows, kOut), planes.height), finish);
}

}  // namespace cnn::cpu::CNN_ISA::winograd
