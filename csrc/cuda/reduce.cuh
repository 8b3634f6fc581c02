// Reductions. A block has kReduceThreads threads: `lanes` of them share an output, each taking every lanes-th element,
// and are then joined in a tree. Where there are many elements they are cut into parts, and a second kernel joins the
// parts. Lanes and parts follow from the shape alone, so a result is the same on every GPU.
#pragma once

#include "cuda/convert.cuh"
#include "cuda/fast_div.h"
#include "cuda/memory.h"
#include "cuda/tables.h"
#include "kernels/reduce.h"

namespace cnn::cuda {

inline constexpr int kReduceThreads = 256;
inline constexpr int64_t kReduceSteps = 128;  // elements of a lane in a part

// The call, cut up.
struct ReducePlan {
  ReduceCall call;
  int64_t total, outputs;  // elements of an output; outputs
  int64_t parts, part;  // parts of an output; elements of a part
  int lanes;  // threads that share an output, a power of two
  bool lanes_first;  // do neighbouring threads share an output, or take neighbouring outputs?
  int64_t blocks_of_outputs;
  FastDiv by_n;  // for what has fewer than 2^31 elements
  // Which of the `batch` stretches of n elements is element i in?
  CNN_HD int64_t stretch(int64_t i) const {
    if (call.batch == 1) return 0;
    return total < (int64_t(1) << 31) ? int64_t(by_n.divide(uint32_t(i))) : i / call.n;
  }
};

inline ReducePlan plan_of(const ReduceCall& call) {
  ReducePlan p{call, call.batch * call.n, call.outer * call.inner, 1, 0, 1, true, 0, {}};
  if (p.total > 0 && p.total < (int64_t(1) << 31)) p.by_n = FastDiv(uint32_t(call.n));
  const bool columns = call.inner >= 8 && call.inner_stride == 1;
  p.lanes_first = !columns;
  const int most = columns ? 8 : kReduceThreads;
  while (p.lanes < most && p.lanes < p.total) p.lanes *= 2;
  p.part = kReduceSteps * p.lanes;
  p.parts = p.total > p.part ? (p.total + p.part - 1) / p.part : 1;
  const int64_t each = kReduceThreads / p.lanes;
  p.blocks_of_outputs = (p.outputs + each - 1) / each;
  return p;
}

template <class F, class T> using AccOf = typename F::template Acc<T>;

// Does the accumulator carry the element's number?
template <class F, class T> inline constexpr bool kFlat = kernels::Same<AccOf<F, T>, T>::value;

template <class F, class T>
__device__ inline AccOf<F, T> step(const F& f, AccOf<F, T> acc, T x, int64_t i) {
  if constexpr (kFlat<F, T>) return f.step(acc, x);
  else return f.step(acc, x, i);
}

// Lanes hold elements out of order, so of equal extrema the one with the lower number comes first.
template <class F, class Acc>
__device__ inline Acc join(const F& f, Acc a, Acc b) {
  if constexpr (F::kOrdered) return b.index >= 0 && b.index < a.index ? f.combine(b, a) : f.combine(a, b);
  else return f.combine(a, b);
}

// The accumulators of an output's lanes, joined; the result is lane 0's.
template <class F, class Acc>
__device__ inline Acc join_lanes(const F& f, Acc* shared, Acc acc, int output, int lane, int lanes) {
  Acc* const mine = shared + output * lanes + lane;
  *mine = acc;
  for (int half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) *mine = join(f, mine[0], mine[half]);
  }
  return *mine;
}

template <class F, class T>
__device__ inline void write_output(const F& f, AccOf<F, T> acc, const ReducePlan& p, int64_t output) {
  const ReduceCall& c = p.call;
  const int64_t o = output / c.inner, j = output - o * c.inner;
  const int64_t at = o * c.y_outer_stride + j * c.y_inner_stride;
  const auto put = [&](int k, auto value) {
    using V = decltype(value);
    if (c.y[k]) store_as(static_cast<char*>(c.y[k]) + at * item_size(c.y_dtype[k]), c.y_dtype[k], value, dtype_of<V>);
  };
  if constexpr (kFlat<F, T>) {
    put(0, f.finish(acc, p.total));
  } else {
    typename F::template First<T> first;
    typename F::template Second<T> second;
    f.finish(acc, p.total, &first, &second);
    put(0, first);
    put(1, second);
  }
}

// Block b works on outputs (b % blocks_of_outputs) * (threads / lanes) + ... and on part b / blocks_of_outputs.
template <class F, class T>
__global__ void __launch_bounds__(kReduceThreads) reduce_parts(F f, ReducePlan p, AccOf<F, T>* partials) {
  using Acc = AccOf<F, T>;
  alignas(16) __shared__ char memory[kReduceThreads * sizeof(Acc)];
  const int outputs = int(blockDim.x) / p.lanes, thread = int(threadIdx.x);
  const int lane = p.lanes_first ? thread % p.lanes : thread / outputs;
  const int mine = p.lanes_first ? thread / p.lanes : thread % outputs;
  const int64_t part = blockIdx.x / p.blocks_of_outputs;
  const int64_t output = (blockIdx.x - part * p.blocks_of_outputs) * outputs + mine;

  const ReduceCall& c = p.call;
  Acc acc = f.template identity<T>();
  if (output < p.outputs) {
    const int64_t o = output / c.inner, j = output - o * c.inner, size = item_size(c.dtype);
    const char* const x = static_cast<const char*>(c.x) + (o * c.outer_stride + j * c.inner_stride) * size;
    const int64_t begin = part * p.part, stop = begin + p.part < p.total ? begin + p.part : p.total;
    for (int64_t i = begin + lane; i < stop; i += p.lanes) {
      const int64_t b = p.stretch(i);
      const char* const at = x + (b * c.batch_stride + (i - b * c.n) * c.n_stride) * size;
      acc = step<F, T>(f, acc, load_as<T>(at, c.dtype, c.key), i);
    }
  }
  acc = join_lanes(f, reinterpret_cast<Acc*>(memory), acc, mine, lane, p.lanes);
  if (lane != 0 || output >= p.outputs) return;
  if (partials) partials[part * p.outputs + output] = acc;
  else write_output<F, T>(f, acc, p, output);
}

// The parts of outputs, joined; here p.lanes threads share an output's parts.
template <class F, class T>
__global__ void __launch_bounds__(kReduceThreads) join_parts(F f, ReducePlan p, const AccOf<F, T>* partials) {
  using Acc = AccOf<F, T>;
  alignas(16) __shared__ char memory[kReduceThreads * sizeof(Acc)];
  const int outputs = int(blockDim.x) / p.lanes;
  const int lane = int(threadIdx.x) / outputs, mine = int(threadIdx.x) % outputs;
  const int64_t output = int64_t(blockIdx.x) * outputs + mine;
  Acc acc = f.template identity<T>();
  if (output < p.outputs)
    for (int64_t part = lane; part < p.parts; part += p.lanes) acc = join(f, acc, partials[part * p.outputs + output]);
  acc = join_lanes(f, reinterpret_cast<Acc*>(memory), acc, mine, lane, p.lanes);
  if (lane == 0 && output < p.outputs) write_output<F, T>(f, acc, p, output);
}

template <class F, class T>
void launch_reduce(const ReduceCall& call) {
  const F& f = *static_cast<const F*>(call.functor);
  ReducePlan p = plan_of(call);
  const int64_t blocks = p.parts * p.blocks_of_outputs;
  check_implemented(blocks < (int64_t(1) << 31), "", "reduction of ", p.outputs, " outputs on CUDA; call .cpu() first");
  AccOf<F, T>* const none = nullptr;
  const auto kernel = reduce_parts<F, T>;
  if (p.parts == 1) {
    CNN_LAUNCH(kernel, unsigned(blocks), kReduceThreads, f, p, none);
    return;
  }
  const Scratch scratch(size_t(p.parts * p.outputs) * sizeof(AccOf<F, T>));
  AccOf<F, T>* const partials = static_cast<AccOf<F, T>*>(scratch.data());
  CNN_LAUNCH(kernel, unsigned(blocks), kReduceThreads, f, p, partials);
  p.lanes = 1;
  while (p.lanes < kReduceThreads && p.lanes < p.parts) p.lanes *= 2;
  const int64_t each = kReduceThreads / p.lanes;
  const auto second = join_parts<F, T>;
  CNN_LAUNCH(second, unsigned((p.outputs + each - 1) / each), kReduceThreads, f, p, partials);
}

template <class F, kernels::ReduceTypes kTypes>
void add_reduce(Tables& t) {
  using kernels::ReduceTypes;
  ReduceLaunch* row = t.reduce[kernels::IdOf<F>::value];
  if constexpr (kTypes == ReduceTypes::Flags) {
    row[int(DType::Bool)] = launch_reduce<F, bool>;
  } else {
    row[int(DType::Float32)] = launch_reduce<F, float>;
    row[int(DType::Float64)] = launch_reduce<F, double>;
    if constexpr (kTypes == ReduceTypes::Wide) row[int(DType::Int64)] = launch_reduce<F, int64_t>;
  }
}

}  // namespace cnn::cuda
