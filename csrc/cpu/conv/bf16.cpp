// Convolution of bfloat16 (bf16.h): forward, and the gradient with respect to the input. A sum is taken over all of its
// products in one tile, so its value depends on the shape and the processor alone.
#include "cpu/conv/bf16.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/kept_layout.h"
#include "cpu/vec/half.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kGathered = 1 << 19;  // elements of rows that stay in L2 while all weights pass
constexpr int64_t kManyPanels =
    8;  // of rows: tasks gather their own; fewer are gathered for all, who share the weights
constexpr int64_t kLeastPanels = 4;  // of a task, or the weights would pass too often
constexpr int64_t kTogether = 4;  // panels of weights
constexpr int64_t kSums = kPanelLines * kPanelLines;
constexpr char kAsGiven = 0, kRounded = 0;  // the kinds of the weights' layouts
constexpr int64_t kShort = 1 << 16;  // of the numbers in their key

// 16 numbers at most, zeros in the other lanes.
inline Vec<float> load_lanes(const float* p, int64_t n) { return vec_load_n(p, n); }
inline Vec<float> load_lanes(const uint16_t* p, int64_t n) {
  return widened_halves((Halves)_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p));
}
CNN_WITH_PAIRS void store_lanes(uint16_t* p, Vec<float> v, int64_t n) {
  _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), (__m256i)_mm512_cvtneps_pbh((__m512)v));
}

// to[place of tap] [lane] = from[lane, tap] of `lanes` at most 16, or any number that are copied.
template <class W>
void turn_taps(const W* from, int64_t stride, int64_t tap_stride, int64_t lanes, const int64_t* places, int64_t taps,
               uint16_t* to, int64_t to_tap) {
  if (stride == 1) {
    for (int64_t t = 0; t < taps; ++t) {
      if (places[t] < 0) continue;
      if constexpr (std::is_same_v<W, uint16_t>) copy_halves(from + t * tap_stride, lanes, to + places[t] * to_tap);
      else store_lanes(to + places[t] * to_tap, load_lanes(from + t * tap_stride, lanes), lanes);
    }
    return;
  }
  for (int64_t f = 0; f < taps; f += kLines) {  // tap_stride is 1
    const int64_t some = min_of(kLines, taps - f);
    Vec<float> r[kLines];
    for (int64_t i = 0; i < kLines; ++i) r[i] = i < lanes ? load_lanes(from + i * stride + f, some) : Vec<float>{};
    transpose_lanes(r);
    for (int64_t t = 0; t < some; ++t)
      if (places[f + t] >= 0) store_lanes(to + places[f + t] * to_tap, r[t], lanes);
  }
}

// Sums [rows][kPanelLines] of n outputs, finished and rounded, each row to its place.
CNN_WITH_PAIRS void store_pixels(const float* sums, int64_t rows, int64_t n, const Finish<float>& finish, uint16_t* to,
                                 const int64_t* places, int64_t pixel) {
  const FinishLanes<float> left(finish, min_of(n, kLines)),
      right(n > kLines ? finish.from(kLines) : finish, n > kLines ? n - kLines : 1);
  const __mmask32 kept = n < kPanelLines ? (1u << n) - 1 : ~0u;
  for (int64_t r = 0; r < rows; ++r, sums += kPanelLines) {
    const Vec<float> low = left(vec_load(sums)), high = right(vec_load(sums + kLines));
    _mm512_mask_storeu_epi16(to + places[r] * pixel, kept, (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low));
  }
}

// One pass: to[o] = sum over channels and taps of source * w, of all images, pixel by pixel.
struct Pass {
  const uint16_t* source;
  uint16_t* to;
  int64_t batch, groups, channels, outputs;  // of one group: channels of the source, and of what is computed
  int64_t in[3], out[3], step[3], kernel[3];  // spatial sizes; outputs of a class lie `step` apart
  const void* w;
  bool rounds_w;  // w is of float
  int64_t w_group, w_out, w_in, w_tap;
  Storage* keeper = nullptr;  // of w
  Finish<float> finish;
};

class Convolver {
 public:
  Convolver(const Pass& p, const TapClass* classes, int64_t count)
      : p_(p),
        classes_(classes),
        count_(count),
        panels_(ceil_div(p.outputs, kPanelLines)),
        weights_(p.keeper, key_of(p, classes[0])) {
    for (int64_t i = 0; i < count; ++i) begins_[i] = depth_, depth_ += depth_of(classes[i]);
    const int64_t packs = p.groups * panels_ * count;
    weights_.fill(p.groups * panels_ * depth_ * kPanelLines, [&](uint16_t* to) {
      parallel_for(packs, 1 + kPackWork / (1 + kPanelLines * depth_ / count_), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          uint16_t* const panel = to + panel_at(i / count_ / panels_, i % count_, i / count_ % panels_);
          if (p_.rounds_w) pack<float>(i / count_ / panels_, classes_[i % count_], i / count_ % panels_, panel);
          else pack<uint16_t>(i / count_ / panels_, classes_[i % count_], i / count_ % panels_, panel);
        }
      });
    });
  }

  void run() const {
    for (int64_t group = 0; group < p_.groups; ++group)
      for (int64_t i = 0; i < count_; ++i) Outputs(*this, group, i).run();
  }

 private:
  int64_t depth_of(const TapClass& c) const { return whole_blocks(c.taps() * p_.channels); }
  // Where the weights of a panel of outputs begin: [group][class][panel].
  int64_t panel_at(int64_t group, int64_t i, int64_t panel) const {
    return (group * depth_ + begins_[i]) * panels_ * kPanelLines + panel * depth_of(classes_[i]) * kPanelLines;
  }

  static LayoutKey key_of(const Pass& p, const TapClass& c) {
    LayoutKey key = {p.rounds_w ? &kRounded : &kAsGiven, p.w, {p.w_out, p.w_in, p.outputs, p.channels}};
    for (int i = 0; i < 3; ++i) {  // of each axis 16 bits in three numbers; nothing is kept where they are too few
      const int64_t parts[] = {c.axes[i].taps, c.axes[i].weight_first, p.kernel[i]};
      for (int j = 0; j < 3; ++j) key.shape[4 + j] = key.shape[4 + j] * kShort + parts[j];
    }
    key.shape[7] = p.groups;
    return key;
  }

  // Either the lines of a panel are dense along the depth, or the depth's rows along the lines: as the weights lie.
  template <class W> void pack(int64_t group, const TapClass& c, int64_t panel, uint16_t* to) const {
    const int64_t all = elements(p_.kernel), depth = depth_of(c), first = panel * kPanelLines;
    const int64_t n = min_of(kPanelLines, p_.outputs - first);
    if (depth == 0) return;
    const W* const w = static_cast<const W*>(p_.w) + group * p_.w_group + first * p_.w_out;
    const int64_t filled = c.taps() * p_.channels;
    if constexpr (std::is_same_v<W, uint16_t>)
      if (p_.w_in == 1 && count_ == 1 && p_.w_out == filled)  // forward: lines as they lie
        return pack_strip<true>({w, 1, p_.w_out}, n, filled, to);
    Scratch<int64_t> places(all);
    fill_places(c, p_.kernel, places);
    Scratch<uint16_t> lines(depth * kPanelLines);
    if (filled < depth || n < kPanelLines) clear_halves(lines, depth * kPanelLines);
    const bool across = p_.w_out < p_.w_in;
    const int64_t outer = across ? p_.channels : n, inner = across ? n : p_.channels;
    const int64_t outer_stride = across ? p_.w_in : p_.w_out, inner_stride = across ? p_.w_out : p_.w_in;
    const int64_t step = std::is_same_v<W, uint16_t> && inner_stride == 1 ? inner : kLines;
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t j = 0; j < inner; j += step)
        turn_taps(w + i * outer_stride + j * inner_stride, inner_stride, p_.w_tap, min_of(step, inner - j),
                  static_cast<const int64_t*>(places), all, lines + j + i * (across ? kPanelLines : depth),
                  p_.channels * (across ? kPanelLines : 1));
    if (across) pack_strip<true>({lines, kPanelLines, 1}, kPanelLines, depth, to);
    else pack_strip<true>({lines, 1, depth}, n, depth, to);
  }

  // The outputs of one class and group.
  class Outputs {
   public:
    Outputs(const Convolver& all, int64_t group, int64_t i)
        : p_(all.p_),
          c_(all.classes_[i]),
          rows_(c_, p_.batch, p_.in, p_.groups * p_.channels, p_.channels),
          source_(p_.source + group * p_.channels),
          to_(p_.to + group * p_.outputs),
          finish_(p_.finish.from(group * p_.outputs)),
          weights_(all.weights_ + all.panel_at(group, i, 0)),
          count_(rows_.count()),
          blocks_(whole_blocks(rows_.depth()) / kDepth),
          row_((blocks_ + (blocks_ % 2 == 0)) * kDepth),  // an odd number of lines: all sets of the cache serve
          a_panels_(ceil_div(count_, kPanelLines)),
          b_panels_(all.panels_),
          in_place_(rows_.in_place() && rows_.depth() % kPage != 0 ? count_ / kPanelLines : 0) {}

    void run() const {
      if (count_ == 0) return;
      const double work = double(count_) * double(p_.outputs) * double(blocks_ * kDepth) / 8;  // as so many of floats
      if (a_panels_ >= kManyPanels) return run_alone(work);
      const int64_t gathered = a_panels_ - in_place_;
      Scratch<uint16_t> memory(gathered * kPanelLines * row_);
      Scratch<int64_t> places(count_);
      parallel_for(a_panels_, 1 + kPackWork / (kPanelLines * row_), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) gather(i, memory, places, 0);
      });
      const Parts parts(b_panels_, min_of(b_panels_, kTasks / 2));
      parallel_for(parts.count, work < double(kSerialWork) ? parts.count : 1, [&](int64_t begin, int64_t end) {
        engine_.open();
        multiply(0, a_panels_, parts.begin(begin), parts.begin(end - 1) + parts.size(end - 1), memory, places);
        engine_.close();
      });
    }

   private:
    // Each task has some of the rows and all weights.
    void run_alone(double work) const {
      const int64_t most = max_of(kGathered / (kPanelLines * row_), 1);
      const int64_t tasks = max_of(ceil_div(a_panels_, most), min_of(kTasks, ceil_div(a_panels_, kLeastPanels)));
      const Parts parts(a_panels_, tasks);
      parallel_for(tasks, work < double(kSerialWork) ? tasks : 1, [&](int64_t begin, int64_t end) {
        Scratch<uint16_t> memory(parts.largest() * kPanelLines * row_);
        Scratch<int64_t> places(parts.largest() * kPanelLines);
        engine_.open();
        for (int64_t t = begin; t < end; ++t) {
          const int64_t first = parts.begin(t), last = first + parts.size(t);
          for (int64_t i = first; i < last; ++i) gather(i, memory, places, first);
          multiply(first, last, 0, b_panels_, memory, places);
        }
        engine_.close();
      });
    }

    int64_t rows_of(int64_t i) const { return min_of(kPanelLines, count_ - i * kPanelLines); }

    // Panel i of the rows, of which `first` is the first in memory; those that are read in place have none.
    uint16_t* panel_of(uint16_t* memory, int64_t i, int64_t first) const {
      return memory + (i - max_of(first, in_place_)) * kPanelLines * row_;
    }
    void gather(int64_t i, uint16_t* memory, int64_t* places, int64_t first) const {
      const int64_t n = rows_of(i);
      rows_.places(i * kPanelLines, n, p_.out, p_.step, c_.residue, places + (i - first) * kPanelLines);
      if (i < in_place_) return;
      uint16_t* const to = panel_of(memory, i, first);
      rows_.gather(source_, i * kPanelLines, n, to, row_);
      clear_halves(to + n * row_, (kPanelLines - n) * row_);
    }

    // Panels [a_begin, a_end) of rows by [b_begin, b_end) of weights, a few of these at a time: a piece of the rows'
    // depth stays in L2 while they pass.
    void multiply(int64_t a_begin, int64_t a_end, int64_t b_begin, int64_t b_end, uint16_t* memory,
                  const int64_t* places) const {
      const int64_t chunk = max_of(ceil_div(blocks_, max_of(ceil_div(blocks_, engine_.blocks_in_l1), 1)), 1);
      const int64_t together = blocks_ > chunk ? min_of(kTogether, b_end - b_begin) : 1, count = a_end - a_begin;
      Scratch<float> sums((blocks_ > chunk ? together * count : 1) * kSums);
      for (int64_t first = b_begin; first < b_end; first += together)
        for (int64_t k = 0; k < max_of(blocks_, 1); k += chunk)
          for (int64_t j = first; j < min_of(first + together, b_end); ++j) {
            const int64_t deep = min_of(chunk, blocks_ - k), outputs = p_.outputs - j * kPanelLines;
            const uint16_t* const b = weights_ + (j * blocks_ + k) * kBlock;
            // What follows of the weights comes to L2 by portions, while this piece is used.
            const int64_t portion = ceil_div(deep * kBlock, count);
            const uint16_t* next = b + (j + 1 < min_of(first + together, b_end) ? blocks_ : deep) * kBlock;
            for (int64_t i = a_begin; i < a_end; ++i) {
              for (const uint16_t* end = next + portion; next < end; next += kDepth) __builtin_prefetch(next, 0, 2);
              float* const tile = sums + (blocks_ > chunk ? (j - first) * count + i - a_begin : 0) * kSums;
              engine_.multiply({panel_rows(i, k, memory, a_begin), b, deep, rows_of(i), outputs, k == 0, tile});
              if (k + deep >= blocks_)
                store_pixels(tile, rows_of(i), min_of(outputs, kPanelLines), finish_.from(j * kPanelLines),
                             to_ + j * kPanelLines, places + (i - a_begin) * kPanelLines, p_.groups * p_.outputs);
            }
          }
    }

    RowsPanel panel_rows(int64_t i, int64_t block, uint16_t* memory, int64_t first) const {
      const int64_t row = i < in_place_ ? rows_.depth() : row_;
      const uint16_t* const at = i < in_place_ ? source_ + i * kPanelLines * row : panel_of(memory, i, first);
      return {at + block * kDepth, row, kLines * row, kDepth};
    }

    const Engine& engine_ = engine();
    const Pass& p_;
    const TapClass& c_;
    const PixelRows rows_;
    const uint16_t* const source_;
    uint16_t* const to_;
    const Finish<float> finish_;
    const uint16_t* const weights_;
    const int64_t count_, blocks_, row_, a_panels_, b_panels_, in_place_;
  };

  const Pass& p_;
  const TapClass* const classes_;
  const int64_t count_, panels_;
  int64_t depth_ = 0, begins_[kMaxClasses];
  KeptLayout<uint16_t> weights_;
};

// A pass between tensors of planes: the source is turned to pixels, and what comes out is turned back.
void run_pass(Pass& p, const TapClass* classes, int64_t count, bool channels_last) {
  const int64_t in = p.groups * p.channels, out = p.groups * p.outputs, in_plane = elements(p.in),
                out_plane = elements(p.out);
  const bool turns_in = !channels_last && in > 1 && in_plane > 1,
             turns_out = !channels_last && out > 1 && out_plane > 1;
  Scratch<uint16_t> source(turns_in ? p.batch * in * in_plane : 0), to(turns_out ? p.batch * out * out_plane : 0);
  uint16_t* const y = p.to;
  if (turns_in) turn_halves(p.batch, in, in_plane, p.source, source), p.source = source;
  if (turns_out) p.to = to;
  Convolver(p, classes, count).run();
  if (turns_out) turn_halves(p.batch, out_plane, out, to, y);
}

}  // namespace

bool prefers_bf16(const ConvArgs& a, ConvPass pass) {
  constexpr int64_t kLeastOutputs = 16, kLeastDepth = 16;  // of tiles that are not mostly empty
  if (cpu_bf16() == Bf16::Floats || a.batch == 0 || elements(a.in) == 0 || elements(a.out) == 0) return false;
  const int64_t taps = elements(a.kernel);
  int64_t outputs = a.out_channels / a.groups, channels = a.channels / a.groups;
  if (pass == ConvPass::BackwardInput) {
    if (elements(a.stride) > kMaxClasses) return false;
    const int64_t x = channels;
    channels = outputs, outputs = x;
  }
  return outputs >= kLeastOutputs && channels * taps >= kLeastDepth;
}

void bf16_forward(const ConvArgs& a) {
  const int64_t taps = elements(a.kernel);
  Pass p;
  p.source = static_cast<const uint16_t*>(a.x), p.to = static_cast<uint16_t*>(a.y);
  p.batch = a.batch, p.groups = a.groups;
  p.channels = a.channels / a.groups, p.outputs = a.out_channels / a.groups;
  p.w = a.w, p.rounds_w = a.rounds_w;
  p.w_out = p.channels * taps, p.w_group = p.outputs * p.w_out;
  p.w_in = a.w_channels_last ? 1 : taps, p.w_tap = a.w_channels_last ? p.channels : 1;
  p.finish = finish_forward<float>(a);
  for (int i = 0; i < 3; ++i) p.in[i] = a.in[i], p.out[i] = a.out[i], p.kernel[i] = a.kernel[i], p.step[i] = 1;
  if (taps < kShort) p.keeper = a.keeper;
  const TapClass c = forward_class(a);
  run_pass(p, &c, 1, a.channels_last);
}

void bf16_backward_input(const ConvArgs& a) {
  const int64_t taps = elements(a.kernel), in = a.channels / a.groups;
  Pass p;
  p.source = static_cast<const uint16_t*>(a.dy), p.to = static_cast<uint16_t*>(a.dx);
  p.batch = a.batch, p.groups = a.groups;
  p.channels = a.out_channels / a.groups, p.outputs = in;
  p.w = a.w, p.rounds_w = a.rounds_w;
  p.w_in = in * taps, p.w_group = p.channels * p.w_in;
  p.w_out = a.w_channels_last ? 1 : taps, p.w_tap = a.w_channels_last ? in : 1;
  p.finish = finish_backward<float>(a);
  for (int i = 0; i < 3; ++i)
    p.in[i] = a.out[i], p.out[i] = a.in[i], p.kernel[i] = a.kernel[i], p.step[i] = a.stride[i];
  TapClass classes[kMaxClasses];
  run_pass(p, classes, backward_classes(a, classes), a.channels_last);
}

}  // namespace cnn::cpu::CNN_ISA

#endif
