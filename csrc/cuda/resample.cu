#include "cuda/resample.cuh"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

constexpr double kFewTaps = 16;  // of an output along all axes together, which one kernel sums

// The taps of all axes on the device, in one copy.
template <class S> class Taps {
 public:
  explicit Taps(const ResampleArgs& a) {
    size_t bytes = 0;
    for (int d = 0; d < 3; ++d) {
      const ResampleAxis& axis = a.axis[d];
      of_[d].in = uint32_t(axis.start ? axis.in : axis.out);
      of_[d].by_out = FastDiv(uint32_t(axis.out));
      if (!axis.start) continue;
      const size_t taps = size_t(axis.start[axis.out]);
      bytes += (axis.weight ? taps * sizeof(S) : 0) + (taps + size_t(axis.out) + 1) * sizeof(int32_t) + sizeof(S);
    }
    check_implemented(bytes < size_t(kMaxOver), "", "resampling with 2^28 weights and more on CUDA; call .cpu() first");
    std::vector<char> host(bytes);
    data_.emplace(bytes);
    size_t at = 0;
    const auto put = [&]<class T>(auto* from, size_t n, const T*& to) {
      at = (at + sizeof(T) - 1) / sizeof(T) * sizeof(T);
      to = reinterpret_cast<const T*>(static_cast<char*>(data_->data()) + at);
      for (size_t i = 0; i < n; ++i, at += sizeof(T)) {
        const T value = T(from[i]);
        std::memcpy(host.data() + at, &value, sizeof value);
      }
    };
    for (int d = 0; d < 3; ++d) {
      const ResampleAxis& axis = a.axis[d];
      if (!axis.start) continue;
      const size_t taps = size_t(axis.start[axis.out]);
      if (axis.weight) put(axis.weight, taps, of_[d].weight);
      put(axis.start, size_t(axis.out) + 1, of_[d].start);
      put(axis.index, taps, of_[d].index);
    }
    copy_bytes(data_->data(), selected_gpu(), host.data(), kCpu, bytes, false);
  }
  const TapsOfAxis<S>& of(int d) const { return of_[d]; }

 private:
  TapsOfAxis<S> of_[3];
  std::optional<Scratch> data_;
};

// An axis along which nothing happens.
template <class S> TapsOfAxis<S> still(int64_t size) {
  TapsOfAxis<S> t;
  t.in = uint32_t(size), t.by_out = FastDiv(uint32_t(size));
  return t;
}

template <class S> struct Pass {
  TapsOfAxis<S> axis[3];
  int64_t in() const { return int64_t(axis[0].in) * axis[1].in * axis[2].in; }
  int64_t out() const { return int64_t(axis[0].by_out.divisor) * axis[1].by_out.divisor * axis[2].by_out.divisor; }
};

template <class From, class To>
void run_pass(const Pass<Sum<From>>& pass, int64_t outer, int64_t inner, const void* x, void* y) {
  const int64_t in = pass.in() * inner, out = pass.out() * inner, largest = std::max({in, out, int64_t(1)});
  check_implemented(largest <= kMaxOver, "", "resampling images of 2^30 elements and more on CUDA; call .cpu() first");
  const int64_t most = kMaxOver / largest;
  for (int64_t first = 0; first < outer; first += most) {
    Resample<From, To> f;
    for (int d = 0; d < 3; ++d) f.axis[d] = pass.axis[d];
    f.by_inner = FastDiv(uint32_t(inner));
    f.x = static_cast<const From*>(x) + first * in, f.y = static_cast<To*>(y) + first * out;
    over(f, std::min(most, outer - first) * out);
  }
}

// The axes that do something, those first that leave least.
std::vector<int> order_of(const ResampleArgs& a) {
  std::vector<int> order;
  for (int d = 2; d >= 0; --d)
    if (a.axis[d].start) order.push_back(d);
  const auto growth = [&](int d) { return double(a.axis[d].out) / double(std::max<int64_t>(a.axis[d].in, 1)); };
  std::stable_sort(order.begin(), order.end(), [&](int d, int e) { return growth(d) < growth(e); });
  return order;
}

double taps_of_output(const ResampleArgs& a) {
  double taps = 1;
  for (const ResampleAxis& axis : a.axis)
    if (axis.start) taps *= double(axis.start[axis.out]) / double(axis.out);
  return taps;
}

template <class E> void resample_images(const ResampleArgs& a) {
  using S = Sum<E>;
  const Taps<S> taps(a);
  const std::vector<int> order = order_of(a);
  if (order.size() < 2 || taps_of_output(a) <= kFewTaps)
    return run_pass<E, E>({{taps.of(0), taps.of(1), taps.of(2)}}, a.outer, a.inner, a.x, a.y);
  // A pass along each axis, in float32 or float64 between.
  Pass<S> pass;
  int64_t sizes[3];
  for (int d = 0; d < 3; ++d) sizes[d] = taps.of(d).in;
  std::optional<Scratch> between[2];
  const void* x = a.x;
  for (size_t i = 0; i < order.size(); ++i) {
    for (int d = 0; d < 3; ++d) pass.axis[d] = d == order[i] ? taps.of(d) : still<S>(sizes[d]);
    const bool begins = i == 0, ends = i + 1 == order.size();
    std::optional<Scratch>& to = between[i % 2];
    if (!ends) to.emplace(size_t(a.outer * pass.out() * a.inner) * sizeof(S));
    void* const y = ends ? a.y : to->data();
    if (begins) run_pass<E, S>(pass, a.outer, a.inner, x, y);
    else if (ends) run_pass<S, E>(pass, a.outer, a.inner, x, y);
    else run_pass<S, S>(pass, a.outer, a.inner, x, y);
    x = y;
    sizes[order[i]] = int64_t(taps.of(order[i]).by_out.divisor);
  }
}

}  // namespace

void resample(const ResampleArgs& a) {
  if (a.outer * a.inner * a.axis[0].out * a.axis[1].out * a.axis[2].out == 0) return;
  with_float(a.dtype, [&]<class E>() { resample_images<E>(a); });
}

}  // namespace cnn::cuda
