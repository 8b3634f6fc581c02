// Convolution as products. A kernel of one tap at stride 1 multiplies x as it lies; otherwise what each output reads is
// gathered into columns, of as many images as kColumnBytes hold, or of a part of one image. Groups, and of planes the
// images too, are a batch of products. Channel by channel (depthwise) there are kernels without products.
//
//           y[n, g]                      columns of dx[n, g]       dw[g], summed over pieces in order
// planes    w[g] columns[n, g]           w[g]^T dy[n, g]           dy[g] columns[g]^T, images side by side
// pixels    columns[n, g] w[g]^T         dy[n, g] w[g]             dy[g]^T columns[g]
//
// 16-bit floats are gathered as they are; their products are summed, and kept where sums go on, in float32.
//
// All of it but depthwise is cuDNN's where the program asks for that (cudnn.cpp).
#include <algorithm>
#include <optional>
#include <utility>

#include "cuda/conv_kernels.h"
#include "cuda/heavy_entries.h"
#include "cuda/index_limit.h"
#include "cuda/memory.h"
#include "cuda/sum_type.h"

namespace cnn::cuda {
namespace {

#ifndef CNN_COLUMN_BYTES  // the tests cut sooner
#define CNN_COLUMN_BYTES (int64_t(256) << 20)
#endif
constexpr int64_t kColumnBytes = CNN_COLUMN_BYTES;
constexpr int64_t kPartOfImage = 64;  // positions; parts are multiples of it where they can be

// A matrix for each image and group.
struct Operand {
  const void* data;
  int64_t image, group, row, column = 1;  // strides
  Operand transposed() const { return {data, image, group, column, row}; }
};

const void* moved(const void* p, int64_t elements, DType t) {
  return static_cast<const char*>(p) + elements * item_size(t);
}

class Convolution {
 public:
  explicit Convolution(const ConvArgs& a)
      : a_(a),
        last_(a.channels_last),
        in_(a.channels / a.groups),
        out_(a.out_channels / a.groups),
        taps_(elements(a.kernel)),
        depth_(in_ * taps_),
        positions_(elements(a.out)),
        x_image_(a.channels * elements(a.in)),
        y_image_(a.out_channels * positions_),
        wide_(sum_type(a.dtype)) {
    for (int i = 0; i < 3; ++i) direct_ &= a.kernel[i] == 1 && a.stride[i] == 1 && a.padding[i] == 0;
  }

  void forward() const {
    const Weights w(*this);
    const bool by_product = product_finishes();
    const bool finishes = !by_product && (a_.scale || a_.bias || bounded());
    const bool apart = finishes && wide_ != a_.dtype;  // sums that are rounded after the finish
    const int64_t columns = direct_ ? 0 : a_.channels * taps_, sums = apart ? a_.out_channels : 0;
    each_piece(columns + sums, [&](const Piece& p) {
      const Scratch gathered = scratch(columns * p.rows(), a_.dtype), wide = scratch(sums * p.rows(), wide_);
      if (!direct_) gather_columns(a_, p, layout(p), gathered.data());
      const Operand x = direct_ ? x_of(p, a_.x) : columns_of(p, gathered.data());
      const Operand y = apart ? dense_of(p, wide.data(), a_.out_channels) : y_of(p, a_.y);
      const Result to = {apart ? wide_ : a_.dtype, false, by_product};
      if (last_) multiply(x, w.matrix().transposed(), y, {p.rows(), out_, depth_}, 1, to);
      else multiply(w.matrix(), x, y, {out_, p.positions, depth_}, p.images, to);
      if (finishes) finish(p, y, to.type, a_.y, a_.out_channels, positions_);
    });
  }

  void backward_input() const {
    const Weights w(*this);
    const bool in_place = direct_ && (!a_.bias || wide_ == a_.dtype);  // the product is dx, else columns
    const int64_t columns = in_place ? 0 : a_.channels * taps_;
    std::optional<Scratch> kept;  // the sums of an image that comes in parts
    each_piece(columns, [&](const Piece& p) {
      const Scratch products = scratch(columns * p.rows(), wide_);
      const Operand dy = y_of(p, a_.dy), dx = in_place  ? x_of(p, a_.dx)
                                              : direct_ ? dense_of(p, products.data(), a_.channels)
                                                        : columns_of(p, products.data());
      const Result to = {in_place ? a_.dtype : wide_};
      if (last_) multiply(dy, w.matrix(), dx, {p.rows(), depth_, out_}, 1, to);
      else multiply(w.matrix().transposed(), dy, dx, {depth_, p.positions, out_}, p.images, to);
      if (direct_) {
        if (a_.bias) finish(p, dx, to.type, a_.dx, a_.channels, positions_);
        return;
      }
      if (p.positions < positions_ && p.position == 0) kept.emplace(size_t(x_image_ * item_size(wide_)));
      sum_columns(a_, p, layout(p), products.data(), kept ? kept->data() : nullptr);
    });
  }

  // dw in float32 or float64: of planes [out_channels][channels][taps], of pixels [out_channels][taps][channels].
  void backward_weight(void* dw) const {
    if (!last_ && direct_ && a_.out_channels * in_ < x_image_ + y_image_) return weight_of_images(dw);
    const int64_t columns = last_ && direct_ ? 0 : a_.channels * taps_, beside = last_ ? 0 : a_.out_channels;
    const Operand to = weights_at(dw);
    bool accumulate = false;
    each_piece(columns + beside, [&](const Piece& p) {
      const Scratch gathered = scratch(columns * p.rows(), a_.dtype), turned = scratch(beside * p.rows(), a_.dtype);
      const Result result = {wide_, accumulate};
      accumulate = true;
      if (last_) {
        if (!direct_) gather_columns(a_, p, layout(p), gathered.data());
        const Operand x = direct_ ? x_of(p, a_.x) : columns_of(p, gathered.data());
        return multiply(y_of(p, a_.dy).transposed(), x, to, {out_, depth_, p.rows()}, 1, result);
      }
      const ColumnsLayout side_by_side = {p.positions, p.rows()};
      gather_columns(a_, p, side_by_side, gathered.data());
      gather_columns(identity_of_dy(), p, side_by_side, turned.data());
      const Operand x = {gathered.data(), 0, depth_ * p.rows(), p.rows()};
      const Operand dy = {turned.data(), 0, out_ * p.rows(), p.rows()};
      multiply(dy, x.transposed(), to, {out_, depth_, p.rows()}, 1, result);
    });
  }

 private:
  // w in the order of x's: of planes with the taps innermost, of pixels with the channels.
  class Weights {
   public:
    explicit Weights(const Convolution& c) : of_(c), data_(c.a_.w) {
      const ConvArgs& a = c.a_;
      if (a.w_channels_last == c.last_ || c.taps_ == 1 || c.in_ == 1) return;
      turned_.emplace(size_t(a.out_channels * c.depth_ * item_size(a.dtype)));
      data_ = turned_->data();
      const int64_t rows = c.last_ ? c.in_ : c.taps_;
      turn(a.dtype, a.w, a.dtype, turned_->data(), a.out_channels, rows, c.depth_ / rows);
    }
    Operand matrix() const { return of_.weights_at(data_); }

   private:
    const Convolution& of_;
    const void* data_;
    std::optional<Scratch> turned_;
  };

  struct Sizes {
    int64_t m, n, k;
  };
  struct Result {
    DType type;
    bool accumulate = false;
    bool finished = false;  // with bias and ReLU
  };

  static Scratch scratch(int64_t elements, DType t) { return Scratch(size_t(elements * item_size(t))); }

  // c = a b for each image and group: one batch where the strides allow it, else as few as can be.
  void multiply(const Operand& a, const Operand& b, const Operand& c, const Sizes& s, int64_t images,
                const Result& to) const {
    const int64_t groups = a_.groups;
    GemmArgs g;
    g.dtype = a_.dtype;
    g.tf32 = a_.tf32;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a_row = a.row, g.a_col = a.column, g.b_row = b.row, g.b_col = b.column, g.c_row = c.row, g.c_col = c.column;
    g.accumulate = to.accumulate;
    if (to.finished) {
      g.bias = a_.bias;
      if (bounded()) g.activation = Activation::Relu;
    }
    const auto even = [&](const Operand& x) { return x.image == groups * x.group; };
    const bool one_batch = images == 1 || (even(a) && even(b) && even(c));
    const bool of_groups = one_batch || groups > images;  // else images are the batch
    const auto inner = [&](const Operand& x) { return of_groups ? x.group : x.image; };
    const auto outer = [&](const Operand& x) { return of_groups ? x.image : x.group; };
    g.batch = one_batch ? images * groups : of_groups ? groups : images;
    g.a_batch = inner(a), g.b_batch = inner(b), g.c_batch = inner(c);
    for (int64_t i = 0; i < images * groups / std::max<int64_t>(g.batch, 1); ++i) {
      g.a = moved(a.data, i * outer(a), a_.dtype);
      g.b = moved(b.data, i * outer(b), a_.dtype);
      g.c = const_cast<void*>(moved(c.data, i * outer(c), to.type));
      gemm(g, to.type);
    }
  }

  // f(piece) for all of y, cut so that `column` elements for each position fit.
  template <class F> void each_piece(int64_t column, const F& f) const {
    const int64_t largest = std::max({x_image_, y_image_, int64_t(1)});
    const int64_t most = column == 0 ? kMaxOver : std::max<int64_t>(kColumnBytes / (column * item_size(wide_)), 1);
    Piece p;
    if (most >= positions_) {
      const int64_t fit = std::min(most / std::max<int64_t>(positions_, 1), kMaxOver / largest);
      p.positions = positions_;
      for (; p.image < a_.batch; p.image += p.images) {
        p.images = std::min(fit, a_.batch - p.image);
        f(p);
      }
      return;
    }
    const int64_t part = most > kPartOfImage ? most / kPartOfImage * kPartOfImage : most;
    p.images = 1;
    for (; p.image < a_.batch; ++p.image)
      for (p.position = 0; p.position < positions_; p.position += part) {
        p.positions = std::min(part, positions_ - p.position);
        f(p);
      }
  }

  ColumnsLayout layout(const Piece& p) const { return {a_.channels * taps_ * p.positions, p.positions}; }
  Operand columns_of(const Piece& p, const void* columns) const {
    if (last_) return {columns, 0, p.rows() * depth_, depth_};
    return {columns, a_.channels * taps_ * p.positions, depth_ * p.positions, p.positions};
  }
  // A piece of x or y as it lies; of x where y's positions are its own.
  Operand piece_of(const Piece& p, const void* data, int64_t channels) const {
    const int64_t group = channels / a_.groups;
    if (last_) return {moved(data, (p.image * positions_ + p.position) * channels, a_.dtype), 0, group, channels};
    return {moved(data, p.image * channels * positions_ + p.position, a_.dtype), channels * positions_,
            group * positions_, positions_};
  }
  Operand x_of(const Piece& p, const void* x) const { return piece_of(p, x, a_.channels); }
  Operand y_of(const Piece& p, const void* y) const { return piece_of(p, y, a_.out_channels); }
  // The same in memory of its own.
  Operand dense_of(const Piece& p, const void* data, int64_t channels) const {
    const int64_t group = channels / a_.groups;
    if (last_) return {data, 0, group, channels};
    return {data, channels * p.positions, group * p.positions, p.positions};
  }
  Operand weights_at(const void* w) const { return {w, 0, out_ * depth_, depth_}; }

  // A convolution of one tap that leaves dy as it is: by its columns dy is turned.
  ConvArgs identity_of_dy() const {
    ConvArgs a;
    a.dtype = a_.dtype;
    a.batch = a_.batch, a.channels = a.out_channels = a_.out_channels;
    for (int i = 0; i < 3; ++i) a.in[i] = a.out[i] = a_.out[i];
    a.x = a_.dy;
    return a;
  }

  bool bounded() const { return a_.low > -__builtin_inf() || a_.high < __builtin_inf(); }
  // A bias along the columns of one product, and a ReLU perhaps.
  bool product_finishes() const {
    const bool relu = a_.low == 0 && a_.high == __builtin_inf();
    return last_ && a_.groups == 1 && a_.bias && !a_.scale && (relu || !bounded()) && wide_ == a_.dtype;
  }

  // A piece of `to`, whose planes have `plane` elements, from its sums, which may lie there.
  void finish(const Piece& p, const Operand& sums, DType type, void* to, int64_t channels, int64_t plane) const {
    FinishRows f;
    f.from = sums.data, f.from_type = type, f.from_pitch = sums.row;
    f.to = const_cast<void*>(piece_of(p, to, channels).data);
    f.to_pitch = last_ ? channels : plane;
    f.rows = last_ ? p.rows() : p.images * channels, f.n = last_ ? channels : p.positions;
    f.channels = channels, f.by_column = last_;
    f.scale = a_.scale, f.bias = a_.bias, f.low = a_.low, f.high = a_.high;
    finish_rows(a_.dtype, f);
  }

  // Each image's gradient for itself, of x and dy as they lie; then their sum.
  void weight_of_images(void* dw) const {
    const int64_t n = a_.out_channels * depth_;
    bool accumulate = false;
    each_piece((n + positions_ - 1) / positions_, [&](const Piece& p) {
      const Scratch parts = scratch(p.images * n, wide_);
      const Operand to = {parts.data(), n, out_ * depth_, depth_};
      multiply(y_of(p, a_.dy), x_of(p, a_.x).transposed(), to, {out_, depth_, p.positions}, p.images, {wide_});
      add_parts(wide_, p.images, n, parts.data(), accumulate, dw);
      accumulate = true;
    });
  }

  const ConvArgs& a_;
  const bool last_;  // pixels
  const int64_t in_, out_, taps_, depth_;  // of a group
  const int64_t positions_, x_image_, y_image_;
  const DType wide_;
  bool direct_ = true;
};

// dw[out_channels][...] from its sums, in its order and dtype.
void deliver_weights(const ConvArgs& a, const void* sums, bool turns) {
  const int64_t taps = elements(a.kernel), in = a.channels / a.groups;
  const int64_t rows = !turns ? 1 : a.channels_last ? taps : in;
  turn(sum_type(a.dtype), sums, a.dtype, a.dw, a.out_channels, rows, in * taps / rows);
}

}  // namespace

void conv_forward(const ConvArgs& a) {
  if (a.batch * a.out_channels * elements(a.out) == 0) return;
  check_sizes(a);
  if (a.rounds_w) {
    const int64_t n = a.out_channels * (a.channels / a.groups) * elements(a.kernel);
    const Scratch w(size_t(n * item_size(a.dtype)));
    turn(DType::Float32, a.w, a.dtype, w.data(), 1, 1, n);
    ConvArgs rounded = a;
    rounded.w = w.data(), rounded.rounds_w = false;
    return conv_forward(rounded);
  }
  if (is_depthwise(a)) depthwise_forward(a);
  else if (!conv_by_cudnn(ConvPass::Forward, a)) Convolution(a).forward();
}

void conv_backward_input(const ConvArgs& a) {
  if (a.batch * a.channels * elements(a.in) == 0) return;
  check_sizes(a);
  if (is_depthwise(a)) depthwise_backward_input(a);
  else if (!conv_by_cudnn(ConvPass::Input, a)) Convolution(a).backward_input();
}

void conv_backward_weight(const ConvArgs& a) {
  const int64_t taps = elements(a.kernel), in = a.channels / a.groups, n = a.out_channels * in * taps;
  if (n == 0) return;
  check_sizes(a);
  if (!is_depthwise(a) && conv_by_cudnn(ConvPass::Weight, a)) return;
  const bool turns = a.channels_last != a.w_channels_last && taps > 1 && in > 1;
  const bool in_place = !turns && sum_type(a.dtype) == a.dtype;
  const Scratch sums(in_place ? 0 : size_t(n * item_size(sum_type(a.dtype))));
  void* const to = in_place ? a.dw : sums.data();
  if (a.batch * elements(a.out) == 0) add_parts(sum_type(a.dtype), 0, n, nullptr, false, to);
  else if (is_depthwise(a)) depthwise_backward_weight(a, to);
  else Convolution(a).backward_weight(to);
  if (!in_place) deliver_weights(a, to, turns);
}

}  // namespace cnn::cuda
