#include "ops/resample_bytes.h"

#include <algorithm>

#include "core/parallel.h"

namespace cnn {
namespace {

struct Tap {
  int64_t index;
  int32_t weight;
};

// The taps of all outputs: those of output o are [start[o], start[o + 1]).
struct Taps {
  std::vector<int64_t> start;
  std::vector<Tap> taps;
  int bits = 0;  // weights are over 2^bits
};

Taps whole_taps(const std::vector<int64_t>& start, const std::vector<int64_t>& index,
                const std::vector<double>& weight) {
  Taps whole;
  std::vector<double> merged;  // taps on one pixel, at the borders, are one
  double largest = 0;
  for (size_t o = 0; o + 1 < start.size(); ++o) {
    whole.start.push_back(int64_t(merged.size()));
    for (size_t k = size_t(start[o]); k < size_t(start[o + 1]); ++k) {
      const bool again = int64_t(merged.size()) > whole.start.back() && whole.taps.back().index == index[k];
      if (again) {
        merged.back() += weight[k];
      } else {
        whole.taps.push_back({index[k], 0});
        merged.push_back(weight[k]);
      }
      largest = std::max(largest, merged.back());
    }
  }
  whole.start.push_back(int64_t(merged.size()));
  while (whole.bits < 22 && int64_t(0.5 + largest * double(2 << whole.bits)) < 1 << 15) ++whole.bits;
  for (size_t k = 0; k < merged.size(); ++k) {
    const double scaled = merged[k] * double(1 << whole.bits);
    whole.taps[k].weight = int32_t(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return whole;
}

uint8_t rounded(int32_t sum, int bits) { return uint8_t(std::clamp(sum >> bits, 0, 255)); }

}  // namespace

Tensor resample_bytes(const Tensor& x, int d, int64_t out, const std::vector<int64_t>& start,
                      const std::vector<int64_t>& index, const std::vector<double>& weight) {
  Dims shape = x.shape();
  const int64_t in = shape[d];
  shape[d] = out;
  const Tensor y = empty(shape, DType::UInt8);
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < d; ++i) outer *= shape[i];
  for (int i = d + 1; i < shape.size(); ++i) inner *= shape[i];
  const Taps t = whole_taps(start, index, weight);
  const int32_t half = t.bits > 0 ? 1 << (t.bits - 1) : 0;
  const uint8_t* const from = static_cast<const uint8_t*>(x.raw());
  uint8_t* const to = static_cast<uint8_t*>(y.raw());
  const double cost = double(outer) * double(t.taps.size()) * double(inner);
  const WorkScope scope(cost);
  const int64_t grain = std::max<int64_t>(1, int64_t(65536 * double(outer) / std::max(cost, 1.0)));
  parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(size_t(inner), 0);
    for (int64_t i = begin; i < end; ++i)
      for (int64_t o = 0; o < out; ++o) {
        std::fill(sums.begin(), sums.end(), half);
        for (int64_t k = t.start[size_t(o)]; k < t.start[size_t(o) + 1]; ++k) {
          const Tap tap = t.taps[size_t(k)];
          const uint8_t* const row = from + (i * in + tap.index) * inner;
          for (int64_t j = 0; j < inner; ++j) sums[size_t(j)] += tap.weight * row[j];
        }
        for (int64_t j = 0; j < inner; ++j) to[(i * out + o) * inner + j] = rounded(sums[size_t(j)], t.bits);
      }
  });
  return y;
}

}  // namespace cnn
