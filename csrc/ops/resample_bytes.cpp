#include "ops/resample_bytes.h"

#include <algorithm>

#include "cnn/check.h"
#include "core/parallel.h"

namespace cnn {
namespace {

// Output o reads pixels first[o] and after, as many as weights [start[o], start[o + 1]) are.
struct Taps {
  std::vector<int64_t> start, first;
  std::vector<int16_t> weights;
  int bits = 0;  // they are over 2^bits
};

Taps whole_taps(const std::vector<int64_t>& start, const std::vector<int64_t>& index,
                const std::vector<double>& weight) {
  Taps whole;
  std::vector<double> merged;  // taps on one pixel, at the borders, are one
  double largest = 0;
  for (size_t o = 0; o + 1 < start.size(); ++o) {
    whole.start.push_back(int64_t(merged.size()));
    whole.first.push_back(index[size_t(start[o])]);
    for (size_t k = size_t(start[o]); k < size_t(start[o + 1]); ++k) {
      const bool again = k > size_t(start[o]) && index[k] == index[k - 1];
      check(again || index[k] - whole.first.back() == int64_t(merged.size()) - whole.start.back(), "resample",
            "pixels that do not lie side by side");
      if (again) merged.back() += weight[k];
      else merged.push_back(weight[k]);
      largest = std::max(largest, merged.back());
    }
  }
  whole.start.push_back(int64_t(merged.size()));
  while (whole.bits < 22 && int64_t(0.5 + largest * double(2 << whole.bits)) < 1 << 15) ++whole.bits;
  for (const double w : merged) {
    const double scaled = w * double(1 << whole.bits);
    whole.weights.push_back(int16_t(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
  }
  return whole;
}

uint8_t rounded(int32_t sum, int bits) { return uint8_t(std::clamp(sum >> bits, 0, 255)); }

// Factors of 16 bits: every processor multiplies those side by side.
int32_t dot(const int16_t* weights, const uint8_t* pixels, int64_t n) {
  int32_t sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += int32_t(weights[i]) * int32_t(int16_t(pixels[i]));
  return sum;
}

void add_row(int32_t* sums, int16_t weight, const uint8_t* pixels, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += int32_t(weight) * int32_t(int16_t(pixels[i]));
}

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
  const double cost = double(outer) * double(t.weights.size()) * double(inner);
  const WorkScope scope(cost);
  const int64_t grain = std::max<int64_t>(1, int64_t(65536 * double(outer) / std::max(cost, 1.0)));
  parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(size_t(inner), 0);
    for (int64_t i = begin; i < end; ++i)
      for (int64_t o = 0; o < out; ++o) {
        const int16_t* const weights = t.weights.data() + t.start[size_t(o)];
        const int64_t taps = t.start[size_t(o) + 1] - t.start[size_t(o)];
        const uint8_t* const pixels = from + (i * in + t.first[size_t(o)]) * inner;
        uint8_t* const result = to + (i * out + o) * inner;
        if (inner == 1) {
          *result = rounded(half + dot(weights, pixels, taps), t.bits);
          continue;
        }
        std::fill(sums.begin(), sums.end(), half);
        for (int64_t k = 0; k < taps; ++k) add_row(sums.data(), weights[k], pixels + k * inner, inner);
        for (int64_t j = 0; j < inner; ++j) result[j] = rounded(sums[size_t(j)], t.bits);
      }
  });
  return y;
}

}  // namespace cnn
