// The gradient of a convolution of bfloat16 with respect to its weights (bf16.h): the product of dy, turned, and the rows
// of what the outputs read. The sums over pieces of the outputs are added in order.
#include "cpu/conv/bf16.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kPiece = 1 << 20;  // elements of both operands that are laid out at a time
constexpr int64_t kSums = kPanelLines * kPanelLines;

CNN_WITH_PAIRS void round_lanes(uint16_t* to, Vec<float> v, int64_t n) {
  _mm256_mask_storeu_epi16(to, __mmask16((1u << n) - 1), (__m256i)_mm512_cvtneps_pbh((__m512)v));
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
        piece_(min_of(blocks_, 1 + kPiece / ((a_panels_ + b_panels_) * kBlock))),
        a_packed_(a_panels_ * piece_ * kBlock),
        b_packed_(b_panels_ * piece_ * kBlock),
        sums_(a_panels_ * b_panels_ * kSums) {}

  void run() const {
    for (int64_t group = 0; group < a_.groups; ++group) {
      for (int64_t first = 0; first < blocks_; first += piece_) {
        const int64_t count = min_of(piece_, blocks_ - first);
        lay_out(group, first, count);
        multiply(first == 0, count);
      }
      write(group);
    }
  }

 private:
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

  void multiply(bool first, int64_t count) const {
    const double work = double(outputs_) * double(depth_) * double(count * kDepth) / 8;
    const int64_t tasks = min_of(a_panels_ * b_panels_, kTasks);
    const Parts b_parts(b_panels_, min_of(b_panels_, tasks)), a_parts(a_panels_, ceil_div(tasks, b_parts.count));
    const int64_t all = a_parts.count * b_parts.count;
    parallel_for(all, work < double(kSerialWork) ? all : 1, [&](int64_t begin, int64_t end) {
      engine_.open();
      for (int64_t t = begin; t < end; ++t) {
        const int64_t p = t / b_parts.count, q = t % b_parts.count;
        multiply(first, count, a_parts.begin(p), a_parts.begin(p) + a_parts.size(p), b_parts.begin(q),
                 b_parts.begin(q) + b_parts.size(q));
      }
      engine_.close();
    });
  }

  void multiply(bool first, int64_t count, int64_t a_begin, int64_t a_end, int64_t b_begin, int64_t b_end) const {
    const int64_t chunk = engine_.blocks_in_l1;
    for (int64_t j = b_begin; j < b_end; ++j)
      for (int64_t k = 0; k < count; k += chunk)
        for (int64_t i = a_begin; i < a_end; ++i)
          engine_.multiply({{a_packed_ + (i * piece_ + k) * kBlock, kDepth, kTileElements, kBlock},
                            b_packed_ + (j * piece_ + k) * kBlock,
                            min_of(chunk, count - k),
                            min_of(kPanelLines, outputs_ - i * kPanelLines),
                            rows_.depth() - j * kPanelLines,
                            first && k == 0,
                            sums_ + (i * b_panels_ + j) * kSums});
  }

  // Sums [tap][channel] of an output to weights [channel][tap], or as they are.
  void write(int64_t group) const {
    const int64_t taps = elements(a_.kernel);
    parallel_for(outputs_, 1 + kPackWork / depth_, [&](int64_t begin, int64_t end) {
      Scratch<float> row(depth_);
      for (int64_t o = begin; o < end; ++o) {
        for (int64_t j = 0; j < b_panels_; ++j)
          __builtin_memcpy(row + j * kPanelLines,
                           sums_ + (o / kPanelLines * b_panels_ + j) * kSums + o % kPanelLines * kPanelLines,
                           kPanelLines * sizeof(float));
        uint16_t* const to = static_cast<uint16_t*>(a_.dw) + (group * outputs_ + o) * channels_ * taps;
        if (a_.w_channels_last || taps == 1) {
          const int64_t count = taps * channels_;
          for (int64_t i = 0; i < count; i += kLines) round_lanes(to + i, vec_load(row + i), min_of(kLines, count - i));
          continue;
        }
        for (int64_t c = 0; c < channels_; c += kLines)
          for (int64_t t = 0; t < taps; t += kLines) {
            const int64_t n = min_of(kLines, channels_ - c), some = min_of(kLines, taps - t);
            Vec<float> r[kLines];
            load_transposed<float>(row + t * channels_ + c, channels_, some, n, r);
            for (int64_t i = 0; i < n; ++i) round_lanes(to + (c + i) * taps + t, r[i], some);
          }
      }
    });
  }

  const Engine& engine_ = engine();
  const ConvArgs& a_;
  const uint16_t *const x_, *const dy_;
  const int64_t channels_, outputs_;
  const PixelRows rows_;
  const int64_t depth_, a_panels_, b_panels_, blocks_, piece_;
  const Scratch<uint16_t> a_packed_, b_packed_;
  const Scratch<float> sums_;
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
