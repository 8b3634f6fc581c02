// How the pool takes part in the gradient of a convolution with respect to its weights, a sum over all boxes of a plan.
// Many sums: boxes follow one another, and the pool shares the sums of each. Few sums: it takes shares of the boxes,
// each with sums of its own, which are added in order. Both depend on the shape alone, so results do not depend on the
// number of threads.
#pragma once

#include "core/parallel.h"
#include "cpu/conv/geometry.h"

namespace cnn::cpu::inline CNN_ISA {

class WeightShares {
 public:
  WeightShares(const ConvArgs& a, int64_t sums)
      : shares_(a.groups == 1 && a.batch >= kShares && sums <= kFewSums ? kShares : 1) {}

  Plan::Sharing sharing() const { return shares_ > 1 ? Plan::Sharing::Boxes : Plan::Sharing::WithinBoxes; }

  // run(begin, end, sums) writes the sums of the boxes from begin to end.
  template <class T, class Run> void run(int64_t boxes, int64_t count, T* sums, const Run& run) const {
    if (shares_ == 1) return run(0, boxes, sums);
    Scratch<T> others((shares_ - 1) * count);
    const Parts parts(boxes, shares_);
    parallel_for(shares_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        run(parts.begin(i), parts.begin(i) + parts.size(i), i == 0 ? sums : others + (i - 1) * count);
    });
    for (int64_t i = 0; i < shares_ - 1; ++i)
      for (int64_t j = 0; j < count; ++j) sums[j] += others[i * count + j];
  }

 private:
  static constexpr int64_t kShares = 8, kFewSums = 16 << 10;
  int64_t shares_;
};

}  // namespace cnn::cpu::CNN_ISA
