// The gradient of a convolution of bfloat16 with respect to its weights (bf16.h): the product of dy, turned, and the
// rows of what the outputs read. The sums over pieces of the outputs are added in order.
#include "cpu/conv/bf16.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kPiece = 1 << 20, kWhole = 1 << 21;  // elements of both operands that are laid out at a time; all
constexpr int64_t kSums = kPanelLines * kPanelLines;

// Sums [rows][kPanelLines] of n columns.
CNN_WITH_PAIRS void store_rows(const float* sums, int64_t rows, int64_t n, uint16_t* to, int64_t to_row) {
  const __mmask32 kept = n < kPanelLines ? (1u << n) - 1 : ~0u;
  for (int64_t r = 0; r < rows; ++r, sums += kPanelLines, to += to_row) {
    const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(sums + kLines), _mm512_loadu_ps(sums));
    _mm512_mask_storeu_epi16(to, kept, (__m512i)both);
  }
}

class WeightGradient {
 public:
  WeightGradient(const ConvArgs& a, const uint16_t* x, const uint16_t* dy)
      : a_(a),
        x_(x),
        dy_(dy),
        channels_(a.channels / a.groups),
        outputs_(a.out_channels / a.groups),
        rows_(forward_class(a), a.batch, a.in, a.channels, channels_),
        depth_(whole_blocks(rows_.depth())),
        a_panels_(ceil_div(outputs_, kPanelLines)),
        b_panels_(depth_ / kPanelLines),
        blocks_(ceil_div(rows_.count(), kDepth)),
        piece_(piece_of(blocks_, (a_panels_ + b_panels_) * kBlock)),
        a_packed_(a_panels_ * piece_ * kBlock),
        b_packed_(b_panels_ * piece_ * kBlock),
        sums_(piece_ < blocks_ ? a_panels_ * b_panels_ * kSums : 0),
        turned_(turns() ? outputs_ * rows_.depth() : 0) {}

  void run() const {
    for (int64_t group = 0; group < a_.groups; ++group) {
      for (int64_t first = 0; first < blocks_; first += piece_) {
        const int64_t count = min_of(piece_, blocks_ - first);
        lay_out(group, first, count);
        multiply(first, count, turns() ? turned_ : dw_of(group));
      }
      if (turns()) turn_halves(outputs_, elements(a_.kernel), channels_, turned_, dw_of(group));
    }
  }

 private:
  static int64_t piece_of(int64_t blocks, int64_t each) {
    return blocks * each <= kWhole ? blocks : min_of(blocks, 1 + kPiece / each);
  }

  // Sums are of weights [output][tap][channel].
  bool turns() const { return !a_.w_channels_last && elements(a_.kernel) > 1 && channels_ > 1; }
  uint16_t* dw_of(int64_t group) const { return static_cast<uint16_t*>(a_.dw) + group * outputs_ * rows_.depth(); }

  // Blocks of 32 outputs each, in the order of the tiles.
  void lay_out(int64_t group, int64_t first, int64_t count) const {
    parallel_for(count, 1 + kPackWork / (kDepth * depth_), [&](int64_t begin, int64_t end) {
      Scratch<uint16_t> rows(kDepth * depth_);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = (first + i) * kDepth, n = min_of(kDepth, rows_.count() - at);
        rows_.gather(x_ + group * channels_, at, n, rows, depth_);
        clear_halves(rows + n * depth_, (kDepth - n) * depth_);
        for (int64_t j = 0; j < b_panels_; ++j)
          pack_strip<true>({rows + j * kPanelLines, depth_, 1}, kPanelLines, kDepth,
                           b_packed_ + (j * piece_ + i) * kBlock);
        const uint16_t* const dy = dy_ + at * a_.out_channels + group * outputs_;
        for (int64_t j = 0; j < a_panels_; ++j)
          pack_strip<false>({dy + j * kPanelLines, a_.out_channels, 1}, min_of(kPanelLines, outputs_ - j * kPanelLines),
                            n, a_packed_ + (j * piece_ + i) * kBlock);
      }
    });
  }

  // The products of a piece; after the last one the sums go to dw.
  void multiply(int64_t first, int64_t count, uint16_t* dw) const {
    const double work = double(outputs_) * double(depth_) * double(count * kDepth) / 8;
    const int64_t tasks = min_of(a_panels_ * b_panels_, kTasks);
    const Parts b_parts(b_panels_, min_of(b_panels_, tasks)), a_parts(a_panels_, ceil_div(tasks, b_parts.count));
    const int64_t all = a_parts.count * b_parts.count;
    parallel_for(all, work < double(kSerialWork) ? all : 1, [&](int64_t begin, int64_t end) {
      Scratch<float> few(sums_ ? 0 : a_parts.largest() * kSums);
      engine_.open();
      for (int64_t t = begin; t < end; ++t) {
        const int64_t p = t / b_parts.count, q = t % b_parts.count;
        for (int64_t j = b_parts.begin(q); j < b_parts.begin(q) + b_parts.size(q); ++j)
          multiply_panel(first, count, a_parts.begin(p), a_parts.begin(p) + a_parts.size(p), j,
                         sums_ ? sums_ + (j * a_panels_ + a_parts.begin(p)) * kSums : few, dw);
      }
      engine_.close();
    });
  }

  void multiply_panel(int64_t first, int64_t count, int64_t a_begin, int64_t a_end, int64_t j, float* sums,
                      uint16_t* dw) const {
    const int64_t chunk = engine_.blocks_in_l1, depth = rows_.depth(), columns = depth - j * kPanelLines;
    for (int64_t k = 0; k < count; k += chunk)
      for (int64_t i = a_begin; i < a_end; ++i) {
        float* const tile = sums + (i - a_begin) * kSums;
        const int64_t deep = min_of(chunk, count - k), rows = min_of(kPanelLines, outputs_ - i * kPanelLines);
        engine_.multiply({{a_packed_ + (i * piece_ + k) * kBlock, kDepth, kTileElements, kBlock},
                          b_packed_ + (j * piece_ + k) * kBlock,
                          deep,
                          rows,
                          columns,
                          first + k == 0,
                          tile});
        if (first + k + deep == blocks_)
          store_rows(tile, rows, min_of(kPanelLines, columns), dw + i * kPanelLines * depth + j * kPanelLines, depth);
      }
  }

  const Engine& engine_ = engine();
  const ConvArgs& a_;
  const uint16_t *const x_, *const dy_;
  const int64_t channels_, outputs_;
  const PixelRows rows_;
  const int64_t depth_, a_panels_, b_panels_, blocks_, piece_;
  const Scratch<uint16_t> a_packed_, b_packed_;
  const Scratch<float> sums_;  // of all panels, where there is more than one piece
  const Scratch<uint16_t> turned_;
};

}  // namespace

void bf16_backward_weight(const ConvArgs& a) {
  const int64_t in = elements(a.in), out = elements(a.out);
  const bool turns_x = !a.channels_last && a.channels > 1 && in > 1, turns_dy = !a.channels_last && out > 1;
  Scratch<uint16_t> x(turns_x ? a.batch * a.channels * in : 0), dy(turns_dy ? a.batch * a.out_channels * out : 0);
  const uint16_t *const given_x = static_cast<const uint16_t*>(a.x), *const given_dy =
                                                                         static_cast<const uint16_t*>(a.dy);
  if (turns_x) turn_halves(a.batch, a.channels, in, given_x, x);
  if (turns_dy) turn_halves(a.batch, a.out_channels, out, given_dy, dy);
  WeightGradient(a, turns_x ? x : given_x, turns_dy ? dy : given_dy).run();
}

}  // namespace cnn::cpu::CNN_ISA

#endif
