#include "core/parallel.h"
#include "cpu/skeletons/skeletons.h"

namespace cnn::cpu {

bool has_each(int functor, DType dtype) { return tables().each[functor][int(dtype)] != nullptr; }

void each(int functor, const EachCall& call) {
  const EachLoop loop = tables().each[functor][int(call.dtype)];
  const int64_t grain = (1 << 16) / call.cost;
  if (call.ordered || call.n <= grain) {
    loop(call.functor, 0, call.n);
    return;
  }
  WorkScope scope(0.15 * double(call.n) * call.cost);
  parallel_for(call.n, grain, [&](int64_t begin, int64_t end) { loop(call.functor, begin, end); });
}

}  // namespace cnn::cpu
