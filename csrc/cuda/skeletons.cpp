#include "cuda/skeletons.h"

#include "cuda/watch.h"
#include "kernels/arithmetic.h"

namespace cnn::cuda {
namespace {

constexpr int64_t kMaxElements = int64_t(1) << 30;  // of one launch: indices have 32 bits

Tables make_tables() {
  Tables t{};
  fill_map_activation(t);
  fill_map_arithmetic(t);
  fill_map_binary(t);
  fill_map_compare(t);
  fill_map_select(t);
  fill_map_special(t);
  fill_map_unary(t);
  fill_each(t);
  fill_each_random(t);
  fill_each_vision(t);
  fill_factor(t);
  fill_reduce(t);
  fill_rows_norm(t);
  fill_rows_rank(t);
  fill_rows_scan(t);
  return t;
}

}  // namespace

const Tables& tables() {
  static const Tables* const t = new Tables(make_tables());
  return *t;
}

bool has_map(int functor, DType key) { return tables().map[functor][int(key)] != nullptr; }
bool has_reduce(int functor, DType key) { return tables().reduce[functor][int(key)] != nullptr; }
bool has_rows(int functor, DType key) { return tables().rows[functor][int(key)] != nullptr; }
bool has_each(int functor, DType dtype) { return tables().each[functor][int(dtype)] != nullptr; }

void map(int functor, const MapCall& call) {
  int64_t n = 1;
  int longest = 0;
  for (int d = 0; d < call.ndim; ++d) {
    n *= call.sizes[d];
    if (call.sizes[d] > call.sizes[longest]) longest = d;
  }
  if (n == 0) return;
  if (n <= kMaxElements) {
    if (functor == kernels::IdOf<kernels::Copy>::value && is_reduced(call.key) && call.dtypes[0] != call.dtypes[1]) {
      MapCall by_float = call;  // what becomes a 16-bit float is a float in between, as dense kernels have it
      by_float.key = by_float.compute[0] = by_float.compute[1] = DType::Float32;
      tables().map[functor][int(DType::Float32)](by_float);
      return;
    }
    tables().map[functor][int(call.key)](call);
    return;
  }
  MapCall half = call;  // elements are independent: the longest dimension is cut in two
  half.sizes[longest] = call.sizes[longest] / 2;
  map(functor, half);
  for (int k = 0; k < call.operands; ++k)
    half.data[k] = static_cast<char*>(call.data[k]) + half.sizes[longest] * call.strides[k][longest];
  half.sizes[longest] = call.sizes[longest] - half.sizes[longest];
  map(functor, half);
}

void reduce(int functor, const ReduceCall& call) { tables().reduce[functor][int(call.key)](call); }

void each(int functor, const EachCall& call) {
  if (call.n > 0) tables().each[functor][int(call.dtype)](call);
  tell_at_once();
}

void each_many(int functor, const EachCall* calls, int count) {
  if (const EachManyLaunch launch = tables().each_many[functor][int(calls[0].dtype)]) return launch(calls, count);
  for (int i = 0; i < count; ++i) each(functor, calls[i]);
}

}  // namespace cnn::cuda
